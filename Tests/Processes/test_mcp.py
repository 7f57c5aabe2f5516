"""`membus mcp`, as hosts of agents speak to it: by the public client in each of its modes, by hand, and by those who mean
harm. Everything that it sends is held against the protocol's schemas. What is of HTTP alone is in test_mcp_http.py."""

import asyncio
import json
import os
import signal
import subprocess
import threading
import time

import fastmcp
import pytest
from fastmcp.client.transports import StdioTransport
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client

from mcp_raw import META, Endpoint, OverHTTP, Raw
from processes import DEFAULT_SIGNALS, PATIENCE, eventually, membus, memory_kib, run, run_json_lines, start
from test_background import Home

@pytest.fixture(params=[
    (transport, version) for version in ("2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26")
    for transport in (Raw, OverHTTP)], ids=lambda pair: f"{pair[0].__name__}-{pair[1]}")
def raw(broker, request):
    transport, version = request.param
    with transport(broker, version=version) as raw:
        yield raw


# ---- What models do with it


def test_a_model_reads_writes_and_mends_its_write(raw):
    written, failed = raw.put("plans/paris", "night train")
    assert not failed and written["committed"]
    read, _ = raw.call("read", keys=["plans/paris", "plans/rome"])
    assert read["records"][0]["value"] == "night train" and read["missing"] == ["plans/rome"]
    assert read["revision"] >= written["revision"] and read["token"].count(":") == 2
    other, _ = raw.put("plans/paris", "morning flight")
    refused, failed = raw.put("plans/paris", "ferry", if_revision=read["records"][0]["revision"])
    assert failed and not refused["committed"]
    assert refused["conflict"][0]["current"]["value"] == "morning flight"
    mended, failed = raw.put("plans/paris", "ferry", if_revision=other["revision"])
    assert not failed and mended["committed"]

    written, _ = raw.call("write", message="book", context="trip-42", changes=[
        {"key": "plans/cost", "increment": 120}, {"key": "plans/notes", "append": "booked\n"},
        {"key": "people/ada", "value": {"city": "Paris"}, "links": [{"relation": "of", "target": "plans/paris"}]},
        {"key": "plans/rome", "value": "later", "if_absent": True, "attributes": {"by": "ada"}}])
    listed, _ = raw.call("list", topic="plans/")
    assert [record["key"] for record in listed["records"]] == ["plans/cost", "plans/notes", "plans/paris", "plans/rome"]
    topic, _ = raw.call("read", topic="plans/", limit=2)
    assert topic["more"] and [record.get("value") for record in topic["records"]] == ["120", "booked\n"]
    rest, _ = raw.call("read", topic="plans/", after="plans/notes", at=topic["revision"])
    assert [record["key"] for record in rest["records"]] == ["plans/paris", "plans/rome"] and "more" not in rest
    history, _ = raw.call("history", key="plans/paris")
    assert [version["value"] for version in history["versions"]] == ["ferry", "morning flight", "night train"]
    log, _ = raw.call("log", topic="people/", limit=5)
    assert log["commits"][0]["message"] == "book" and log["commits"][0]["context"] == "trip-42"
    assert log["commits"][0]["agent"] == "raw"
    old, _ = raw.call("read", keys=["plans/paris"], at=other["revision"])
    assert old["records"][0]["value"] == "morning flight"
    assert raw.end() == 0


def test_a_mistake_is_told_to_the_model_and_nothing_is_written(raw):
    for arguments, said in [
        ({"changes": [{"key": "a", "valeu": "x"}]}, "valeu"), ({"changes": [{"key": "a//b", "value": "x"}]}, "a//b"),
        ({"changes": [{"key": "a", "value": "x", "delete": True}]}, "exactly one"), ({}, "changes"),
        ({"changes": [{"key": "a", "value": "x", "if_revison": 3}]}, "if_revison"),
        ({"changes": [{"key": "a", "value": "x"}, {"key": "a", "value": "y"}]}, "a"),
        ({"changes": [{"key": "a", "value": "x"}], "branch": "nowhere"}, "nowhere"),
        ({"changes": [{"key": "a", "value": "x" * 5_000_000}]}, "bytes"),
    ]:
        text, failed = raw.call("write", **arguments)
        assert failed and said in str(text), (arguments, text)
    assert raw.call("read", keys=["a"])[0]["missing"] == ["a"]
    assert raw.call("read", keys=["a"], topic="b/")[1] and raw.call("wait")[1]
    assert "no tool" in raw.ask("tools/call", name="nonsense")["error"]["message"]


def test_only_one_of_two_gets_a_claim_and_others_learn_whose_it_is(broker):
    with Raw(broker, "--agent", "ada") as ada, Raw(broker, "--agent", "bob") as bob:
        mine, _ = ada.call("claim", key="claims/book", seconds=60, note="calling the hotel")
        assert mine["claimed"] and mine["expires_ms"] > time.time() * 1000
        theirs, failed = bob.call("claim", key="claims/book")
        assert not failed and not theirs["claimed"] and theirs["holder"] == "ada"
        assert theirs["note"] == "calling the hotel" and theirs["expires_ms"] == mine["expires_ms"]
        assert not bob.call("release", key="claims/book", revision=99)[0]["released"] and bob.call("release", key="claims/book")[1]
        # Another window of the same program has the same name, and no claim.
        with Raw(broker, "--agent", "ada") as other:
            assert not other.call("claim", key="claims/book")[0]["claimed"]
        extended, _ = ada.call("claim", key="claims/book", seconds=600, revision=mine["revision"])
        assert extended["claimed"] and extended["expires_ms"] > mine["expires_ms"]
        # What is written under a claim names it, and a claim that is lost has it refused.
        lost, kept = ({"key": "claims/book", "if_revision": one["revision"]} for one in (mine, extended))
        result = {"key": "results/book", "value": "done"}
        assert ada.call("write", changes=[lost, result])[1] and not ada.call("write", changes=[kept, result])[1]
        assert not ada.call("claim", key="claims/book", revision=mine["revision"])[0]["claimed"]
        for _ in range(2):
            assert ada.call("release", key="claims/book", revision=extended["revision"])[0]["released"]
        ended, failed = ada.call("claim", key="claims/book", revision=extended["revision"])
        assert not failed and not ended["claimed"] and "anew" in ended["reason"]
        # What is no claim is nobody's to claim, nor to release.
        task = ada.put("tasks/book", "book a flight")[0]["revision"]
        for call in (("claim", {}), ("claim", {"revision": task}), ("release", {"revision": task})):
            told, failed = ada.call(call[0], key="tasks/book", **call[1])
            assert failed and "claims/tasks/book" in told["reason"], call
        assert ada.call("read", keys=["tasks/book"])[0]["records"][0]["value"] == "book a flight"
        assert bob.call("claim", key="claims/book", seconds=1)[0]["claimed"]
        time.sleep(2)
        assert ada.call("claim", key="claims/book")[0]["claimed"]


