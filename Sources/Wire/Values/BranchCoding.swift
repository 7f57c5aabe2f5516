import MembusModel

// What becomes of branches and tags, as a session is asked for it; and branches and tags as they are listed.

extension BranchChange {
    init(_ message: PBBranchChange) throws(Refusal) {
        if message.name.isEmpty {
            throw Refusal(.invalidName, "branch_change.name: \(InvalidName(.branch, "", "is empty"))")
        }
        guard let action = Action(message.action) else {
            throw Refusal(
                .invalidArgument, "branch_change.action: it is none that this broker knows", subject: "action")
        }
        self.init(
            try Parse.branch(message.name, "branch_change.name"), action, context: message.context,
            message: message.message)
    }
}

extension BranchChange.Action {
    fileprivate init?(_ action: PBBranchChange.Action) {
        switch action {
        case .close: self = .close
        case .reopen: self = .reopen
        case .protect: self = .protect
        case .unprotect: self = .unprotect
        case .delete: self = .delete
        case .unspecified, .UNRECOGNIZED: return nil
        }
    }
}

extension PBBranchChange {
    init(_ change: BranchChange) {
        self.init()
        name = change.name.text
        action =
            switch change.action {
            case .close: .close
            case .reopen: .reopen
            case .protect: .protect
            case .unprotect: .unprotect
            case .delete: .delete
            }
        context = change.context
        message = change.message
    }
}

extension TagChange {
    init(_ message: PBTagChange) throws(Refusal) {
        let name = try Parse.tag(message.name, "tag_change.name")
        let action: Action
        switch message.action {
        case .create(let create):
            action = .create(
                branch: try Parse.branch(create.branch, "tag_change.create.branch"),
                at: create.hasAt ? try Parse.revision(create.at, "tag_change.create.at") : nil)
        case .delete: action = .delete
        case nil:
            throw Refusal(.invalidArgument, "tag_change.action: it is none that this broker knows", subject: "action")
        }
        self.init(name, action, context: message.context, message: message.message)
    }
}

extension PBTagChange {
    init(_ change: TagChange) {
        self.init()
        name = change.name.text
        switch change.action {
        case .create(let branch, let at):
            create = .with {
                $0.branch = branch.text
                if let at { $0.at = at }
            }
        case .delete: delete = true
        }
        context = change.context
        message = change.message
    }
}

// MARK: Lists

extension BranchInfo {
    init(_ message: PBBranch) throws(Refusal) {
        self.init(
            name: BranchName(unchecked: message.name),
            parent: message.parent.isEmpty ? nil : BranchName(unchecked: message.parent),
            forkRevision: try Parse.revision(message.forkRevision, "branch.fork_revision"),
            created: try Parse.revision(message.created, "branch.created"), isClosed: message.closed,
            isProtected: message.protected,
            figures: message.hasFigures ? try BranchFigures(message.figures) : nil)
    }
}

extension PBBranch {
    init(_ branch: BranchInfo) {
        self.init()
        name = branch.name.text
        parent = branch.parent?.text ?? ""
        forkRevision = branch.forkRevision
        created = branch.created
        closed = branch.isClosed
        protected = branch.isProtected
        if let figures = branch.figures { self.figures = PBBranchFigures(figures) }
    }
}

extension BranchFigures {
    fileprivate init(_ message: PBBranchFigures) throws(Refusal) {
        self.init(
            head: try Parse.revision(message.head, "branch.figures.head"), ahead: message.ahead,
            behind: message.behind,
            merged: message.mergedInto.isEmpty
                ? nil
                : LastMerge(
                    into: BranchName(unchecked: message.mergedInto), revision: message.merged,
                    source: message.mergedSource),
            openConflicts: message.openConflicts)
    }
}

extension PBBranchFigures {
    fileprivate init(_ figures: BranchFigures) {
        self.init()
        head = figures.head
        ahead = figures.ahead
        behind = figures.behind
        if let merged = figures.merged {
            mergedInto = merged.into.text
            self.merged = merged.revision
            mergedSource = merged.source
        }
        openConflicts = figures.openConflicts
    }
}

extension TagInfo {
    init(_ message: PBTag) throws(Refusal) {
        self.init(
            name: TagName(unchecked: message.name), branch: BranchName(unchecked: message.branch),
            revision: try Parse.revision(message.revision, "tag.revision"), agent: message.agent,
            time: Timestamp(milliseconds: message.timeMs), message: message.message,
            created: try Parse.revision(message.created, "tag.created"), holdsHistory: message.holdsHistory)
    }
}

extension PBTag {
    init(_ tag: TagInfo) {
        self.init()
        name = tag.name.text
        branch = tag.branch.text
        revision = tag.revision
        agent = tag.agent
        timeMs = tag.time.milliseconds
        message = tag.message
        created = tag.created
        holdsHistory = tag.holdsHistory
    }
}
