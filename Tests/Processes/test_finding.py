"""Search, recall, graph and sql, by the command. What they answer is held against an oracle in test_search.py."""

import csv
import io
import json
import signal

import pytest

from processes import eventually, membus, run, run_json_lines, start
from test_cli import ERROR, NOT_FOUND, OK, USAGE, call, error_of, put


@pytest.fixture
def filled(broker):
    put(broker, "plans/lisbon", "We take the night train to Lisbon on Friday.", "--link", "by=people/ada", "--agent", "bob")
    put(broker, "plans/porto", "A hotel by the river.", "--link", "after=plans/lisbon")
    put(broker, "people/ada", '{"likes": {"travel": "night trains"}}', "--kind", "json")
    return broker


def test_a_search_shows_the_passage_and_tells_the_rest_beside(filled):
    found = run(filled, "search", "night train", "--in", "plans/")
    assert found.stdout.splitlines() == [
        "1.0000  plans/lisbon@1  text  bob", "        We take the night train to Lisbon on Friday."]
    assert found.stderr.startswith("membus: 1 record, at revision 3; meaning: ")
    nothing = run(filled, "search", "zebra")
    assert nothing.stdout == "" and nothing.stderr.startswith("membus: nothing found, at revision 3")
    *hits, rest = run_json_lines(filled, "search", "night train")
    assert {hit["key"] for hit in hits} == {"people/ada", "plans/lisbon"} and rest["found"] == 2 and rest["at"]["revision"] == 3
    assert run_json_lines(filled, "search", "night train", "-k", "1", "--offset", "1")[0] == hits[1]
    explained = run(filled, "search", "night train", "--explain", "--in", "plans/").stdout.splitlines()
    assert explained[0].startswith("night  weight ") and explained[1].startswith("train  weight ")
    assert explained[-1].startswith("        words ") and "  night 0." in explained[-1] and "  train 0." in explained[-1]


def test_a_search_is_of_the_state_that_is_named(filled):
    put(filled, "plans/lisbon", "We fly.")
    run(filled, "tag", "before", "--at", "3")
    assert run(filled, "search", "night train", "--in", "plans/").stdout == ""
    for at in ("3", "before", "main@3"):
        assert run(filled, "search", "night train", "--in", "plans/", "--at", at).stdout.startswith("1.0000  plans/lisbon@1"), at
    assert error_of(filled, "search", "x", "--at", "99")[0] == ERROR
    assert error_of(filled, "search", "x", "--branch", "nowhere")[0] == NOT_FOUND
    code, error = error_of(filled, "search", " ")
    assert code == USAGE and error["code"] == "INVALID_ARGUMENT"


def test_a_search_is_followed_and_what_does_not_count_is_not_told(filled, tmp_path):
    out = tmp_path / "pages"
    following = start(
        [membus(), "--broker", filled.url, "search", "night train", "--in", "plans/", "--watch", "--json"],
        stdout=out.open("w"))

    def pages():
        return [json.loads(line) for line in out.read_text().splitlines()]
    try:
        eventually(lambda: len(pages()) == 1)
        put(filled, "plans/faro", "Another night train.")
        eventually(lambda: len(pages()) == 2)
        put(filled, "plans/rome", "Nothing of that.")
        run(filled, "rm", "plans/faro")
        eventually(lambda: pages()[-1]["found"] == 1 and len(pages()) >= 3)
        assert [page["found"] for page in pages()] == [1, 2, 1]
    finally:
        following.send_signal(signal.SIGTERM)
    assert following.wait(timeout=20) == OK


def test_a_recollection_is_a_block_and_nothing_else(filled):
    known = run(filled, "recall", "night train", "--in", "plans/", "--budget", "500")
    assert "We take the night train" in known.stdout and "plans/lisbon@1" in known.stdout and "characters" in known.stderr
    told, = run_json_lines(filled, "recall", "night train", "--in", "plans/", "--budget", "500")
    assert told["block"] == known.stdout.removesuffix("\n") and told["size"] == len(told["block"])
    assert run(filled, "recall", "night train", "--since", "3").stdout == ""


def test_a_graph_is_a_tree_or_one_for_graphviz(filled):
    assert run(filled, "graph", "plans/lisbon").stdout.splitlines() == [
        "plans/lisbon@1  text", "  by → people/ada@3  json", "  ← after plans/porto@2  text"]
    assert run(filled, "graph", "plans/porto", "--to", "people/ada").stdout.splitlines() == [
        "plans/porto@2  text", "  after → plans/lisbon@1  text", "    by → people/ada@3  json"]
    assert run(filled, "graph", "plans/lisbon", "--out", "--relation", "after").stdout == "plans/lisbon@1  text\n"
    assert call(filled, "graph", "people/ada", "--to", "plans/porto", "--out")[0] == NOT_FOUND
    drawn = run(filled, "graph", "plans/porto", "--depth", "2", "--out", "--dot").stdout.splitlines()
    assert drawn[0] == "digraph links {" and '  "plans/lisbon" -> "people/ada" [label="by"];' in drawn and drawn[-1] == "}"
    told, = run_json_lines(filled, "graph", "plans/lisbon", "--in")
    assert [(edge["source"], edge["target"]) for edge in told["edges"]] == [("plans/porto", "plans/lisbon")]
    run(filled, "rm", "people/ada")
    assert "  by → people/ada  (no record)" in run(filled, "graph", "plans/lisbon").stdout.splitlines()


def test_sql_answers_as_a_table_lines_and_csv(filled):
    statement = "SELECT key, revision FROM records ORDER BY key"
    assert [line.split() for line in run(filled, "sql", statement).stdout.splitlines()] == [
        ["key", "revision"], ["people/ada", "3"], ["plans/lisbon", "1"], ["plans/porto", "2"]]
    rows = [{"key": "people/ada", "revision": 3}, {"key": "plans/lisbon", "revision": 1}, {"key": "plans/porto", "revision": 2}]
    assert run_json_lines(filled, "sql", statement) == rows
    assert [json.loads(line) for line in run(filled, "sql", statement, "--format", "jsonl").stdout.splitlines()] == rows
    odd = "SELECT 'a,\"b' AS x, NULL AS y, '' AS z, x'00ff' AS w"
    told = run(filled, "sql", odd, "--format", "csv").stdout
    # (Python's text mode takes the line ends of RFC 4180 for plain ones.)
    assert told.splitlines() == ["x,y,z,w", '"a,""b",,"",00ff']
    assert list(csv.reader(io.StringIO(told)))[1] == ['a,"b', "", "", "00ff"]
    short = run(filled, "sql", statement, "--limit", "2")
    assert len(short.stdout.splitlines()) == 3 and "more rows" in short.stderr
    assert run_json_lines(filled, "sql", "SELECT count(*) AS n FROM records", "--at", "1") == [{"n": 1}]
    for wrong in ("DELETE FROM records", "SELEC 1", "SELECT 1; SELECT 2"):
        assert error_of(filled, "sql", wrong)[0] == USAGE, wrong


def test_an_index_is_made_anew(filled):
    before = run_json_lines(filled, "search", "night train")
    told, = run_json_lines(filled, "reindex")
    assert told["versions"] == 3 and told["index"]["revision"] >= 3
    assert run_json_lines(filled, "search", "night train") == before
    assert run(filled, "reindex", "--no-wait").stdout == "the index of 3 versions is made anew\n"
    assert any(line.startswith("index ") for line in run(filled, "status").stdout.splitlines())
