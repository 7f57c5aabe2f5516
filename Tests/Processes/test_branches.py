"""The life of branches and tags, with real processes: what people type, what views and watches are told, and what is left
after kills, compaction, restarts and a restored backup."""

import json
import threading
import time

import pytest

from processes import Broker, Lines, eventually, run, run_json_lines

OK, ERROR, USAGE, CONFLICT, NOT_FOUND = 0, 1, 2, 3, 4


def put(broker, key, value, *options):
    """-> the revision"""
    return run_json_lines(broker, "put", key, value, *options)[0]["revision"]


def told(broker, *arguments):
    """-> (exit code, the error object) of a command that fails"""
    ended = run(broker, *arguments, "--json", check=False)
    return ended.returncode, json.loads(ended.stdout.splitlines()[-1])["error"]


def export(broker, *options):
    return {record["key"]: record["value"] for record in run_json_lines(broker, "export", *options)}


@pytest.fixture
def trip(broker):
    put(broker, "plans/lisbon", "train")
    put(broker, "claims/visa", "mine", "--expires", "1h")
    put(broker, "plans/lisbon", "fly")
    return broker


# ---- What people type


def test_branches_tell_how_they_stand(trip):
    fork = run(trip, "fork", "corrected", "--at", "2").stdout.splitlines()
    assert fork == ["revision 4: corrected is main as of revision 2",
                    "1 expiring record is frozen on it (--expire lets them expire)"]
    assert run(trip, "fork", "trial").stdout == "revision 5: trial is main as of revision 4\n"
    put(trip, "plans/rome", "by bus", "--branch", "trial")
    put(trip, "plans/oslo", "later")
    run(trip, "merge", "trial")
    run(trip, "branches", "close", "trial")
    lines = run(trip, "branches").stdout.splitlines()
    assert lines[0] == "main"
    assert lines[1].split() == "corrected from main at 2 head 4 0 ahead, 4 behind".split()
    assert lines[2].split() == "trial from main at 4 head 6 merged into main at 8 0 ahead, 2 behind closed".split()
    told = run_json_lines(trip, "branches")
    assert told[2]["closed"] and told[2]["figures"] == {
        "head": 6, "ahead": 0, "behind": 2, "merged_into": "main", "merged": 8, "merged_source": 6, "open_conflicts": 0}
    put(trip, ".membus/conflicts/9/1", "{}", "--kind", "json")
    assert run(trip, "branches").stdout.splitlines()[0].split() == ["main", "1", "open", "conflict"]


def test_closed_protected_and_deleted_branches_say_so(trip):
    run(trip, "fork", "trial")
    assert run(trip, "branches", "close", "trial", "--message", "done").stdout == "revision 5\n"
    assert run(trip, "branches", "close", "trial").stdout == "trial is closed already\n"
    code, error = told(trip, "put", "a", "1", "--branch", "trial")
    assert (code, error["code"]) == (ERROR, "NOT_WRITABLE") and "closed by revision 5" in error["message"]
    assert run(trip, "get", "plans/lisbon", "--branch", "trial").stdout == "fly"
    run(trip, "branches", "reopen", "trial")
    put(trip, "a", "1", "--branch", "trial")
    run(trip, "branches", "protect", "main")
    code, error = told(trip, "put", "a", "1")
    assert (code, error["code"]) == (ERROR, "NOT_WRITABLE") and "only merges" in error["message"]
    run(trip, "merge", "trial")
    assert run(trip, "get", "a").stdout == "1"
    run(trip, "branches", "unprotect", "main")
    run(trip, "branches", "delete", "trial")
    deleted = run_json_lines(trip, "status")[0]["head"]["revision"]
    for arguments in (("get", "a"), ("ls",), ("export",), ("log",), ("history", "a"), ("put", "a", "2"), ("blame", "a"),
                      ("watch", "a"), ("watch", "a", "--from", "1"), ("debug", "digest")):
        code, error = told(trip, *arguments, "--branch", "trial", "--timeout", "5s")
        assert (code, error["code"]) == (NOT_FOUND, "UNKNOWN_BRANCH"), arguments
        assert f'"trial" was deleted by revision {deleted}' in error["message"], arguments
    assert told(trip, "fork", "trial")[1]["code"] == "BRANCH_EXISTS"
    assert told(trip, "branches", "delete", "main") [1]["code"] == "INVALID_ARGUMENT"
    assert told(trip, "branches", "close", "nowhere")[0] == NOT_FOUND
    assert [branch["name"] for branch in run_json_lines(trip, "branches")] == ["main"]


