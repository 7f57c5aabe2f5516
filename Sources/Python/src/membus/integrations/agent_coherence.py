"""A substrate of agent-coherence in Membus: its agents' artifacts, with a compare-and-set that the broker arbitrates,
and whole workspaces that are checkpointed and restored.

    import membus
    from membus.integrations.agent_coherence import MembusSubstrate, MembusWorkspace

    memory = membus.connect(agent="coder")
    agent = CoordinatedSubstrate(MembusSubstrate(memory), session)           # was: CoherentObject(…) on an S3 bucket
    bytes, token = agent.read("plans/paris.md")

    workspace = MembusWorkspace(memory)
    checkpoint = workspace.checkpoint(["plans/paris.md", "plans/rome.md"])
    workspace.restore(checkpoint.id)

An artifact is the record at `coherence/artifacts/REF`, of any kind. Its token is the revision that wrote it, and the
lineage. What a checkpoint found is JSON at `coherence/checkpoints/ID`; its state is the branch `checkpoint-ID`, which
copies nothing, and keeps what it needs from being compacted. Conflicts are told in the framework's own words:
`CasConflict`, and the outcome `conflict` of a restore, which tries each member three times on what is there; a write of
which nothing is heard is `CasUnknown`.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ccs.adapters.substrate import (
    CasConflict, CasUnknown, CasWriteResult, CasWritten, ReconcileDecision, ReconcileVerdict, ReconcilingSubstrate,
)  # fmt: skip
from ccs.core.substrate import ArbitrationTier, CapabilityDescriptor, DurabilityRegime, RestoreTier, Tier, sha256_hex

from .. import CommittedButNotSeen, Conflict, Memory, Record, Timeout, Token, Transaction, UnknownBranch
from ._layout import as_json, path

__all__ = ["Checkpoint", "Member", "MembusSubstrate", "MembusWorkspace"]

ARTIFACTS = "coherence/artifacts/"
CHECKPOINTS = "coherence/checkpoints/"

#: How often a restore tries a member, while others write it.
_TRIES = 3


class MembusSubstrate:
    """What agent-coherence asks of a substrate (`ReconcilingSubstrate`).

    Args:
        memory: of `membus.connect`. It stays the caller's to close.
        prefix: the topic of the artifacts.

    Raises, from every call:
        membus.MembusError: what did not go through: InvalidName, Refused; Timeout where nothing was written.
    """

    #: What artifacts hold never reaches the coordinator.
    SENDS_CONTENT_TO_COORDINATOR = False

    def __init__(self, memory: Memory, *, prefix: str = ARTIFACTS) -> None:
        self._memory = memory
        self._prefix = prefix

    def coordinator_commit_content(self) -> None:
        return None

    @property
    def descriptor(self) -> CapabilityDescriptor:
        return CapabilityDescriptor(
            tier=Tier.NATIVE_CAS, version_source="the revision of the commit that wrote the record, and the lineage",
            least_privilege=f"a connection to the broker; it reads and writes {self._prefix}",
            consistency_note="linearizable: one broker decides each transaction, in one order",
            versioned_pinnable=True, restore_tier=RestoreTier.RESTORABLE, arbitration_tier=ArbitrationTier.NATIVE_CAS,
            durability_regime=DurabilityRegime.OS_CRASH,
            durability_facts="the broker's log is fsynced before a commit is acknowledged")

    def path(self, artifact_ref: str) -> str:
        """The key of an artifact's record: for `memory.history(…)`, `memory.revert(…)` and the command line."""
        return self._prefix + path(*artifact_ref.split("/"))

    def read(self, artifact_ref: str) -> tuple[bytes, str]:
        """
        Raises:
            KeyError: there is none.
        """
        place = self.path(artifact_ref)
        found = self._memory.get_all(place)
        if place not in found:
            raise KeyError(artifact_ref)
        return found[place].value or b"", _token(found.token, found[place].revision)

    def write(self, artifact_ref: str, data: bytes) -> str:
        """Writes whatever is there, or makes it. -> its token"""
        receipt = self._memory.put(self.path(artifact_ref), data)
        return _token(receipt.token, receipt.revision)

    def cas_write(self, artifact_ref: str, *, expected_token: str, new_bytes: bytes) -> CasWriteResult:
        place = self.path(artifact_ref)
        lineage, _, revision = expected_token.partition(".")

        def body(tx: Transaction) -> None:
            tx.require(place, at=int(revision))
            tx.put(place, new_bytes)

        try:
            receipt = self._memory.transact(body, message=f"write {artifact_ref}"[:200])
        except Conflict:
            return CasConflict()
        except CommittedButNotSeen as committed:
            if committed.token is None:
                return CasUnknown()
            return CasWritten(token=_token(committed.token, committed.token.revision))
        except Timeout as timeout:
            if timeout.outcome_unknown:
                return CasUnknown()
            raise
        if f"{receipt.token.lineage:x}" != lineage:
            return CasUnknown()  # A backup was put back just then: what the token stood for is gone.
        return CasWritten(token=_token(receipt.token, receipt.revision))

    def reconcile_after_unknown(
        self, artifact_ref: str, *, expected_token: str, intended_hash: str
    ) -> ReconcileDecision:
        try:
            data, token = self.read(artifact_ref)
        except KeyError:
            return ReconcileDecision(ReconcileVerdict.HOLD, None, None)
        if token == expected_token:
            verdict = ReconcileVerdict.RE_DRIVE
        elif sha256_hex(data) == intended_hash:
            verdict = ReconcileVerdict.CONVERGE
        else:
            verdict = ReconcileVerdict.CONFLICT
        return ReconcileDecision(verdict, data, token)


