"""Transcripts of the Claude Agent SDK, and the memory tool of Claude, in Membus, against a real broker."""

import asyncio
import uuid

import membus
import membus.aio
import pytest
from anthropic.lib.tools import ToolError
from anthropic.tools.memory import BetaLocalFilesystemMemoryTool
from claude_agent_sdk.testing import run_session_store_conformance
from writers import KILLED, LEFT, hammered, in_order, nothing_lost_or_doubled

from membus.integrations.claude_memory import AsyncMembusMemoryTool, MembusMemoryTool
from membus.integrations.claude_sessions import MembusSessionStore

KEY = {"project_key": "-home-ada", "session_id": "s1"}


# ---- Transcripts


@pytest.fixture
def store(memory):
    return MembusSessionStore(memory)


def entry(number, name=None):
    return {"type": "user", "n": number, "uuid": name or str(uuid.uuid4()), "timestamp": "2026-01-01T00:00:00.000Z"}


def numbers(store, key=KEY):
    return [found["n"] for found in asyncio.run(store.load(key)) or []]


def test_the_sdks_own_contracts_hold(broker):
    async def run():
        async with membus.aio.connect(broker.url, agent="judge") as memory:
            await run_session_store_conformance(lambda: MembusSessionStore(memory, prefix=f"{uuid.uuid4().hex}/"))

    asyncio.run(run())


def test_entries_are_records_where_people_find_them(store, memory):
    asyncio.run(store.append(KEY, [entry(1, "u1"), {"type": "title", "n": 2}]))
    asyncio.run(store.append(KEY | {"subpath": "subagents/agent-1"}, [entry(3, "u3")]))
    assert [record.key for record in memory.range("claude/")] == [
        "claude/projects/-home-ada/sessions/s1", "claude/projects/-home-ada/subsessions/s1/subagents/agent-1",
        "claude/projects/-home-ada/subtranscripts/s1/subagents/agent-1/u3", "claude/projects/-home-ada/transcripts/s1/-00000001",
        "claude/projects/-home-ada/transcripts/s1/u1"]
    assert memory.get("claude/projects/-home-ada/sessions/s1").json()["count"] == 2
    assert store.topic(KEY) == "claude/projects/-home-ada/transcripts/s1/"


def test_a_batch_that_is_sent_again_takes_effect_once(store):
    batch = [entry(1), entry(2), {"type": "title", "n": 3}]
    asyncio.run(store.append(KEY, batch[:2]))
    asyncio.run(store.append(KEY, batch[:2]))
    asyncio.run(store.append(KEY, [*batch, entry(4), batch[0]]))
    assert numbers(store) == [1, 2, 3, 4]


def test_a_subagent_of_a_subagent_has_a_transcript_of_its_own(store):
    inner, outer = KEY | {"subpath": "a/b"}, KEY | {"subpath": "a"}
    asyncio.run(store.append(outer, [entry(1)]))
    asyncio.run(store.append(inner, [entry(2)]))
    assert (numbers(store, outer), numbers(store, inner)) == ([1], [2])
    assert asyncio.run(store.list_subkeys(KEY)) == ["a", "a/b"]
    asyncio.run(store.delete(outer))
    assert asyncio.run(store.load(outer)) is None and numbers(store, inner) == [2]


def test_a_session_larger_than_a_commit_is_deleted(store, memory):
    for start in range(0, 2400, 400):
        asyncio.run(store.append(KEY, [entry(number) for number in range(start, start + 400)]))
    assert numbers(store) == list(range(2400))
    asyncio.run(store.delete(KEY))
    assert list(memory.range("claude/")) == [] and asyncio.run(store.load(KEY)) is None


TRANSCRIPT = """
from membus.integrations.claude_sessions import MembusSessionStore
store = MembusSessionStore(memory)
def add(name):
    batch = [{"type": "user", "uuid": name, "n": name}, {"type": "assistant", "uuid": name + "!", "n": name + "!"}]
    for _ in range(2):  # as the SDK does when it has not heard of the first one
        asyncio.run(store.append({"project_key": "p", "session_id": "s"}, batch))
"""


