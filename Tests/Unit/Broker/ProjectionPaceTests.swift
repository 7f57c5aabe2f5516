import MembusBroker
import MembusModel
import Testing

@Suite("How projections rest")
struct ProjectionPaceTests {
    private func at(_ time: Duration) -> Instant { Instant(nanoseconds: 0) + time }

    @Test("what follows the commits takes a quarter of a processor, and the less the faster they come")
    func pace() {
        var pace = ProjectionPace(visible: 10, now: at(.zero))
        let step = Duration.milliseconds(40)
        #expect(pace.rest(after: step, visible: 10, now: at(.seconds(1))) == step * 3)
        #expect(pace.rest(after: step, visible: 160, now: at(.seconds(2))) == step * 3)
        #expect(pace.rest(after: step, visible: 1160, now: at(.seconds(3))) == step * 20)
        #expect(pace.rest(after: step, visible: 1260, now: at(.seconds(3) + .milliseconds(100))) == step * 20)
        #expect(pace.rest(after: step, visible: 901_260, now: at(.seconds(4))) == step * 99)
        #expect(pace.rest(after: step, visible: 901_260, now: at(.seconds(5))) == step * 3)
    }

    @Test("a clock that stands still, and a history that is a shorter one, are no reason to stop")
    func odd() {
        var pace = ProjectionPace(visible: 1000, now: at(.seconds(5)))
        #expect(pace.rest(after: .zero, visible: 1000, now: at(.seconds(5))) == .zero)
        #expect(pace.rest(after: .milliseconds(1), visible: 3, now: at(.seconds(5))) == .milliseconds(3))
    }
}