def test_a_state_by_its_name_is_read_everywhere(trip):
    assert run(trip, "tag", "before", "--at", "2", "--message", "last good state").stdout == (
        "revision 4: before is main as of revision 2\n")
    run(trip, "fork", "trial", "--at", "before")
    put(trip, "plans/lisbon", "bus", "--branch", "trial")
    for arguments, expected in ((("get", "plans/lisbon"), "train"), (("history", "plans/lisbon"), "train")):
        assert expected in run(trip, *arguments, "--at", "before").stdout
    listed = run(trip, "ls", "--at", "before")
    assert len(listed.stdout.splitlines()) == 2 and "as of revision 2" in listed.stderr
    assert export(trip, "--at", "before") == {"plans/lisbon": "train", "claims/visa": "mine"}
    assert [commit["revision"] for commit in run_json_lines(trip, "log", "--at", "before")] == [2, 1]
    assert "train" in run(trip, "blame", "plans/lisbon", "--at", "before").stdout
    assert [d["key"] for d in run_json_lines(trip, "diff", "before", "main")] == ["plans/lisbon"]
    assert run(trip, "get", "plans/lisbon", "--at", "trial").stdout == "bus"
    assert run(trip, "get", "plans/lisbon", "--at", "trial~1").stdout == "train"
    assert run(trip, "get", "plans/lisbon", "--at", "main@3").stdout == "fly"
    tag = run_json_lines(trip, "tags")[0]
    assert (tag["name"], tag["branch"], tag["revision"], tag["message"]) == ("before", "main", 2, "last good state")
    assert run(trip, "tags", "show", "before").stdout.split()[:2] == ["before", "main@2"]
    # What it is a state of is beyond doubt.
    code, error = told(trip, "get", "plans/lisbon", "--at", "before", "--branch", "trial")
    assert (code, error["code"]) == (USAGE, "USAGE")
    run(trip, "rollback", "--to", "before", "--branch", "trial")
    assert run(trip, "get", "plans/lisbon", "--branch", "trial").stdout == "train"
    run(trip, "tag", "theirs", "--at", "trial~1")
    assert told(trip, "rollback", "--to", "theirs")[1]["code"] == "INVALID_ARGUMENT"
    for name in ("10m", "66", "2026-03-01", "a/b", "a b", "x@1", "~2"):
        assert run(trip, "tag", name, check=False).returncode == USAGE, name
    assert told(trip, "tag", "main")[1]["code"] == "BRANCH_EXISTS"
    assert told(trip, "fork", "before")[1]["code"] == "TAG_EXISTS"
    assert told(trip, "get", "plans/lisbon", "--at", "nothing")[0] == NOT_FOUND
    run(trip, "tags", "delete", "before")
    assert told(trip, "tags", "delete", "before") [0] == NOT_FOUND
    assert told(trip, "get", "plans/lisbon", "--at", "before")[0] == NOT_FOUND


def test_the_graph_shows_forks_and_merges(trip):
    run(trip, "fork", "trial")
    put(trip, "notes/x", "1", "--branch", "trial", "--message", "cheaper")
    put(trip, "plans/rome", "1")
    run(trip, "merge", "trial", "--message", "bring it in")
    put(trip, "plans/oslo", "1", "--branch", "trial")
    rows = run(trip, "log", "--graph").stdout.splitlines()
    drawn = [line.split("  ")[0].rstrip() for line in rows]
    assert drawn == ["*", "|\\", "* |", "| *", "| *", "|/", "*", "*", "*"]
    assert rows[0].endswith("bring it in") and rows[3].split()[2:5] == ["5", "trial", "root"] or "trial" in rows[3]
    told = run_json_lines(trip, "log", "--graph", "-n", "2")
    assert [(commit["revision"], commit["parents"]) for commit in told] == [(7, [6, 5]), (6, [3])]
    assert len(run(trip, "log", "--graph", "--all-branches").stdout.splitlines()) > len(rows)
    assert run(trip, "log", "--graph", "plans/", check=False).returncode == USAGE