def test_two_processes_on_one_transcript_lose_nothing(broker):
    acknowledged = hammered(broker, TRANSCRIPT)
    with membus.connect(broker.url, agent="reader") as memory:
        found = numbers(MembusSessionStore(memory), {"project_key": "p", "session_id": "s"})
        assert found[1::2] == [name + "!" for name in found[::2]]
        nothing_lost_or_doubled(acknowledged, found[::2])
        in_order(found[::2])
        assert memory.get("claude/projects/p/sessions/s").json()["count"] == len(found)


def test_a_transcript_has_a_history_is_forked_and_undone(store, memory, broker):
    asyncio.run(store.append(KEY, [entry(1)]))
    asyncio.run(store.append(KEY, [entry(2)]))
    memory.fork("trial")
    with membus.connect(broker.url, agent="other", branch="trial") as elsewhere:
        trial = MembusSessionStore(elsewhere)
        asyncio.run(trial.append(KEY, [entry(3)]))
        assert numbers(trial) == [1, 2, 3] and numbers(store) == [1, 2]
    memory.revert(revisions=[2])
    assert numbers(store) == [1]
    asyncio.run(store.append(KEY, [entry(4)]))
    assert numbers(store) == [1, 4] and len(list(memory.log(store.topic(KEY), branch="main"))) == 4


# ---- The memory tool


@pytest.fixture
def tool(memory):
    return MembusMemoryTool(memory)


def do(tool, command, **about):
    """-> what the model is told"""
    try:
        return tool.call({"command": command} | about)
    except ToolError as error:
        return f"error: {error.content}"


#: A conversation with every command, as the tool's documentation has them.
CONVERSATION = [
    ("view", {"path": "/memories"}),
    ("create", {"path": "/memories/notes/paris.md", "file_text": "one\ntwo\nthree\n"}),
    ("create", {"path": "/memories/notes/paris.md", "file_text": "again"}),
    ("create", {"path": "/memories/plan.txt", "file_text": "x" * 3000}),
    ("view", {"path": "/memories/notes/paris.md"}),
    ("view", {"path": "/memories/notes/paris.md", "view_range": [2, 3]}),
    ("view", {"path": "/memories/notes/paris.md", "view_range": [2, -1]}),
    ("view", {"path": "/memories/none"}),
    ("str_replace", {"path": "/memories/notes/paris.md", "old_str": "two", "new_str": "2\n2b"}),
    ("str_replace", {"path": "/memories/notes/paris.md", "old_str": "nothing", "new_str": "x"}),
    ("str_replace", {"path": "/memories/notes/paris.md", "old_str": "2", "new_str": "x"}),
    ("str_replace", {"path": "/memories/none", "old_str": "2", "new_str": "x"}),
    ("str_replace", {"path": "/memories/notes", "old_str": "2", "new_str": "x"}),
    ("insert", {"path": "/memories/notes/paris.md", "insert_line": 0, "insert_text": "zero\n"}),
    ("insert", {"path": "/memories/notes/paris.md", "insert_line": 2, "insert_text": "between"}),
    ("insert", {"path": "/memories/notes/paris.md", "insert_line": 99, "insert_text": "x"}),
    ("insert", {"path": "/memories/none", "insert_line": 0, "insert_text": "x"}),
    ("view", {"path": "/memories/notes/paris.md"}),
    ("rename", {"old_path": "/memories/notes/paris.md", "new_path": "/memories/notes/rome/trip.md"}),
    ("rename", {"old_path": "/memories/none", "new_path": "/memories/other"}),
    ("rename", {"old_path": "/memories/plan.txt", "new_path": "/memories/notes/rome/trip.md"}),
    ("rename", {"old_path": "/memories/notes", "new_path": "/memories/trips"}),
    ("view", {"path": "/memories/trips/rome/trip.md"}),
    ("view", {"path": "/memories/notes"}),
    ("delete", {"path": "/memories/none"}),
    ("delete", {"path": "/memories/trips/rome/trip.md"}),
    ("view", {"path": "/memories/trips/rome/trip.md"}),
    ("delete", {"path": "/memories/trips"}),
    ("delete", {"path": "/memories"}),
    ("rename", {"old_path": "/memories", "new_path": "/memories/x"}),
    ("view", {"path": "/etc/passwd"}),
    ("create", {"path": "/memories/../secret", "file_text": "x"}),
]