class Member(NamedTuple):
    """What a checkpoint found of an artifact.

    Attributes:
        ref: the artifact's.
        token: its version; None: there was none.
        fingerprint: the SHA-256 of its bytes; None: there was none.
        moved: whether somebody wrote it while the checkpoint was made, which holds the state from before that.
    """

    ref: str
    token: str | None
    fingerprint: str | None
    moved: bool


class Checkpoint(NamedTuple):
    """A state of some artifacts, all of one revision."""

    id: str
    revision: int
    members: tuple[Member, ...]


class MembusWorkspace:
    """Checkpoints of artifacts, which are restored by new commits: history only grows.

    Args:
        memory: of `membus.connect`. It stays the caller's to close.
        prefix: the topic of the artifacts.
        checkpoints: the topic of the checkpoints.
    """

    def __init__(self, memory: Memory, *, prefix: str = ARTIFACTS, checkpoints: str = CHECKPOINTS) -> None:
        self.substrate = MembusSubstrate(memory, prefix=prefix)
        self._memory = memory
        self._checkpoints = checkpoints

    def checkpoint(self, refs: Sequence[str]) -> Checkpoint:
        """Takes down what these artifacts are, as of one revision; some may be absent."""
        id, places = uuid.uuid4().hex, [self.substrate.path(ref) for ref in refs]
        found = self._memory.get_all(*places)
        self._taken(refs)
        # An empty memory has no state to fork: nothing is absent as of anything.
        revision = found.revision or self._memory.put(self._checkpoints + id, as_json({}), kind="json").revision
        self._memory.fork(_branch(id), at=revision, message="checkpoint")
        now = self._memory.get_all(*places)
        members = tuple(
            Member(
                ref, _token(found.token, found[place].revision) if place in found else None,
                sha256_hex(found[place].value or b"") if place in found else None, found.get(place) != now.get(place))
            for ref, place in zip(refs, places, strict=True))
        about = {"revision": revision, "members": [member._asdict() for member in members]}
        self._memory.put(self._checkpoints + id, as_json(about), kind="json", message=f"checkpoint {id}")
        return Checkpoint(id, revision, members)

    def restore(self, checkpoint_id: str) -> dict[str, str]:
        """Has each artifact be again as it was: by a commit of its own, made to what is there.

        Returns:
            the outcome of each, in agent-coherence's words: "restored", "converged" (it was so already), "conflict"
            (others wrote it each time that it was tried), "target_lost" (the checkpoint's state is gone).

        Raises:
            KeyError: there is no such checkpoint.
        """
        record = self._memory.get(self._checkpoints + checkpoint_id)
        if record is None:
            raise KeyError(checkpoint_id)
        return {member["ref"]: self._restore(checkpoint_id, member) for member in record.json()["members"]}

    def _restore(self, id: str, member: dict[str, Any]) -> str:
        place = self.substrate.path(member["ref"])
        try:
            wanted = self._memory.get(place, branch=_branch(id))
        except UnknownBranch:
            return "target_lost"
        if (wanted is None) != (member["token"] is None):
            return "target_lost"
        for _ in range(_TRIES):
            found = self._memory.get_all(place).get(place)
            self._looked(member["ref"])
            if (found and (found.value, found.kind)) == (wanted and (wanted.value, wanted.kind)):
                return "converged"

            def body(tx: Transaction, found: Record | None = found) -> None:
                _put_back(tx, place, found, wanted)

            try:
                self._memory.transact(body, message=f"restore {member['ref']}"[:200])
                return "restored"
            except Conflict:
                continue
        return "conflict"

    # What tests hold their moments by.

    def _taken(self, refs: Sequence[str]) -> None: ...
    def _looked(self, ref: str) -> None: ...


def _put_back(tx: Transaction, place: str, found: Record | None, wanted: Record | None) -> None:
    tx.require(place, at=0 if found is None else found.revision)
    if wanted is None:
        tx.delete(place)
    else:
        tx.put(place, wanted.value or b"", kind=wanted.kind, attributes=wanted.attributes, links=wanted.links)


def _token(state: Token, revision: int) -> str:
    return f"{state.lineage:x}.{revision}"


def _branch(id: str) -> str:
    return f"checkpoint-{id}"


if TYPE_CHECKING:
    _is_a_substrate: type[ReconcilingSubstrate] = MembusSubstrate
