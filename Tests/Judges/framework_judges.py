"""Those who judge what frameworks of agents keep in Membus: the frameworks' own tests, wherever they have some; else tests after
their documentation. Where tests are of another store, a plugin has them test Membus's (Tests/Judges/frameworks)."""

import functools
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as Xml

from bench import ROOT, Judge, Verdict

PYTEST = ("pytest==9.2.0", "pytest-asyncio==1.5.0")
THEIRS = ROOT / "Tests/Judges/frameworks"
OURS = ROOT / "Tests/Python"


@functools.cache
def package():
    """-> where to import membus from: built from the tree, for every Python from 3.10 on"""
    sys.path.insert(0, str(OURS))
    import conftest

    return conftest.place


def sources(bench, requirement):
    """-> a source distribution from PyPI, unpacked"""
    place = bench.place / "sources" / requirement
    if not place.exists():
        subprocess.run(
            [bench.place / "bin/pip", "download", "-q", "--disable-pip-version-check", "--no-deps", "--no-binary", ":all:",
             "--dest", place, requirement], check=True)
    (archive,) = place.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(bench.scratch, filter="data")
    return bench.scratch / archive.name.removesuffix(".tar.gz")


def tests(bench, *arguments, at, **environment):
    """Runs pytest, with the judge's broker. What is skipped is a finding, too. -> Verdict"""
    report = bench.scratch / "report.xml"
    code, output = bench.run(
        "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore", "-o", "addopts=", "-o", "asyncio_mode=auto",
        "-o", "asyncio_default_fixture_loop_scope=function", f"--junitxml={report}", *arguments, timeout=900, at=at,
        environment={"MEMBUS_BROKER": bench.broker.url, "PYTHONPATH": f"{package()}:{THEIRS}:{at}", **environment})
    cases = list(Xml.parse(report).iter("testcase")) if report.exists() else []
    findings, failed = [], set()
    for case in cases:
        for told in case:
            if told.tag in ("failure", "error", "skipped"):
                failed.add(case)
                what = ((told.get("message") or "").splitlines() or [""])[0][:160]
                findings.append(f"{case.get('classname').rsplit('.', 1)[-1]}::{case.get('name')}: {told.tag}: {what}")
    if code not in (0, 1) or not cases:
        findings.append(f"pytest ended with {code}")
    return Verdict(findings, f"{len(cases) - len(failed)} of {len(cases)}", output)


def langgraph_store(bench, way):
    """The tests of LangGraph's two stores: that in SQLite, and that in memory, which comes with what both build on."""
    files, requirement = {
        "of-sqlite": (("tests/test_store.py", "tests/test_async_store.py"), bench.judge.packages[0]),
        "of-memory": (("tests/test_store.py",), bench.judge.packages[1])}[way]
    return tests(bench, "-p", "langgraph_store", *files, at=sources(bench, requirement))


def langgraph_checkpoint(bench, way):
    return tests(bench, "test_langgraph_checkpoint.py", at=THEIRS, MEMBUS_WAY=way)


def openai_session(bench, way):
    return tests(bench, "-p", "openai_session", "tests/memory/test_session.py", at=sources(bench, bench.judge.packages[0]))


def theirs(file, folder="."):
    """A file that hands the framework's tests what they test; or tests of its own, of what is too large for every test run."""
    return lambda bench, way: tests(bench, file, at=THEIRS / folder)


def ours(file):
    """Tests after the framework's documentation."""
    return lambda bench, way: tests(bench, file, at=OURS)


OF_SQLITE = "it is about SQLite: its connections, locks and tables, and rows that somebody has damaged there"

FRAMEWORKS = [
    Judge("langgraph-store", ("langgraph-checkpoint-sqlite==3.1.2", "langgraph-checkpoint==4.3.2", *PYTEST, "pytest-mock==3.15.1"),
          ("of-sqlite", "of-memory"), langgraph_store, {
              r"::test_vector_store_initialization: .*'conn'": "it reads SQLite's tables",
              r"::test_nonnull_migrations": "it reads SQLite's migrations"}),
    Judge("langgraph-checkpoint", ("langgraph-checkpoint-conformance==0.0.2", "langgraph-checkpoint==4.3.2", *PYTEST),
          ("aio", "threads"), langgraph_checkpoint),
    Judge("openai-agents", ("openai-agents==0.24.0", *PYTEST), ("its-tests",), openai_session, {
        r"connection|_skips_corrupt|corrupt_rows|_lock|rolls_back|post_commit_cancellation": OF_SQLITE,
        r"::test_sqlite_session_closed_rejects": "a session of Membus is not closed: the memory is, by its owner"}),
    Judge("claude", ("claude-agent-sdk==0.2.189", "anthropic==2.14.0", *PYTEST), ("14-contracts-and-own-tests",),
          ours("test_integrations_claude.py")),
    Judge("pydantic-ai", ("pydantic-ai-slim==2.68.0", *PYTEST), ("own-tests",), ours("test_integrations_pydantic_ai.py")),
    Judge("google-adk", ("google-adk==2.13.0", *PYTEST), ("own-tests",), theirs("test_google_adk.py")),
    Judge("langchain", ("langchain-tests==1.1.9", "langchain-core==1.8.3", *PYTEST), ("its-tests",), theirs("test_langchain.py")),
    Judge("key-value", ("py-key-value-aio==0.5.0", "dirty-equals==0.11", "inline-snapshot==0.36.1", "pydantic==2.14.4", *PYTEST), ("its-tests",),
          theirs("test_key_value.py", "key_value"), {
              r"::test_not_unbounded": "it has a store drop what is old; Membus keeps what it is given until its time is over"}),
    Judge("agent-coherence", ("agent-coherence==0.15.0", *PYTEST), ("14-scenarios-and-own-tests",), theirs("test_agent_coherence.py")),
]