def test_every_command_answers_as_anthropics_own_tool_on_files_does(tool, tmp_path):
    files = BetaLocalFilesystemMemoryTool(str(tmp_path))
    for command, about in CONVERSATION:
        ours, theirs = do(tool, command, **about), do(files, command, **about)
        if "directories up to 2 levels" in theirs:
            # Sizes of directories are the file system's; and an empty one is none here.
            ours, theirs = ([line.split("\t")[-1] for line in answer.splitlines()] for answer in (ours, theirs))
        if (command, about["path"] if "path" in about else "") == ("delete", "/memories/trips"):
            assert (ours, theirs) == ("error: The path /memories/trips does not exist", "Successfully deleted /memories/trips")
        elif "/../" in str(about):
            assert ours == theirs == "error: Path /memories/../secret would escape /memories directory"
        else:
            assert ours == theirs, (command, about)


def test_directories_are_those_that_a_file_lies_in(tool):
    for path in ("a.md", "notes/b.md", "notes/deep/c.md", "notes/deep/er/d.md", ".hidden/e", "notes/.f"):
        do(tool, "create", path=f"/memories/{path}", file_text="x" * 1500)
    assert do(tool, "view", path="/memories").splitlines()[1:] == [
        "5.9K\t/memories", "1.5K\t/memories/a.md", "4.4K\t/memories/notes/", "1.5K\t/memories/notes/b.md", "2.9K\t/memories/notes/deep/"]
    assert "notes/deep/er/\n" not in do(tool, "view", path="/memories/notes")
    for path, told in (("notes", "is a directory"), ("a.md/x", "/memories/a.md is a file, not a directory"), ("", "not a file")):
        assert told in do(tool, "create", path=f"/memories/{path}", file_text="x")
    assert "already exists" in do(tool, "rename", old_path="/memories/a.md", new_path="/memories/notes")
    assert do(tool, "rename", old_path="/memories/notes", new_path="/memories/notes/in") == (
        "error: Cannot rename /memories/notes to /memories/notes/in")
    assert tool.clear_all_memory() == "All memory cleared" and do(tool, "view", path="/memories").count("\n") == 1


def test_files_are_texts_that_others_read_and_write(tool, memory):
    do(tool, "create", path="/memories/a b.md", file_text="one\n")
    assert memory.get("claude/memories/a b.md").text == "one\n" and memory.get("claude/memories/a b.md").kind == "text"
    memory.transact(lambda tx: tx.append("claude/memories/a b.md", "two\n"))
    assert "2\ttwo" in do(tool, "view", path="/memories/a b.md")
    memory.put("claude/memories/raw", b"\xff")
    assert do(tool, "view", path="/memories/raw") == "error: Unsupported file type for /memories/raw"
    assert "is longer than 1024 bytes" in do(tool, "create", path="/memories/" + "a" * 1100, file_text="x")
    assert "over the limit" in do(tool, "create", path="/memories/large", file_text="x" * (5 << 20))
    assert "surrogates not allowed" in do(tool, "create", path="/memories/half", file_text="\ud83d")


def test_an_edit_is_made_to_what_another_agent_has_written(memory):
    """Between what the model has seen and its edit, and between the edit's read and its commit."""
    tool = MembusMemoryTool(memory)
    do(tool, "create", path="/memories/plan", file_text="a\nb\n")
    edits = tool._files.edited("/memories/plan", lambda text: text.replace("b", "c"))
    found = memory.get_all(*next(edits).keys)
    write = edits.send(found)
    memory.put("claude/memories/plan", "a\nb\nmore\n")
    with pytest.raises(membus.Conflict) as conflict:
        memory.transact(write.body)
    step = edits.throw(conflict.value)
    write = edits.send(memory.get_all(*step.keys))
    memory.transact(write.body)
    assert memory.get("claude/memories/plan").text == "a\nc\nmore\n"
    assert "did not appear verbatim" in do(tool, "str_replace", path="/memories/plan", old_str="b", new_str="x")


