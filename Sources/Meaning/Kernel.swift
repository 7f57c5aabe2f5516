import CMeaning

/// The processor's instructions that vectors are computed with.
package enum Kernel: String, CaseIterable, Sendable {
    /// What every processor of the architecture has: SSE2 on x86-64.
    case baseline
    case avx2
    /// With VNNI.
    case avx512

    /// The fastest that this machine has.
    package static let best = Kernel.allCases.last { $0.runs } ?? .baseline

    package var runs: Bool { membus_kernel_runs(inC) }

    var inC: membus_kernel {
        switch self {
        case .baseline: membus_kernel_baseline
        case .avx2: membus_kernel_avx2
        case .avx512: membus_kernel_avx512
        }
    }
}