def test_a_broker_that_was_killed_is_started_again_for_those_who_were_connected(tmp_path):
    with Home(tmp_path) as home, Raw(home=home) as raw:
        raw.put("a", "1")
        (broker,) = home.processes()
        os.kill(broker, signal.SIGKILL)
        time.sleep(4)
        for _ in range(3):
            told, failed = raw.call("read", keys=["a"])
            if not failed:
                break
        assert not failed and told["records"][0]["value"] == "1"
        assert home.processes() != [broker]


def test_a_server_ends_soon_after_its_input_though_nobody_reads_and_somebody_waits(broker):
    raw = Raw(broker)
    raw.put("large", "x" * 300_000)
    with start([membus(), "mcp", "--broker", broker.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as deaf:
        for number in range(5):
            deaf.stdin.write((json.dumps({
                "jsonrpc": "2.0", "id": number, "method": "tools/call",
                "params": {"name": "read", "arguments": {"keys": ["large"]}, "_meta": META}}) + "\n").encode())
        deaf.stdin.write((json.dumps({
            "jsonrpc": "2.0", "id": 9, "method": "tools/call",
            "params": {"name": "wait", "arguments": {"topic": "x/", "seconds": 600}, "_meta": META}}) + "\n").encode())
        deaf.stdin.flush()
        time.sleep(1)
        deaf.stdin.close()
        assert deaf.wait(6 * PATIENCE) == 0
    raw.end()


def test_who_waits_is_told_of_what_came_and_of_what_comes(raw, broker):
    before = raw.put("alarms/old", "x")[0]["revision"]
    run(broker, "put", "alarms/fire", "kitchen")
    told, _ = raw.call("wait", topic="alarms/", after=before)
    assert told["happened"] and told["changes"][0]["value"] == "kitchen" and told["revision"] == before + 1
    waiting = raw.begin("tools/call", {"name": "wait", "arguments": {"key": "answers/42", "seconds": 30},
                                       "_meta": {"progressToken": "p"}})
    raw.until(lambda: any(one["method"] == "notifications/progress" for one in raw.notifications), 20)
    assert waiting not in raw.answers
    run(broker, "put", "answers/42", "yes")
    assert raw.wait(waiting)["result"]["structuredContent"]["changes"][0]["value"] == "yes"
    told, _ = raw.call("wait", topic="alarms/", seconds=1)
    assert not told["happened"] and told["revision"] >= before
    # One that is cancelled is not answered, and the rest goes on.
    cancelled = raw.begin("tools/call", {"name": "wait", "arguments": {"topic": "alarms/", "seconds": 600}})
    raw.notify("notifications/cancelled", requestId=cancelled)
    raw.put("alarms/more", "x")
    assert raw.call("read", keys=["alarms/more"])[0]["records"] and cancelled not in raw.answers


def test_what_an_agent_has_seen_another_sees_by_its_token(broker):
    with Raw(broker, "--agent", "ada") as ada, Raw(broker, "--agent", "bob") as bob:
        bob.call("read", keys=["x"])
        for number in range(30):
            token = ada.put("x", str(number))[0]["token"]
            assert bob.call("read", keys=["x"], at_least=token)[0]["records"][0]["value"] == str(number)
        assert bob.call("read", keys=["x"], newest=True)[0]["records"][0]["value"] == "29"


# ---- Resources, prompts, completion


def test_resources_are_listed_read_and_followed(raw, broker):
    for number in range(150):
        raw.put(f"plans/day {number:03}%", f"text {number}")
    listed, cursor = [], {}
    while True:
        page = raw.ask("resources/list", cursor)["result"]
        listed += page["resources"]
        raw.put("plans/meanwhile", "x")  # all pages are of one state
        if "nextCursor" not in page:
            break
        cursor = {"cursor": page["nextCursor"]}
    assert [one["name"] for one in listed] == [f"plans/day {number:03}%" for number in range(150)]
    assert listed[7]["uri"] == "membus://main/plans/day%20007%25" and listed[7]["mimeType"] == "text/plain"
    content = raw.ask("resources/read", uri=listed[7]["uri"])["result"]["contents"][0]
    assert content["text"] == "text 7" and content["uri"] == listed[7]["uri"]
    contents = raw.ask("resources/read", uri="membus://main/plans/")["result"]["contents"]
    assert len(contents) == 101 and "after: plans/day 099%, at: " in contents[100]["text"], contents[100]
    for wrong in ("membus://main/nothing", "file:///etc/passwd", "membus://main/%zz", "membus://nowhere/a"):
        assert "error" in raw.ask("resources/read", uri=wrong), wrong
    assert "error" in raw.ask("resources/list", cursor="nonsense")

    uri = "membus://main/plans/"
    if raw.version == "2026-07-28":
        listening = raw.begin("subscriptions/listen", notifications={"resourceSubscriptions": [uri]})
        raw.until(lambda: raw.notifications)
        assert raw.notifications[0]["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"] == listening
    else:
        raw.ask("resources/subscribe", uri=uri)
    raw.notifications.clear()
    run(broker, "put", "other", "x")
    run(broker, "put", "plans/new", "x")
    raw.until(lambda: raw.notifications)
    assert raw.notifications[0]["params"]["uri"] == "membus://main/plans/new"
    if raw.version == "2026-07-28":
        raw.notify("notifications/cancelled", requestId=listening)
    else:
        raw.ask("resources/unsubscribe", uri=uri)
    raw.call("list")
    raw.notifications.clear()
    run(broker, "put", "plans/later", "x")
    raw.call("wait", topic="nothing/", seconds=1)
    assert raw.notifications == []


def test_prompts_and_their_arguments_are_completed(raw):
    for key in ("plans/paris", "plans/rome", "people/ada", "plain"):
        raw.put(key, "x")
    prompts = raw.ask("prompts/list")["result"]["prompts"]
    assert {prompt["name"] for prompt in prompts} == {"share_memory", "take_task"}
    text = raw.ask("prompts/get", name="take_task", arguments={"key": "tasks/7"})["result"]["messages"][0]["content"]["text"]
    assert "claims/tasks/7" in text
    assert "error" in raw.ask("prompts/get", name="take_task") and "error" in raw.ask("prompts/get", name="none")

    def completed(ref, name, value):
        return raw.ask("completion/complete", ref=ref, argument={"name": name, "value": value})["result"]["completion"]
    record = {"type": "ref/resource", "uri": "membus://{branch}/{+key}"}
    assert completed(record, "key", "plans/")["values"] == ["plans/paris", "plans/rome"]
    assert completed(record, "branch", "m")["values"] == ["main"]
    assert completed({"type": "ref/prompt", "name": "share_memory"}, "topic", "p")["values"] == ["people/", "plans/"]


def test_completion_finds_what_stands_behind_thousands_of_keys(broker, tmp_path):
    keys = [f"a/{number:05}" for number in range(12_000)] + ["a0/x", "b/x", "c/d/e", "c/f", "c0", "é/x", "e\u0301/x"]
    file = tmp_path / "records.jsonl"
    file.write_text("".join(json.dumps({"key": key, "kind": "text", "value": "x"}) + "\n" for key in keys))
    run(broker, "import", str(file))
    with Raw(broker) as raw:
        def completed(name, value):
            return raw.ask("completion/complete", ref={"type": "ref/resource", "uri": "membus://{branch}/{+key}"},
                           argument={"name": name, "value": value})["result"]["completion"]
        begun = time.monotonic()
        assert completed("topic", "")["values"] == ["a/", "a0/", "b/", "c/", "e\u0301/", "é/"]
        assert completed("topic", "a")["values"] == ["a/", "a0/"] and completed("topic", "c/")["values"] == ["c/d/"]
        assert completed("topic", "a/")["values"] == [] and completed("topic", "nothing")["values"] == []
        assert completed("key", "a/1199")["values"] == [f"a/{number}" for number in range(11_990, 12_000)]
        assert completed("key", "a/11999")["values"] == ["a/11999"] and completed("key", "a//")["values"] == []
        many = completed("key", "a/")
        assert len(many["values"]) == 100 and many["hasMore"] and many["values"][0] == "a/00000"
        assert completed("key", "c")["values"] == ["c/d/e", "c/f", "c0"]
        assert time.monotonic() - begun < 5 * PATIENCE


def test_results_name_the_state_that_they_are_of(raw):
    written = raw.put("plans/paris", "night train")[0]
    for tool, arguments in (("read", {"keys": ["plans/paris"]}), ("read", {"topic": "/"}), ("list", {}),
                            ("history", {"key": "plans/paris"}), ("log", {}), ("claim", {"key": "c"}), ("release", {"key": "c", "revision": 1})):
        told, failed = raw.call(tool, **arguments)
        assert not failed and told["revision"] >= written["revision"] and told["token"], (tool, told)


def test_a_model_sees_what_two_states_do_not_share(broker, raw):
    raw.put("plans/paris", "night train\nhotel")
    run(broker, "fork", "trial")
    run(broker, "--branch", "trial", "put", "plans/paris", "morning flight\nhotel")
    raw.put("plans/rome", "two days")
    told, failed = raw.call("diff", **{"from": "main", "to": "trial"})
    assert not failed and (told["only_from"], told["only_to"]) == (1, 2)
    assert told["common"] == [{"branch": "main", "revision": 1}] and told["to"] == {"branch": "trial", "revision": 4}
    paris, rome = sorted(told["differences"], key=lambda one: one["key"])
    assert paris["lines"] == ["-night train", "+morning flight"] and paris["to"]["value"] == "morning flight\nhotel"
    assert rome["change"] == "removed" and "to" not in rome
    told, failed = raw.call("diff", **{"from": "1", "topic": "plans/", "limit": 1})
    assert [one["key"] for one in told["differences"]] == ["plans/rome"] and "more" not in told
    told, failed = raw.call("diff", **{"from": "a/b"})
    assert failed and "BRANCH@REVISION" in json.dumps(told)


def test_a_model_tries_out_on_a_branch_and_decides_what_both_have_changed(broker):
    with Raw(broker, "--agent", "ada") as ada, Raw(broker, "--agent", "bob") as bob:
        ada.call("write", changes=[
            {"key": "plans/paris", "value": "train"}, {"key": "plans/city", "value": {"name": "Paris", "days": 2}},
            {"key": "plans/cost", "increment": 100}])
        forked, failed = ada.call("fork", name="trial", message="try by air")
        assert not failed and forked["branch"] == "trial" and forked["token"].count(":") == 2
        ada.call("write", branch="trial", changes=[
            {"key": "plans/paris", "value": "flight"}, {"key": "plans/city", "merge_patch": {"days": 3}},
            {"key": "plans/cost", "increment": 20}])
        assert bob.call("read", keys=["plans/paris"])[0]["records"][0]["value"] == "train"
        bob.call("write", changes=[
            {"key": "plans/paris", "value": "car"}, {"key": "plans/city", "merge_patch": {"hotel": "Ritz"}},
            {"key": "plans/cost", "increment": 3}])
        told, failed = ada.call("merge", source="trial")
        assert failed and not told["merged"] and told["branch"] == "main" and "resolve" in told["reason"]
        (paris,) = told["unsettled"]
        assert (paris["key"], paris["kind"]) == ("plans/paris", "bothChanged") and told["unlisted"] == 0
        assert [paris[side]["value"] for side in ("base", "ours", "theirs")] == ["train", "car", "flight"]
        assert [paris[side]["commit"]["agent"] for side in ("ours", "theirs")] == ["bob", "ada"]
        # Nothing was written.
        assert ada.call("read", keys=["plans/cost"])[0]["records"][0]["value"] == "103"
        merged, failed = ada.call("merge", source="trial", resolve={"plans/paris": "theirs"}, message="by air")
        assert not failed and merged["merged"] and (merged["written"], merged["settled"]) == (3, 1)
        read, _ = ada.call("read", keys=["plans/paris", "plans/city", "plans/cost"])
        assert [one["value"] for one in read["records"]] == [
            "flight", {"name": "Paris", "days": 3, "hotel": "Ritz"}, "123"]
        assert bob.call("read", keys=["plans/paris"], at_least=merged["token"])[0]["records"][0]["value"] == "flight"
        assert ada.call("log", limit=1)[0]["commits"][0]["message"] == "by air"
        again, failed = ada.call("merge", source="trial")
        assert not failed and not again["merged"] and "contains all of trial" in again["reason"]
        # The other way round, and what was merged is taken back.
        assert ada.call("merge", source="main", into="trial")[0]["merged"]
        undone, failed = bob.call("undo", revisions=[merged["revision"]])
        assert not failed and undone["undone"]
        assert bob.call("read", keys=["plans/paris", "plans/cost"])[0]["records"][1]["value"] == "103"


def test_a_model_finds_out_who_knew_what_and_what_came_of_it(raw):
    lie = raw.put("facts/visa", "none\nneeded")[0]["revision"]
    assert raw.call("read", keys=["facts/visa"])[0]["records"][0]["value"] == "none\nneeded"
    plan = raw.put("plans/lisbon", "fly")[0]["revision"]
    told, failed = raw.call("impact", versions=[{"key": "facts/visa", "revision": lie}])
    assert not failed and [commit["revision"] for commit in told["commits"]] == [lie, plan]
    assert told["commits"][1]["edges"][0]["reason"] == "context" and told["left_out"] == 0
    agent = told["commits"][1]["agent"]
    known, failed = raw.call("knows", agent=agent)
    ways = [(one["way"], one["key"], one["version"]) for one in known["known"]]
    assert not failed and ("wrote", "facts/visa", lie) in ways and ("wrote", "plans/lisbon", plan) in ways
    assert raw.call("knows", agent=agent, at=lie)[0]["known"][-1]["version"] == lie
    lines, failed = raw.call("blame", key="facts/visa")
    assert not failed and [line["text"] for line in lines["lines"]] == ["none", "needed"]
    assert all(line["agent"] == agent for line in lines["lines"])
    for name, arguments in (("impact", {}), ("knows", {}), ("blame", {"key": "a//b"})):
        assert raw.call(name, **arguments)[1]


def test_a_model_finds_what_it_does_not_know_by_its_key(raw):
    raw.call("write", changes=[
        {"key": "plans/lisbon", "value": "We take the night train to Lisbon.", "links": [
            {"relation": "by", "target": "people/ada"}]},
        {"key": "people/ada", "value": "Ada likes ferries."}])
    # What was just written is found, and the text that is shown is on record as read.
    found, failed = raw.call("search", question="night train", topics=["plans/"], k=3)
    assert not failed and found["found"] == 1
    assert [(hit["key"], hit["text"]) for hit in found["hits"]] == [("plans/lisbon", "We take the night train to Lisbon.")]
    known, failed = raw.call("recall", question="ferries", budget=500)
    assert not failed and "people/ada@1" in known["block"] and known["left_out"] == 0
    assert "block" in raw.call("recall", question="ferries", since=known["revision"])[0]
    plan = raw.put("plans/porto", "as to Lisbon")[0]["revision"]
    told = raw.call("impact", versions=[{"key": "plans/lisbon", "revision": 1}])[0]
    assert plan in [commit["revision"] for commit in told["commits"]]
    around, failed = raw.call("links", key="people/ada", direction="in")
    assert not failed and [(edge["source"], edge["relation"]) for edge in around["edges"]] == [("plans/lisbon", "by")]
    assert [node["key"] for node in around["nodes"]] == ["people/ada", "plans/lisbon"]
    rows, failed = raw.call("sql", statement="SELECT key FROM records WHERE key LIKE 'plans/%' ORDER BY key")
    assert not failed and rows["columns"] == ["key"] and rows["rows"] == [["plans/lisbon"], ["plans/porto"]]
    assert raw.call("sql", statement="SELECT count(*) FROM records", at=1)[0]["rows"] == [[2]]
    for name, arguments in (
            ("search", {}), ("search", {"question": " "}), ("search", {"question": "x", "k": 101}), ("recall", {}),
            ("links", {"key": "a//b"}), ("links", {"key": "a", "direction": "up"}), ("sql", {"statement": "DELETE FROM records"})):
        assert raw.call(name, **arguments)[1], name


def test_a_model_takes_back_what_was_wrong_and_what_others_wrote_stays(raw):
    good, bad = (
        raw.call("write", changes=[{"key": "plans/paris", "value": by}, {"key": "n", "increment": more}])[0]["revision"]
        for by, more in (("train", 10), ("rocket", 5)))
    raw.call("write", changes=[{"key": "n", "increment": 1}, {"key": "notes/a", "value": "x"}])

    def values(*keys):
        return [one["value"] for one in raw.call("read", keys=list(keys))[0]["records"]]

    undone, failed = raw.call("undo", versions=[{"key": "plans/paris", "revision": bad}], message="no rockets")
    assert not failed and undone["undone"] and undone["token"] and values("plans/paris", "n") == ["train", "16"]
    assert raw.call("undo", revisions=[bad])[0]["undone"] and values("plans/paris", "n") == ["train", "11"]
    told, failed = raw.call("undo", revisions=[bad])
    assert not failed and not told["undone"] and told["reason"]
    undone, failed = raw.call("undo", to=good, topics=["n", "plans/"])
    assert not failed and undone["undone"] and values("plans/paris", "n", "notes/a") == ["train", "10", "x"]
    # An undo is a commit, and can be undone.
    assert raw.call("undo", revisions=[undone["revision"]])[0]["undone"] and values("n") == ["11"]
    # A key whose past can't be told is decided.
    raw.put("doc", "a text")
    whole = raw.put("doc", {"a": 1})[0]["revision"]
    raw.call("write", changes=[{"key": "doc", "merge_patch": {"b": 2}}])
    told, failed = raw.call("undo", revisions=[whole])
    assert failed and not told["undone"] and [one["key"] for one in told["unsettled"]] == ["doc"]
    assert told["unsettled"][0]["ours"]["value"] == {"a": 1, "b": 2}
    assert raw.call("undo", revisions=[whole], resolve={"doc": "delete"})[0]["undone"]
    assert raw.call("read", keys=["doc"])[0]["missing"] == ["doc"]


def test_mistakes_about_branches_are_told_to_the_model(raw):
    revision = raw.put("a", "1")[0]["revision"]
    raw.call("fork", name="trial")
    for tool, arguments, said in [
        ("fork", {"name": "trial"}, "trial"), ("fork", {"name": "b", "from": "nowhere"}, "nowhere"),
        ("fork", {}, "name"), ("fork", {"name": "b", "at": 99}, "99"), ("fork", {"name": "a//b"}, "a//b"),
        ("merge", {"source": "nowhere"}, "nowhere"), ("merge", {"source": "trial", "into": "nowhere"}, "nowhere"),
        ("merge", {"source": "main"}, "itself"), ("merge", {}, "source"),
        ("merge", {"source": "trial", "reslove": {}}, "reslove"),
        ("merge", {"source": "trial", "resolve": {"a": "mine"}}, "ours, theirs, base, delete expected"),
        ("merge", {"source": "trial", "resolve": {"a//b": "ours"}}, "a//b"),
        ("undo", {}, "to"), ("undo", {"to": revision, "revisions": [revision]}, "to"),
        ("undo", {"revisions": [revision], "topics": ["a"]}, "topics"), ("undo", {"to": 99}, "99"),
        ("undo", {"revisions": [99]}, "99"),
        ("undo", {"versions": [{"key": "b", "revision": revision}]}, "did not write"),
        ("undo", {"revisions": [revision], "resolve": {"a": "theirs"}}, "ours, delete expected"),
        ("undo", {"revisions": [revision], "branch": "nowhere"}, "nowhere"),
    ]:
        text, failed = raw.call(tool, **arguments)
        assert failed and said in str(text), (tool, arguments, text)
    assert len(raw.call("log")[0]["commits"]) == 2
    tools = {tool["name"]: tool["annotations"] for tool in raw.ask("tools/list")["result"]["tools"]}
    assert not any(tools[name]["readOnlyHint"] for name in ("fork", "merge", "undo"))
    assert [tools[name]["destructiveHint"] for name in ("fork", "merge", "undo")] == [False, True, True]


def test_no_request_has_the_server_hold_more_than_a_result_may_and_what_is_left_out_is_named(broker):
    """Thirty values of 3 MiB, asked for in every way, by requests of a kilobyte."""
    with Raw(broker, "--timeout", "60s") as raw, Raw(broker, "--timeout", "60s", "--as-graph") as graph:
        keys = [f"large/{number:02}" for number in range(30)]
        for number, key in enumerate(keys):
            revision = raw.put(key, chr(97 + number % 26) * (3 << 20))[0]["revision"]
        for turn in range(10):
            raw.put("large/00", str(turn) * (3 << 20))
        before = memory_kib(raw.process.pid)
        for _ in range(2):
            told, failed = raw.call("read", keys=keys)
            assert not failed and [one["key"] for one in told["records"]] == keys[:1]
            assert told["left_out"] == keys[1:] and f"at: {told['revision']}" in told["left_out_hint"]
            rest, _ = raw.call("read", keys=told["left_out"], at=told["revision"])
            assert [one["key"] for one in rest["records"]] == keys[1:2] and rest["left_out"] == keys[2:]
        told, _ = raw.call("read", topic="large/", limit=500)
        assert told["more"] and [one["key"] for one in told["records"]] == keys[:1]
        told, _ = raw.call("history", key="large/00")
        assert told["more"] and len(told["versions"]) == 1
        older, _ = raw.call("history", key="large/00", before=told["versions"][-1]["revision"])
        assert older["versions"][0]["value"][0] == "8"
        told, _ = raw.call("wait", topic="large/", after=0)
        assert [one["key"] for one in told["changes"]] == keys[:2] and told["changes"][1]["left_out"]
        assert raw.call("wait", topic="large/", after=told["revision"])[0]["changes"][0]["key"] == keys[2]
        told, failed = raw.call("write", changes=[{"key": key, "if_absent": True} for key in keys])
        assert failed and len(told["conflict"]) == 30
        assert ["value" in one["current"] for one in told["conflict"]] == [True] + [False] * 29
        assert told["conflict"][7]["current"]["size"] == 3 << 20
        # Both sides of what is to be decided: values are left out first, then all but the keys.
        raw.call("fork", name="trial")
        wide = {str(number): "x" * 4_000 for number in range(15)}
        for branch in ("trial", "main"):
            for number in range(6):
                raw.call("write", branch=branch, changes=[{"key": f"both/{number}", "value": branch * (1 << 17)}])
            raw.call("write", branch=branch, changes=[
                {"key": f"wide/{number:02}", "value": branch, "attributes": wide} for number in range(12)])
        told, failed = raw.call("merge", source="trial")
        assert failed and len(told["unsettled"]) + len(told["left_out"]) == 18 and told["unlisted"] == 0
        assert ["value" in one["ours"] for one in told["unsettled"]][:6] == [True] + [False] * 5
        assert told["unsettled"][5]["theirs"]["size"] == 5 << 17 and told["left_out"][-1] == "wide/11"
        told, failed = raw.call("merge", source="trial", resolve=dict.fromkeys(
            [one["key"] for one in told["unsettled"]] + told["left_out"], "theirs"))
        assert not failed and told["settled"] == 18
        contents = raw.ask("resources/read", uri="membus://main/large/")["result"]["contents"]
        assert len(contents) == 2 and "after: large/00" in contents[1]["text"] and contents[1]["uri"] == "membus://main/large/"
        # Many at once: all are answered, one after the other.
        numbers = [raw.begin("tools/call", name="read", arguments={"keys": keys[number:]}) for number in range(10)]
        for number in numbers:
            assert not raw.wait(number, 60)["result"].get("isError")
        assert memory_kib(raw.process.pid, peak=True) < before + (300 << 10)
        for number in range(12):
            graph.call("create_entities", entities=[
                {"name": f"e{number:02}", "entityType": "note", "observations": [str(number % 10) * (1 << 20)]}])
        graph.call("create_relations", relations=[{"from": "e00", "to": "e11", "relationType": "before"}])
        answer = graph.ask("tools/call", name="read_graph", arguments={})["result"]
        assert [one["name"] for one in answer["structuredContent"]["entities"]] == [f"e{number:02}" for number in range(7)]
        assert "e07, e08, e09, e10, e11" in answer["content"][1]["text"]
        answer = graph.ask("tools/call", name="open_nodes", arguments={"names": ["e11"]})["result"]
        assert len(answer["structuredContent"]["relations"]) == 1 and len(answer["content"]) == 1


def test_what_is_json_comes_as_json_and_each_result_says_which_state_it_is_of(raw):
    document = {"city": "Paris", "nights": 3, "tags": ["a\u2028b", None, True], "big": 12345678901234567890}
    written = raw.call("write", changes=[{"key": "doc", "value": document}, {"key": "text", "value": '{"a": 1}'},
                                         {"key": "odd", "value": '"\\ud800"', "kind": "json"}])[0]
    told, _ = raw.call("read", keys=["doc", "text", "odd"])
    assert [one["kind"] for one in told["records"]] == ["json", "text", "json"]
    assert told["records"][0]["value"] == document and told["records"][1]["value"] == '{"a": 1}'
    assert told["records"][2]["value_text"] == '"\\ud800"'
    assert raw.call("history", key="doc")[0]["versions"][0]["value"] == document
    assert raw.call("wait", topic="doc", after=0)[0]["changes"][0]["value"] == document
    conflict, failed = raw.call("write", changes=[{"key": "doc", "value": 1, "if_revision": 0}])
    assert failed and conflict["conflict"][0]["current"]["value"] == document
    assert conflict["revision"] == written["revision"] and conflict["branch"] == "main"
    for method, params in (("resources/list", {}), ("resources/read", {"uri": "membus://main/doc"}),
                           ("resources/read", {"uri": "membus://main/"})):
        meta = raw.ask(method, params)["result"]["_meta"]
        assert meta["membus/revision"] == written["revision"] and meta["membus/token"] == written["token"], method


def test_what_a_client_can_mend_is_told_as_such(raw):
    raw.put("a", "x")
    for method, params in (
            ("resources/read", {"uri": "membus://nowhere/a"}), ("resources/read", {"uri": "membus://nowhere/a/"}),
            ("resources/list", {"cursor": "nonsense"}), ("resources/list", {"cursor": "OTk5OTk5OmE="}),
            ("tools/list", {"cursor": "x"}),
            ("completion/complete", {"ref": {"type": "ref/resource", "uri": "membus://{branch}/{+key}"},
                                     "argument": {"name": "key", "value": "a"}, "context": {"arguments": {"branch": "nowhere"}}})):
        error = raw.ask(method, params)["error"]
        assert error["code"] == -32602 and len(error["message"]) > 20, (method, params, error)
    assert "nowhere" in raw.ask("resources/read", uri="membus://nowhere/a")["error"]["message"]
    subscribe = ({"notifications": {"resourceSubscriptions": ["membus://nowhere/a"]}} if raw.version == "2026-07-28"
                 else {"uri": "membus://nowhere/a"})
    error = raw.ask("subscriptions/listen" if raw.version == "2026-07-28" else "resources/subscribe", subscribe)["error"]
    assert error["code"] == -32602 and "nowhere" in error["message"]
    for tool, arguments in (("read", {"keys": ["a"]}), ("list", {}), ("wait", {"topic": "a/"}), ("claim", {"key": "a"}),
                            ("history", {"key": "a"}), ("log", {}), ("write", {"changes": [{"key": "a", "value": "x"}]})):
        text, failed = raw.call(tool, **arguments, branch="nowhere")
        assert failed and "nowhere" in str(text) and ";" in str(text), (tool, text)


def test_a_log_that_is_too_long_goes_on_before_a_revision(broker):
    with Raw(broker) as raw:
        for turn in range(7):
            raw.call("write", changes=[{"key": f"log/{turn}/{number:03}/" + "k" * 400, "value": "x"} for number in range(900)])
        told, revisions = raw.call("log", topic="log/")[0], []
        while True:
            revisions += [commit["revision"] for commit in told["commits"]]
            assert all(len(commit["records"]) == 900 and "cut" not in commit for commit in told["commits"])
            if "more" not in told:
                break
            told, _ = raw.call("log", topic="log/", before=revisions[-1])
        assert len(revisions) == 7 and revisions == sorted(revisions, reverse=True)
        # One commit that is more than a result may hold.
        raw.call("write", changes=[{"key": f"log/x/{number:03}/" + "k" * 900, "value": "", "attributes": {"a": "x" * 900}}
                                   for number in range(1000)])
        told, _ = raw.call("log", topic="log/x/")
        assert told["more"] and told["commits"][0]["cut"] and 100 < len(told["commits"][0]["records"]) < 1000


# ---- The public clients


@pytest.fixture(params=["stdio", "HTTP"])
def place(broker, request):
    """-> what makes a public client's way to a server, for `mcp` and for `fastmcp`"""
    words = ["mcp", "--broker", broker.url, "--agent", "planner"]
    if request.param == "stdio":
        yield {"mcp": lambda: stdio_client(StdioServerParameters(command=membus(), args=words)),
               "fastmcp": lambda: StdioTransport(membus(), words)}
    else:
        with Endpoint(broker, "--agent", "planner") as endpoint:
            yield {"mcp": lambda: endpoint.url, "fastmcp": lambda: endpoint.url}


@pytest.mark.filterwarnings("ignore:resources/subscribe")
@pytest.mark.parametrize("mode", ["auto", "legacy", "2026-07-28"])
def test_the_public_client_works_in_each_of_its_modes(place, broker, mode):
    async def body():
        told = []

        async def hear(message):
            told.append(message)
        async with Client(place["mcp"](), mode=mode, message_handler=hear) as client:
            tools = {tool.name for tool in (await client.list_tools()).tools}
            assert tools == {
                "read", "write", "list", "history", "log", "diff", "blame", "impact", "knows", "fork", "merge", "undo",
                "claim", "release", "wait", "search", "recall", "links", "sql"}
            result = await client.call_tool("write", {"changes": [{"key": "plan", "value": "night train"}]})
            assert not result.is_error and result.structured_content["committed"]
            result = await client.call_tool("read", {"keys": ["plan"]})
            assert result.structured_content["records"][0]["value"] == "night train"
            assert (await client.read_resource("membus://main/plan")).contents[0].text == "night train"
            assert (await client.list_prompts()).prompts
            with pytest.raises(MCPError, match="nonsense"):
                await client.get_prompt("nonsense")
            progress = []

            async def hear_progress(done, total, message):
                progress.append(done)
            result = await client.call_tool("wait", {"topic": "x/", "seconds": 6}, progress_callback=hear_progress)
            assert not result.structured_content["happened"] and progress
            if mode == "legacy":
                await client.subscribe_resource("membus://main/plan")
                await asyncio.to_thread(run, broker, "put", "plan", "ferry")
                await within(lambda: any("resources/updated" in str(message) for message in told))
            else:
                async with client.listen(resource_subscriptions=["membus://main/plan"]) as changes:
                    await asyncio.to_thread(run, broker, "put", "plan", "ferry")
                    assert "membus://main/plan" in str(await asyncio.wait_for(anext(changes), 20 * PATIENCE))
            return client.protocol_version
    version = asyncio.run(body())
    assert version == ("2025-11-25" if mode == "legacy" else "2026-07-28")


async def within(fact, timeout=20):
    for _ in range(int(timeout * PATIENCE / 0.05)):
        if fact():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come true")


@pytest.mark.parametrize("mode", ["auto", "legacy", "2026-07-28"])
def test_fastmcp_works_in_each_of_its_modes(place, mode):
    async def body():
        async with fastmcp.Client(place["fastmcp"](), mode=mode) as client:
            assert len(await client.list_tools()) == 19
            result = await client.call_tool("write", {"changes": [{"key": "plan", "value": "night train"}]})
            assert result.structured_content["committed"]
            result = await client.call_tool("read", {"keys": ["plan"]})
            assert result.structured_content["records"][0]["value"] == "night train"
            assert (await client.read_resource("membus://main/plan"))[0].text == "night train"
            assert [prompt.name for prompt in await client.list_prompts()] == ["share_memory", "take_task"]
            with pytest.raises(fastmcp.exceptions.ToolError, match="a//b"):
                await client.call_tool("read", {"keys": ["a//b"]})
    asyncio.run(body())


# ---- Without a broker, and with one that dies


def test_the_first_client_starts_a_broker_and_the_next_finds_it(tmp_path):
    with Home(tmp_path) as home, Raw(home=home) as ada:
        assert ada.put("plan", "night train")[0]["committed"]
        assert len(home.processes()) == 1
        with Raw(home=home, version="2025-06-18") as bob:
            assert bob.call("read", keys=["plan"])[0]["records"][0]["value"] == "night train"
        assert any("in the background" in line for line in ada.errors)
        assert ada.end() == 0 and len(home.processes()) == 1
        with Raw(None, "--no-start", "--timeout", "1s", home=Home(tmp_path / "nobody")) as nobody:
            text, failed = nobody.call("read", keys=["plan"])
            assert failed and "answer" in text


def test_a_broker_that_is_killed_is_waited_for_and_every_client_goes_on_by_itself(broker):
    with Raw(broker, "--agent", "ada", "--timeout", "30s") as ada, Raw(broker, "--agent", "bob", "--timeout", "30s") as bob:
        listening = bob.begin("subscriptions/listen", notifications={"resourceSubscriptions": ["membus://main/turns/"]})
        bob.until(lambda: bob.notifications)
        for turn in range(30):
            if turn % 10 == 5:
                broker.restart()
            written, failed = ada.put(f"turns/{turn:02}", str(turn))
            assert not failed and written["committed"], written
        bob.until(lambda: len({one["params"].get("uri") for one in bob.notifications} - {None}) == 30, 30)
        read, _ = bob.call("read", topic="turns/")
        assert [record["value"] for record in read["records"]] == [str(turn) for turn in range(30)]
        assert listening not in bob.answers
        uris = [one["params"]["uri"] for one in bob.notifications if "uri" in one["params"]]
        assert len(uris) == 30, "each change is told once"


# ---- Harm


def test_broken_messages_are_answered_as_such_and_the_rest_goes_on(broker):
    with Raw(broker) as raw:
        raw.methods[None] = "ping"
        for text in ['{', '[]', '3', '"x"', '{"jsonrpc":"1.0","id":1,"method":"ping"}', '{"jsonrpc":"2.0","id":{},"method":"x"}',
                     '{"jsonrpc":"2.0","id":5}', "[" * 100_000, '{"jsonrpc":"2.0","id":6,"method":"tools/list","params":[]}',
                     '{"a":1,"a":2}', '{"jsonrpc":"2.0","id":1e400,"method":"x"}', '\udcff'.encode("utf8", "surrogateescape").decode("latin1"),
                     '{"jsonrpc":"2.0","id":8,"method":"tools/list"}',
                     '{"jsonrpc":"2.0","id":9,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"1999-01-01","io.modelcontextprotocol/clientCapabilities":{}}}}']:
            seen = len(raw.answers)
            raw.answers.clear()
            raw.send(text)
            raw.until(lambda: raw.answers)
            assert all("error" in answer for answer in raw.answers.values()), (text[:100], raw.answers)
            raw.answers.clear()
        # Invalid UTF-8, and a message that is too long: nothing of it is kept.
        raw.process.stdin.buffer.write(b'{"jsonrpc":"2.0","id":1,"method":"\xff\xfe"}\n')
        raw.send("")
        raw.until(lambda: raw.answers)
        raw.answers.clear()
        before = memory_kib(raw.process.pid)
        for _ in range(3):
            raw.process.stdin.write("x" * (40 << 20))
        raw.send("")
        raw.until(lambda: raw.answers, 60)
        raw.answers.clear()
        assert raw.put("still", "there")[0]["committed"]
        assert memory_kib(raw.process.pid) < before + (100 << 10)
        for method in ("initialize", "ping", "resources/subscribe", "nonsense", "logging/setLevel"):
            assert raw.ask(method)["error"]["code"] == -32601


def test_a_client_that_stops_reading_is_held_up_and_holds_nothing(broker):
    with Raw(broker) as raw:
        raw.put("large", "x" * 500_000)
    process = start(
        [membus(), "mcp", "--broker", broker.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL)
    asked = json.dumps({"jsonrpc": "2.0", "id": 0, "method": "tools/call", "params": {
        "name": "read", "arguments": {"keys": ["large"]}, "_meta": META}})
    sent = 0

    def ask():
        nonlocal sent
        try:
            for number in range(5000):
                process.stdin.write(asked.replace('"id": 0', f'"id": {number}').encode() + b"\n")
                process.stdin.flush()
                sent += 1
        except OSError:
            pass
    asker = threading.Thread(target=ask, daemon=True)
    asker.start()
    time.sleep(5)
    assert sent < 5000, "it goes on reading"
    assert memory_kib(process.pid) < 400 << 10
    process.kill()
    process.wait()


def test_it_ends_with_its_input_and_answers_what_was_asked_before(broker):
    asked = "".join(json.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {
        "name": "write", "arguments": {"changes": [{"key": f"k/{number}", "value": "x"}]}, "_meta": META}}) + "\n"
        for number in range(20))
    ended = subprocess.run([*DEFAULT_SIGNALS, membus(), "mcp", "--broker", broker.url], input=asked, text=True,
                           capture_output=True, timeout=30 * PATIENCE)
    assert ended.returncode == 0
    assert {json.loads(line)["id"] for line in ended.stdout.splitlines()} == set(range(20))
    assert len(run_json_lines(broker, "ls", "k/")) == 20
    # And with its reader.
    process = start([membus(), "mcp", "--broker", broker.url], stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE, text=True)
    process.stdout.close()
    process.stdin.write(asked)
    process.stdin.flush()
    assert process.wait(30 * PATIENCE) == 0


def test_several_requests_in_one_array_are_answered_in_one(broker):
    with Raw(broker, version="2025-03-26") as raw:
        raw.methods |= {"a": "ping", "b": "tools/list"}
        raw.send(json.dumps([{"jsonrpc": "2.0", "id": "a", "method": "ping"}, {"jsonrpc": "2.0", "method": "notifications/x"},
                             {"jsonrpc": "2.0", "id": "b", "method": "tools/list"}, {"nonsense": 1}]))
        raw.until(lambda: {"a", "b"} <= raw.answers.keys())
        assert "error" in raw.answers[None]


def test_a_hundred_requests_at_once_are_answered_and_too_many_refused(broker):
    with Raw(broker) as raw:
        numbers = [raw.begin("tools/call", name="wait", arguments={"topic": "alarms/", "seconds": 60}) for _ in range(200)]
        raw.until(lambda: len(raw.answers) >= 72)
        refused = [number for number in numbers if number in raw.answers]
        assert all("too many" in raw.answers.pop(number)["error"]["message"] for number in refused)
        for number in set(numbers) - set(refused):
            raw.notify("notifications/cancelled", requestId=number)
        eventually(lambda: "result" in raw.ask("tools/call", name="list", arguments={}), 10, "room for more")


# ---- The graph


class Graph(Raw):
    def __init__(self, broker, *options, **more):
        super().__init__(broker, "--as-graph", *options, **more)


ENTITIES = [{"name": "Ada Lovelace", "entityType": "person", "observations": ["likes trains"]},
            {"name": "Paris/Nord", "entityType": "station", "observations": []}]


def test_the_graph_does_what_the_reference_server_does(broker):
    with Graph(broker) as graph:
        tools = graph.ask("tools/list")["result"]["tools"]
        assert [tool["name"] for tool in tools] == [
            "create_entities", "create_relations", "add_observations", "delete_entities", "delete_observations",
            "delete_relations", "read_graph", "search_nodes", "open_nodes"]
        created, _ = graph.call("create_entities", entities=[*ENTITIES, ENTITIES[0]])
        assert created == {"entities": ENTITIES}
        assert graph.call("create_entities", entities=ENTITIES)[0] == {"entities": []}
        relation = {"from": "Ada Lovelace", "to": "Paris/Nord", "relationType": "starts at"}
        assert graph.call("create_relations", relations=[relation])[0] == {"relations": [relation]}
        text, failed = graph.call("create_relations", relations=[relation | {"to": "Nobody"}])
        assert failed and "Entity with name Nobody not found" in text
        added, _ = graph.call("add_observations", observations=[
            {"entityName": "Ada Lovelace", "contents": ["likes trains", "lives in Rome"]}])
        assert added == {"results": [{"entityName": "Ada Lovelace", "addedObservations": ["lives in Rome"]}]}
        ada = ENTITIES[0] | {"observations": ["likes trains", "lives in Rome"]}
        assert graph.call("read_graph")[0] == {"entities": [ada, ENTITIES[1]], "relations": [relation]}
        assert graph.call("search_nodes", query="ROME")[0] == {"entities": [ada], "relations": [relation]}
        assert graph.call("open_nodes", names=["Paris/Nord"])[0] == {"entities": [ENTITIES[1]], "relations": [relation]}
        told, _ = graph.call("delete_observations", deletions=[
            {"entityName": "Ada Lovelace", "observations": ["likes trains", "x"]}])
        assert told == {"success": True, "message": "Deleted 1 of 2 observations."}
        assert graph.call("delete_relations", relations=[relation])[0]["message"] == "Relations deleted successfully"
        graph.call("create_relations", relations=[relation])
        told, _ = graph.call("delete_entities", entityNames=["Paris/Nord", "Nobody"])
        assert told["message"] == "Deleted 1 of 2 entities. Not found: Nobody"
        assert graph.call("read_graph")[0] == {"entities": [ada | {"observations": ["lives in Rome"]}], "relations": []}
        # Records, links and history, for everybody else.
        record = run_json_lines(broker, "get", "graph/entities/Ada Lovelace")[0]
        assert json.loads(record["value"])["name"] == "Ada Lovelace" and record["owner"] == "raw"


def test_twenty_writers_at_once_lose_nothing(broker):
    writers = [Graph(broker, "--agent", f"writer-{number}") for number in range(20)]
    try:
        writers[0].call("create_entities", entities=[{"name": "shared", "entityType": "plan", "observations": []}])

        def write(number, graph):
            for turn in range(3):
                graph.call("create_entities", entities=[
                    {"name": f"own {number} {turn}", "entityType": "note", "observations": ["x"]}])
                _, failed = graph.call("add_observations", observations=[
                    {"entityName": "shared", "contents": [f"{number} {turn}"]}])
                assert not failed
                graph.call("create_relations", relations=[
                    {"from": f"own {number} {turn}", "to": "shared", "relationType": "part of"}])
        threads = [threading.Thread(target=write, args=pair) for pair in enumerate(writers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        graph, _ = writers[0].call("read_graph")
        shared = next(entity for entity in graph["entities"] if entity["name"] == "shared")
        assert sorted(shared["observations"]) == sorted(f"{number} {turn}" for number in range(20) for turn in range(3))
        assert len(graph["entities"]) == 61 and len(graph["relations"]) == 60
    finally:
        for writer in writers:
            writer.process.kill()
            writer.process.wait()


def test_entities_are_deleted_beside_writers_who_never_rest(broker):
    writers = [Graph(broker, "--agent", f"writer-{number}") for number in range(4)]
    stop, failures = threading.Event(), []
    with Graph(broker, "--agent", "gardener") as gardener:
        def entity(name):
            return {"name": name, "entityType": "note", "observations": []}
        gardener.call("create_entities", entities=[entity("hub"), *(entity(f"end {number}") for number in range(4))])

        def write(number, graph):
            turn = 0
            while not stop.is_set():
                turn += 1
                graph.call("create_entities", entities=[entity(f"leaf {number} {turn}")])
                graph.call("create_relations", relations=[
                    {"from": f"end {number}", "to": f"leaf {number} {turn}", "relationType": "grows"}])
                graph.call("add_observations", observations=[{"entityName": f"end {number}", "contents": [str(turn)]}])
                graph.call("create_relations", relations=[
                    {"from": f"leaf {number} {turn}", "to": "hub", "relationType": "of"}])
        threads = [threading.Thread(target=write, args=pair, daemon=True) for pair in enumerate(writers)]
        for thread in threads:
            thread.start()
        try:
            for turn in range(10):
                time.sleep(0.2)
                begun = time.monotonic()
                told, failed = gardener.call("delete_entities", entityNames=["hub", "end 0"])
                assert not failed and told["success"] and time.monotonic() - begun < 5 * PATIENCE, told
                gardener.call("create_entities", entities=[entity("hub"), entity("end 0")])
            told, _ = gardener.call("delete_entities", entityNames=["hub"])
            assert told["message"] == "Entities deleted successfully"
            # Whoever relates something to it by now is told that it is gone: nothing dangles.
            graph, _ = gardener.call("read_graph")
            names = {one["name"] for one in graph["entities"]}
            assert all({one["from"], one["to"]} <= names for one in graph["relations"])
        finally:
            stop.set()
            for thread in threads:
                thread.join()
            for writer in writers:
                writer.process.kill()
                writer.process.wait()
        # More relations than one transaction holds.
        gardener.call("create_entities", entities=[entity("hub")])
        for part in range(3):
            gardener.call("create_entities", entities=[entity(f"spoke {part} {number}") for number in range(500)])
            _, failed = gardener.call("create_relations", relations=[
                {"from": "hub", "to": f"spoke {part} {number}", "relationType": "to"} for number in range(500)])
            assert not failed
        gardener.call("delete_entities", entityNames=["hub"])
        keys = run(broker, "ls", "graph/relations/hub/").stdout
        assert keys == ""


def test_the_graph_passes_over_what_the_reference_server_does_and_says_which_state_it_is(broker):
    with Graph(broker) as graph:
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

        def ask(tool, **arguments):
            answer = graph.ask("tools/call", {"name": tool, "arguments": arguments, "_meta": {"traceparent": trace}})["result"]
            assert not answer.get("isError"), answer
            return answer
        more = {"importance": 7, "type": "entity"}
        told = ask("create_entities", entities=[one | more for one in ENTITIES], mood="calm")
        assert told["structuredContent"] == {"entities": ENTITIES}
        relation = {"from": "Ada Lovelace", "to": "Paris/Nord", "relationType": "starts at"}
        told = ask("create_relations", relations=[relation | {"since": 1843}])
        assert told["structuredContent"] == {"relations": [relation]}
        ask("add_observations", observations=[{"entityName": "Ada Lovelace", "contents": ["x"], "note": 1}])
        ask("delete_observations", deletions=[{"entityName": "Ada Lovelace", "observations": ["x"], "note": 1}])
        ask("delete_relations", relations=[relation | {"note": 1}])
        last = ask("delete_entities", entityNames=["Paris/Nord"], note=1)
        commits = run_json_lines(broker, "log")
        assert {commit["context"] for commit in commits} == {trace} and len(commits) == 6
        revision = last["_meta"]["membus/revision"]
        assert revision == 6 and last["_meta"]["membus/token"].count(":") == 2
        for tool, arguments in (("read_graph", {}), ("search_nodes", {"query": "ada"}), ("open_nodes", {"names": []})):
            told = ask(tool, **arguments, extra=True)
            assert told["_meta"]["membus/revision"] == revision and set(told["structuredContent"]) == {"entities", "relations"}


def test_an_old_memory_file_is_taken_over(broker, tmp_path):
    file = tmp_path / "memory.jsonl"
    relation = {"from": "Ada Lovelace", "to": "Paris/Nord", "relationType": "starts at"}
    lines = [{"type": "entity", **entity} for entity in ENTITIES] + [{"type": "relation", **relation}]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    told = run_json_lines(broker, "import", "--mcp-memory", str(file))
    assert told[-1]["records"] == told[-1]["written"] == 3
    # Once more changes nothing; what is there by now stays.
    run(broker, "import", "--mcp-memory", str(file))
    with Graph(broker) as graph:
        assert graph.call("read_graph")[0] == {"entities": ENTITIES, "relations": [relation]}
    file.write_text('{"type": "entity", "name": 3}\n')
    ended = run(broker, "import", "--mcp-memory", str(file), check=False)
    assert ended.returncode == 2 and "line 1" in ended.stderr