def test_of_two_who_create_one_file_or_around_it_one_is_told(memory):
    from membus.integrations._layout import Write

    tool = MembusMemoryTool(memory)
    for mine, others, told in (("a", "a", "already exists"), ("b", "b/c", "is a directory"), ("c/d", "c", "is a file")):
        command = type("Command", (), {"path": f"/memories/{mine}", "file_text": "mine"})
        steps = tool._files.create(command)
        step, answer = next(steps), None
        while not isinstance(step, Write):
            answer = memory.get_all(*step.keys) if hasattr(step, "keys") else list(memory.range(*step.topics))
            step = steps.send(answer)
        memory.put(f"claude/memories/{others}", "theirs")
        with pytest.raises(membus.Conflict) as conflict:
            memory.transact(step.body)
        with pytest.raises(ToolError, match=told):
            step = steps.throw(conflict.value)
            while True:
                step = steps.send(memory.get_all(*step.keys) if hasattr(step, "keys") else list(memory.range(*step.topics)))


EDITING = """
from membus.integrations.claude_memory import MembusMemoryTool
tool = MembusMemoryTool(memory)
try:
    tool.call({"command": "create", "path": "/memories/team.md", "file_text": "team\\n"})
except Exception:
    pass
def add(name):
    tool.call({"command": "insert", "path": "/memories/team.md", "insert_line": 1, "insert_text": name})
    tool.call({"command": "create", "path": f"/memories/drafts/{name}", "file_text": name})
    tool.call({"command": "rename", "old_path": f"/memories/drafts/{name}", "new_path": f"/memories/done/{name}"})
"""


def test_two_processes_that_edit_one_file_lose_nothing(broker):
    acknowledged = hammered(broker, EDITING, 45)
    with membus.connect(broker.url, agent="reader") as memory:
        lines = memory.get("claude/memories/team.md").text.splitlines()
        assert lines[0] == "team"
        nothing_lost_or_doubled(acknowledged, lines[1:])
        in_order(lines[:0:-1])
        nothing_lost_or_doubled(acknowledged, [record.key.rsplit("/", 1)[1] for record in memory.range("claude/memories/done/")])
        assert len(list(memory.range("claude/memories/drafts/"))) <= 1
        assert {commit.agent for commit in memory.log("claude/memories/team.md")} == {KILLED, LEFT}


def test_files_have_a_history_are_forked_merged_and_undone(tool, memory, broker):
    do(tool, "create", path="/memories/plan", file_text="one\ntwo\nthree\n")
    memory.fork("trial")
    with membus.connect(broker.url, agent="other", branch="trial") as elsewhere:
        do(MembusMemoryTool(elsewhere), "str_replace", path="/memories/plan", old_str="three", new_str="3")
    do(tool, "str_replace", path="/memories/plan", old_str="one", new_str="1")
    memory.merge("trial")
    assert memory.get("claude/memories/plan").text == "1\ntwo\n3\n"
    do(tool, "delete", path="/memories/plan")
    memory.revert(revisions=[memory.status()["head"]["revision"]])
    assert "1\t1" in do(tool, "view", path="/memories/plan")
    assert [version.record.text[:3] for version in memory.history("claude/memories/plan") if not version.record.is_deleted][-1] == "one"


def test_the_async_tool_is_the_same(broker):
    async def run():
        async with membus.aio.connect(broker.url, agent="a") as memory:
            tool = AsyncMembusMemoryTool(memory)
            assert tool.to_dict() == {"type": "memory_20250818", "name": "memory"}
            for command, about, told in (
                ("create", {"path": "/memories/a", "file_text": "one"}, "File created"),
                ("insert", {"path": "/memories/a", "insert_line": 1, "insert_text": "two"}, "has been edited"),
                ("str_replace", {"path": "/memories/a", "old_str": "one", "new_str": "1"}, "1\t1\n"),
                ("view", {"path": "/memories/a"}, "2\ttwo"), ("rename", {"old_path": "/memories/a", "new_path": "/memories/b"}, "renamed"),
                ("delete", {"path": "/memories/b"}, "Successfully deleted"),
            ):
                assert told in await tool.call({"command": command} | about)
            with pytest.raises(ToolError):
                await tool.call({"command": "view", "path": "/memories/b"})
            assert await tool.clear_all_memory() == "All memory cleared"

    asyncio.run(run())
