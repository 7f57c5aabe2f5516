import Foundation
import MembusModel

extension Samples {
    mutating func tag() -> TagName { TagName(unchecked: pick(["before-the-trip", "v1.0", "été"])) }

    mutating func branchChange() -> BranchChange {
        BranchChange(branch(), pick(BranchChange.Action.allCases), context: someText(), message: text())
    }

    mutating func tagChange() -> TagChange {
        let branch = branch()
        let at = maybe { $0.revision() }
        return TagChange(tag(), pick([.create(branch: branch, at: at), .delete]), context: someText(), message: text())
    }

    mutating func branches() -> GetBranches {
        let (branch, tag) = (maybe { $0.branch() }, self.tag())
        return GetBranches(
            pick([.branches(after: branch), .tags(after: nil), .tags(after: tag), .tag(tag)]), withFigures: flag(),
            limit: pick([nil, 1, 10_000]))
    }

    mutating func branchPage() -> BranchPage {
        BranchPage(
            branches: list {
                BranchInfo(
                    name: $0.branch(), parent: $0.maybe { $0.branch() }, forkRevision: $0.revision(),
                    created: $0.revision(), isClosed: $0.flag(), isProtected: $0.flag(),
                    figures: $0.maybe { $0.figures() })
            },
            tags: list {
                TagInfo(
                    name: $0.tag(), branch: $0.branch(), revision: $0.revision(), agent: $0.someText(), time: $0.time(),
                    message: $0.text(), created: $0.revision(), holdsHistory: $0.flag())
            }, more: flag())
    }

    private mutating func figures() -> BranchFigures {
        BranchFigures(
            head: revision(), ahead: revision(), behind: revision(),
            merged: maybe {
                BranchFigures.LastMerge(into: $0.branch(), revision: $0.revision(), source: $0.revision())
            }, openConflicts: revision())
    }
}
