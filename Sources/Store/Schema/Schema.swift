// The tables. Commits and their changes are the record of truth and are only ever appended, until
// compaction drops what the floor has passed. There is no table of heads: the newest version of a key at or
// below a revision is one descending seek in `changes_by_key`.
//
// A change's position is revision << 20 | ordinal, so the order of rowids is the order of history, and the
// index over (branch, key), which ends in the rowid as every index of SQLite does, is in the order of
// (branch, key, position).

enum Schema {
    /// "Mbus"
    static let applicationID: Int32 = 0x4D62_7573
    static let version = 7

    static let first = """
        CREATE TABLE meta(
          key TEXT PRIMARY KEY NOT NULL,
          value ANY NOT NULL
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE branches(
          id INTEGER PRIMARY KEY,
          name TEXT NOT NULL UNIQUE,
          parent INTEGER,                  -- NULL: main
          fork_revision INTEGER NOT NULL,  -- the newest of the parent's revisions that it inherits
          created INTEGER NOT NULL         -- the commit that made it
        ) STRICT;

        CREATE TABLE commits(
          revision INTEGER PRIMARY KEY,
          branch INTEGER NOT NULL,
          agent TEXT NOT NULL,
          session INTEGER,                 -- NULL: the broker's own
          number INTEGER NOT NULL,
          time INTEGER NOT NULL,
          context TEXT NOT NULL,
          message TEXT NOT NULL,
          preconditions BLOB,              -- NULL: none
          merged_from INTEGER,             -- the other parent of a merge: a revision
          hash BLOB NOT NULL               -- 32 bytes
        ) STRICT;

        CREATE TABLE hashes(               -- of commits that compaction has passed: see HashArchive
          block INTEGER PRIMARY KEY,
          bytes BLOB NOT NULL
        ) STRICT;

        CREATE TABLE changes(
          position INTEGER PRIMARY KEY,
          branch INTEGER NOT NULL,
          key TEXT NOT NULL,
          kind TEXT,                       -- NULL: a deletion
          owner TEXT,
          attributes BLOB,                 -- NULL: none
          links BLOB,                      -- NULL: none
          expires INTEGER,
          value BLOB                       -- NULL: empty; last, so that the rest is read without it
        ) STRICT;
        CREATE INDEX changes_by_key ON changes(branch, key);
        CREATE INDEX changes_by_expiry ON changes(expires) WHERE expires IS NOT NULL;

        CREATE TABLE reads(
          revision INTEGER NOT NULL,
          ordinal INTEGER NOT NULL,
          key TEXT NOT NULL,
          version INTEGER NOT NULL,
          PRIMARY KEY(revision, ordinal)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE accesses(
          agent TEXT NOT NULL,
          context TEXT NOT NULL,
          branch INTEGER NOT NULL,
          key TEXT NOT NULL,
          version INTEGER NOT NULL,
          first_read INTEGER NOT NULL,
          PRIMARY KEY(agent, context, branch, key, version)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE tags(
          name TEXT PRIMARY KEY NOT NULL,
          branch INTEGER NOT NULL,
          revision INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE sessions(
          id INTEGER PRIMARY KEY,
          agent TEXT NOT NULL,
          created INTEGER NOT NULL,
          used INTEGER NOT NULL,
          last INTEGER NOT NULL,
          acknowledged INTEGER NOT NULL,
          results BLOB                     -- NULL: none
        ) STRICT;

        INSERT INTO branches VALUES(1, 'main', NULL, 0, 0);
        """

    /// Versions that are told by what they changed of an older one: SplicedValues.
    static let second = """
        ALTER TABLE changes ADD COLUMN base INTEGER;  -- the older one's position; NULL: the value is whole

        CREATE TABLE spliced(
          position INTEGER PRIMARY KEY,
          base INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX spliced_by_base ON spliced(base);
        """

    /// The commits of each branch in their order, since version 4: what one state contains and another does not is a few
    /// spans of it. Made at once, in a second for a million commits.
    static let branchOrder = "CREATE INDEX commits_by_branch ON commits(branch, revision);"