# ---- Views and watches


def test_a_watch_of_a_branch_ends_with_it(trip):
    run(trip, "fork", "trial")
    with Lines(trip, "watch", "plans/", "--branch", "trial", "--json") as watch:
        watch.until(lambda watch: watch.err)
        put(trip, "plans/rome", "1", "--branch", "trial")
        watch.until(lambda watch: len(watch.out) == 1)
        run(trip, "branches", "delete", "trial")
        assert watch.wait(20) == NOT_FOUND
        assert 'was deleted by revision 6' in watch.objects()[-1]["error"]["message"]


def test_a_branch_that_goes_while_it_is_written_to_goes_at_one_moment(trip):
    run(trip, "fork", "trial")
    written, refused = [], []

    def write(number):
        for turn in range(1000):
            ended = run(trip, "put", f"w/{number}/{turn}", "1", "--branch", "trial", "--json", check=False)
            answer = json.loads(ended.stdout.splitlines()[-1])
            if ended.returncode != OK:
                return refused.append(answer["error"])
            written.append(answer["revision"])

    writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for writer in writers:
        writer.start()
    eventually(lambda: len(written) > 3)
    deleted = run_json_lines(trip, "branches", "delete", "trial")[0]["revision"]
    for writer in writers:
        writer.join()
    assert max(written) < deleted
    assert len(refused) == 3 and all(f"deleted by revision {deleted}" in error["message"] for error in refused)


def test_import_export_and_warm_files_work_on_any_branch(trip, tmp_path):
    run(trip, "fork", "trial")
    file = tmp_path / "records.jsonl"
    file.write_text("".join(json.dumps({"key": f"notes/{n}", "value": str(n)}) + "\n" for n in range(50)))
    run(trip, "import", str(file), "--branch", "trial")
    assert len(export(trip, "notes/", "--branch", "trial")) == 50 and export(trip, "notes/") == {}
    warm = tmp_path / "trial.warm"
    run(trip, "warm", "notes/", "--into", str(warm), "--branch", "trial")
    assert warm.stat().st_size > 50


# ---- What is left


def changes(broker):
    return run_json_lines(broker, "verify")[0]["changes"]


def test_a_deleted_branch_gives_its_space_back_but_for_what_forks_and_tags_show(trip):
    run(trip, "fork", "trial")
    for number in range(40):
        put(trip, f"big/{number % 20}", str(number) * 4000, "--branch", "trial")
    run(trip, "fork", "child", "--from", "trial", "--at", "10")
    run(trip, "tag", "kept", "--at", "trial@20")
    child, tagged = export(trip, "--branch", "child"), export(trip, "--at", "kept")
    run(trip, "branches", "delete", "trial")
    head = run_json_lines(trip, "status")[0]["head"]["revision"]
    run(trip, "compact", "--below", str(head))
    assert export(trip, "--branch", "child") == child and export(trip, "--at", "kept") == tagged
    status = run_json_lines(trip, "status")[0]
    assert (status["tags"], status["tags_below_floor"]) == (1, 1)
    assert "tag kept holds what is shown there" in run(trip, "log").stderr
    assert "holds history" in run(trip, "tags").stdout
    held = changes(trip)
    run(trip, "tags", "delete", "kept")
    run(trip, "branches", "delete", "child")
    head = run_json_lines(trip, "status")[0]["head"]["revision"]
    run(trip, "compact", "--below", str(head))
    eventually(lambda: changes(trip) == 2, what="the space given back")
    assert held > 2
    assert run_json_lines(trip, "verify")[0]["problems"] == []


