"""agent-coherence's own conformance kits, on Membus's substrate; and two processes on one artifact, against a real broker."""

import inspect

import ccs.testing.substrate_conformance as kit
import membus
import pytest
from ccs.adapters.substrate import CasConflict, CasUnknown, CasWritten, CoordinatedSubstrate, ReconcileVerdict, ReconcilingSubstrate
from ccs.core.substrate import sha256_hex
from membus.integrations.agent_coherence import MembusSubstrate, MembusWorkspace
from writers import hammered, nothing_lost_or_doubled


class Counted:
    """A memory that counts what is asked of the broker."""

    def __init__(self, memory):
        self._memory, self.reads = memory, 0

    def get_all(self, *keys, **about):
        self.reads += 1
        return self._memory.get_all(*keys, **about)

    def __getattr__(self, name):
        return getattr(self._memory, name)


class Binding:
    """For the kit of native compare-and-set."""

    def __init__(self, memory, url):
        self.memory, self.url = Counted(memory), url
        self.foreign = membus.connect(url, agent="foreign")

    @property
    def descriptor(self):
        return self.make_view().descriptor

    def seed(self, ref, data):
        MembusSubstrate(self.memory).write(ref, data)

    def foreign_write(self, ref, data):
        MembusSubstrate(self.foreign).write(ref, data)

    def make_view(self):
        return MembusSubstrate(self.memory)

    def substrate_read_count(self):
        return self.memory.reads


class Workspace(MembusWorkspace):
    """What the kit wants to happen at certain moments."""

    def __init__(self, memory):
        super().__init__(memory)
        self.during, self.contended, self.count = {}, set(), 0

    def _taken(self, refs):
        for ref in refs:
            if ref in self.during:
                self.substrate.write(ref, self.during.pop(ref))

    def _looked(self, ref):
        if ref in self.contended:
            self.count += 1
            self.substrate.write(ref, f"foreign-{self.count}".encode())


class WorkspaceBinding(Binding):
    """For the kit of workspaces: all that can be declared is."""

    declares_versioned = declares_pinnable = declares_restart_survival = True

    def __init__(self, memory, url):
        super().__init__(memory, url)
        self.workspace = Workspace(memory)

    def checkpoint_workspace(self, refs):
        checkpoint = self.workspace.checkpoint(refs)
        tier = self.descriptor.restore_tier.value
        return kit.WorkspaceCheckpointFacts(checkpoint.id, tuple(
            kit.WorkspaceMemberFacts(member.ref, member.token is None, member.fingerprint, member.moved, tier, member.token)
            for member in checkpoint.members))

    def restore_workspace(self, checkpoint_id):
        outcomes = self.workspace.restore(checkpoint_id)
        return kit.WorkspaceRestoreFacts(
            checkpoint_id, True, tuple(kit.RestoredMemberFacts(*outcome) for outcome in outcomes.items()))

    def read_live(self, ref):
        record = self.foreign.get(self.make_view().path(ref))
        return record and record.value

    def live_version_pointer(self, ref):
        try:
            return MembusSubstrate(self.foreign).read(ref)[1]
        except KeyError:
            return None

    def read_at_pointer(self, ref, pointer):
        record = self.foreign.get(self.make_view().path(ref), at=int(pointer.split(".")[1]))
        return record and record.value

    def write_during_capture(self, ref, data):
        self.workspace.during[ref] = data

    def sustain_contention(self, ref):
        self.workspace.contended.add(ref)

    def expire_noncurrent_history(self, ref):
        self.foreign.compact(below=self.foreign.status()["head"]["revision"])

    def restart(self):
        self.workspace = Workspace(membus.connect(self.url, agent="restarted"))


#: The scenarios that a kit runs, as it lists them.
NATIVE = [name for name in inspect.getsource(kit.run_native_cas_conformance).split() if name.startswith("assert_")]
WORKSPACES = [name for name in inspect.getsource(kit.run_workspace_conformance).split() if name.startswith("assert_w")]


def scenarios(names):
    return [name.split("(")[0] for name in names]


@pytest.fixture
def session(tmp_path):
    harness = kit.CoordinatorHarness(tmp_path / "coordinator", None)
    (tmp_path / "coordinator").mkdir()
    yield harness
    harness.close()


@pytest.mark.parametrize("scenario", scenarios(NATIVE))
def test_native_cas(scenario, memory, broker, session):
    binding = Binding(memory, broker.url)
    if scenario == "assert_native_cas_descriptor":
        kit.assert_native_cas_descriptor(binding.descriptor)
    else:
        getattr(kit, scenario)(binding, session)