    /// What commits did beyond what their records say, and which states branches have merged, since version 5. Merges outlive
    /// their commits, since what a branch contains follows from all of them.
    static let provenance = """
        ALTER TABLE commits ADD COLUMN provenance BLOB;  -- NULL: nothing; see Provenance

        CREATE TABLE merges(
          revision INTEGER PRIMARY KEY,    -- the commit
          branch INTEGER NOT NULL,         -- where it was made
          source INTEGER NOT NULL,         -- a branch
          source_revision INTEGER NOT NULL -- up to which it is contained from then on
        ) STRICT;

        CREATE TABLE reverted(             -- what reverts left out; it outlives both
          key TEXT NOT NULL,
          revision INTEGER NOT NULL,       -- of the revert
          version INTEGER NOT NULL,        -- a revision
          branch INTEGER NOT NULL,         -- of the revert
          version_branch INTEGER NOT NULL,
          amount INTEGER,                  -- by how much the version had incremented; NULL: it was no increment
          PRIMARY KEY(key, revision, version)
        ) STRICT, WITHOUT ROWID;
        """

    /// Which reverts took all that derived along, and which versions are quarantined, since version 6.
    static let quarantine = """
        ALTER TABLE reverted ADD COLUMN cascades INTEGER NOT NULL DEFAULT 0;  -- 1: with all that derived
        CREATE INDEX reverted_by_cascade ON reverted(revision) WHERE cascades = 1;

        CREATE TABLE quarantined(
          key TEXT NOT NULL,
          revision INTEGER NOT NULL,       -- of the quarantine
          version INTEGER NOT NULL,        -- a revision; that of the marked record, too
          branch INTEGER NOT NULL,         -- of the quarantine
          PRIMARY KEY(key, revision, version)
        ) STRICT, WITHOUT ROWID;
        """

    /// What branches may be used for, who made tags, and which commits only say such things, since version 6.
    static let branchLife = """
        ALTER TABLE branches ADD COLUMN inherited INTEGER NOT NULL DEFAULT 0;  -- whether what it inherited expires on it
        ALTER TABLE branches ADD COLUMN closed INTEGER;     -- the commit that closed it; NULL: it is open
        ALTER TABLE branches ADD COLUMN protected INTEGER;  -- the commit that protected it; NULL: it is not
        ALTER TABLE branches ADD COLUMN deleted INTEGER;    -- the commit that deleted it; NULL: it is there
        ALTER TABLE branches ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;  -- the last commit that changed these
        CREATE INDEX branches_by_change ON branches(changed) WHERE changed > 0;

        ALTER TABLE tags ADD COLUMN agent TEXT NOT NULL DEFAULT '';
        ALTER TABLE tags ADD COLUMN message TEXT NOT NULL DEFAULT '';
        ALTER TABLE tags ADD COLUMN time INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE tags ADD COLUMN created INTEGER NOT NULL DEFAULT 0;  -- the commit that made it
        CREATE INDEX tags_by_state ON tags(branch, revision);

        CREATE TABLE bare(                 -- commits that only make, close, protect, tag: they change no record
          revision INTEGER PRIMARY KEY,
          branch INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX bare_by_branch ON bare(branch, revision);
        INSERT INTO bare SELECT created, id FROM branches
          WHERE parent IS NOT NULL AND EXISTS (SELECT 1 FROM commits WHERE commits.revision = created);
        """

    /// What was read, since version 6: with each commit in its row, and notes of agents in rows of a batch each.
    static let recording = """
        ALTER TABLE commits ADD COLUMN reads BLOB;  -- NULL: none; see ReadList

        CREATE TABLE notes(
          id INTEGER PRIMARY KEY AUTOINCREMENT,
          head INTEGER NOT NULL,           -- the newest revision when they came
          time INTEGER NOT NULL,           -- when they came
          agent TEXT NOT NULL,
          session INTEGER,                 -- of a reader that names no context; NULL: none
          context TEXT NOT NULL,
          dropped INTEGER NOT NULL,        -- so many more reads, which the client could not keep
          reads BLOB NOT NULL              -- see NotedList
        ) STRICT;
        CREATE INDEX notes_by_who ON notes(agent, context, head);
        """

    /// What agents sent along with values, since version 7.
    static let vectors = "ALTER TABLE changes ADD COLUMN vectors BLOB;  -- NULL: none; see Vectors"

    /// What compaction has dropped, since version 3.
    static let dropped = """
        CREATE TABLE dropped(              -- what compaction has dropped: see DroppedPlaces
          branch INTEGER NOT NULL,
          name TEXT NOT NULL,              -- a key, or a prefix that ends in '/'
          position INTEGER NOT NULL,       -- of the newest change that is gone
          PRIMARY KEY(branch, name)
        ) STRICT, WITHOUT ROWID;
        """
}