def test_branches_and_tags_outlive_restarts_and_a_restored_backup(trip, tmp_path):
    for name in ("closed", "gone", "open"):
        run(trip, "fork", name, "--at", "2")
    run(trip, "branches", "close", "closed")
    run(trip, "branches", "delete", "gone")
    run(trip, "tag", "before", "--at", "1")
    head = run_json_lines(trip, "status")[0]["head"]["revision"]
    run(trip, "compact", "--below", str(head))
    trip.restart()

    def as_it_was(broker):
        assert export(broker, "--at", "before") == {"plans/lisbon": "train"}
        assert told(broker, "put", "a", "1", "--branch", "closed")[1]["code"] == "NOT_WRITABLE"
        assert "deleted by revision" in told(broker, "get", "a", "--branch", "gone")[1]["message"]
        assert told(broker, "fork", "gone")[1]["code"] == "BRANCH_EXISTS"
        assert [branch["name"] for branch in run_json_lines(broker, "branches")] == ["main", "closed", "open"]
        assert run_json_lines(broker, "verify")[0]["problems"] == []

    as_it_was(trip)
    backup = tmp_path / "backup.db"
    run(trip, "backup", str(backup))
    other = Broker(tmp_path / "other")
    run(other, "restore", str(backup), "--data", other.data)
    with other:
        as_it_was(other)


def test_kills_around_a_deletion_leave_it_done_or_not_begun(tmp_path):
    broker = Broker(tmp_path / "data")
    broker.start()
    try:
        put(broker, "a", "1")
        for turn in range(8):
            name = f"trial-{turn}"
            run(broker, "fork", name)
            for number in range(6):
                put(broker, f"k/{number}", "x" * 2000, "--branch", name)
            ended = []
            deleting = threading.Thread(target=lambda: ended.append(run(
                broker, "branches", "delete", name, "--json", "--timeout", "20s", check=False)))
            deleting.start()
            time.sleep(0.01 * turn)
            broker.restart()
            deleting.join()
            # The client asks again until it knows.
            assert ended[0].returncode == OK, ended[0].stdout
            revision = json.loads(ended[0].stdout)["revision"]
            assert f"deleted by revision {revision}" in told(broker, "get", "k/0", "--branch", name)[1]["message"]
            head = run_json_lines(broker, "status")[0]["head"]["revision"]
            compacting = threading.Thread(target=lambda: run(
                broker, "compact", "--below", str(head), "--timeout", "20s", check=False))
            compacting.start()
            time.sleep(0.005 * turn)
            broker.restart()
            compacting.join()
            assert run_json_lines(broker, "verify")[0]["problems"] == []
        head = run_json_lines(broker, "status")[0]["head"]["revision"]
        run(broker, "compact", "--below", str(head))
        eventually(lambda: changes(broker) == 1, what="all of it gone")
        assert [branch["name"] for branch in run_json_lines(broker, "branches")] == ["main"]
    finally:
        broker.stop()


def test_an_inherited_claim_stays_on_a_fork_of_the_past_and_goes_elsewhere(broker):
    put(broker, "claims/visa", "mine", "--expires", "1s")
    put(broker, "a", "1")
    run(broker, "fork", "past", "--at", "1")
    run(broker, "fork", "thawed", "--at", "1", "--expire")
    run(broker, "fork", "closed")
    run(broker, "branches", "close", "closed")
    eventually(lambda: run(broker, "get", "claims/visa", check=False).returncode == NOT_FOUND)
    eventually(lambda: run(broker, "get", "claims/visa", "--branch", "thawed", check=False).returncode == NOT_FOUND)
    for branch in ("past", "closed"):
        assert run(broker, "get", "claims/visa", "--branch", branch).stdout == "mine"
    run(broker, "branches", "reopen", "closed")
    eventually(lambda: run(broker, "get", "claims/visa", "--branch", "closed", check=False).returncode == NOT_FOUND)
    assert run(broker, "get", "claims/visa", "--branch", "past").stdout == "mine"