@pytest.mark.parametrize("scenario", scenarios(WORKSPACES))
def test_workspace(scenario, memory, broker):
    getattr(kit, scenario)(WorkspaceBinding(memory, broker.url))


def test_the_kits_run_whole(memory, broker, session):
    assert (len(NATIVE), len(WORKSPACES)) == (5, 9)
    kit.run_native_cas_conformance(Binding(memory, broker.url), session)
    kit.run_workspace_conformance(WorkspaceBinding(memory, broker.url))
    kit.assert_durability_regime_is_declared(MembusSubstrate(memory).descriptor)
    assert isinstance(MembusSubstrate(memory), ReconcilingSubstrate)


def test_artifacts_are_records_where_people_find_them(memory):
    substrate = MembusSubstrate(memory)
    substrate.write("plans/a b.md", b"x")
    assert memory.get("coherence/artifacts/plans/a b.md").value == b"x" and substrate.path("a//b") == "coherence/artifacts/a/-/b"


def test_a_write_of_which_nothing_is_heard_is_unknown_and_reconciled(broker):
    with membus.connect(broker.url, agent="a", timeout=1) as memory:
        substrate = MembusSubstrate(memory)
        token = substrate.write("a", b"1")
        broker.kill()
        assert isinstance(substrate.cas_write("a", expected_token=token, new_bytes=b"2"), CasUnknown)
        broker.start()
        memory.put("x", "1", timeout=30)
        found = substrate.reconcile_after_unknown("a", expected_token=token, intended_hash=sha256_hex(b"2"))
        assert found.verdict in (ReconcileVerdict.RE_DRIVE, ReconcileVerdict.CONVERGE)
        substrate.write("a", b"3")
        assert substrate.reconcile_after_unknown("a", expected_token=token, intended_hash=sha256_hex(b"2")).verdict is ReconcileVerdict.CONFLICT
        memory.delete(substrate.path("a"))
        assert substrate.reconcile_after_unknown("a", expected_token=token, intended_hash="").verdict is ReconcileVerdict.HOLD
        assert isinstance(substrate.cas_write("a", expected_token=token, new_bytes=b"4"), CasConflict)


ADDING = """
from ccs.adapters.substrate import CasWritten
from membus.integrations.agent_coherence import MembusSubstrate
substrate = MembusSubstrate(memory)
def add(name):
    while True:
        data, token = substrate.read("list")
        if isinstance(substrate.cas_write("list", expected_token=token, new_bytes=data + name.encode() + b"\\n"), CasWritten):
            return
"""


def test_two_processes_on_one_artifact_lose_nothing(broker):
    with membus.connect(broker.url, agent="reader") as memory:
        substrate = MembusSubstrate(memory)
        substrate.write("list", b"")
        acknowledged = hammered(broker, ADDING)
        nothing_lost_or_doubled(acknowledged, substrate.read("list")[0].decode().split())


def test_a_workspace_has_a_history_is_forked_and_undone(memory, broker):
    workspace = MembusWorkspace(memory)
    first = workspace.substrate.write("a", b"1")
    checkpoint = workspace.checkpoint(["a", "b"])
    workspace.substrate.write("a", b"2")
    workspace.substrate.write("b", b"new")
    restored = workspace.restore(checkpoint.id)
    assert restored == {"a": "restored", "b": "restored"} and workspace.restore(checkpoint.id) == {"a": "converged", "b": "converged"}
    assert workspace.substrate.read("a")[0] == b"1" and workspace.substrate.read("a")[1] != first
    memory.revert(revisions=[version.commit.revision for version in memory.history(workspace.substrate.path("a"))][:1])
    assert workspace.substrate.read("a")[0] == b"2"
    assert f"checkpoint-{checkpoint.id}" in [branch["name"] for branch in memory.branches()]
    with pytest.raises(KeyError):
        workspace.restore("none")


def test_a_coordinated_agent_reads_and_commits(memory, session):
    substrate = MembusSubstrate(memory)
    substrate.write("a", b"1")
    agent = CoordinatedSubstrate(substrate, session())
    data, token = agent.read("a")
    agent.commit("a", expected_token=token, new_bytes=data + b"2")
    assert substrate.read("a")[0] == b"12" and isinstance(
        substrate.cas_write("a", expected_token=substrate.read("a")[1], new_bytes=b"3"), CasWritten)
