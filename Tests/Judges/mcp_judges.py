"""Those who judge servers of the Model Context Protocol."""

import json
import re

import jsonschema

from bench import Judge, Verdict
from mcp_raw import SCHEMAS, Raw


def mcpcheck(bench, way):
    file = bench.scratch / "report.json"
    code, output = bench.run("mcpcheck", "--legacy-probes", "--probe", "all", "--output", file, bench.http())
    checks = json.loads(file.read_text())["checks"]
    findings = [f"{check['name']}: {found['message']}" for check in checks
                for found in check["failures"] + check["warnings"] + [check["error"] or []] if found]
    return Verdict(findings or ([f"exit code {code}"] if code else []), f"{len(checks)} checks of 2026-07-28", output)


def conform(bench, way):
    where = (["--transport", "stdio", "--command", " ".join(bench.stdio)] if way == "stdio" else
             ["--transport", "http", "--url", bench.http().removesuffix("/mcp")])
    code, output = bench.run("mcp-conform", "server", *where)
    counted = re.search(r"(\d+)/(\d+) checks", output)
    return Verdict(re.findall(r"✗ +(.*)", output) or ([f"exit code {code}"] if code else []),
                   counted[0] if counted else "nothing", output)


#: For each tool, what a model would say: the generated ones are refused as they should be.
ARGUMENTS = {
    "read": [{"keys": ["sample"]}, {"topic": "/", "limit": 5}, {"keys": ["sample"], "newest": True}],
    "write": [{"changes": [{"key": "a", "value": "x"}], "message": "why"}, {"changes": [{"key": "c", "increment": 1}]}],
    "list": [{}, {"topic": "plans/"}], "history": [{"key": "sample"}], "log": [{}, {"topic": "/", "limit": 3}],
    "claim": [{"key": "claims/a", "seconds": 5}], "fork": [{"name": "probe"}],
    "wait": [{"topic": "/", "after": 0}, {"key": "sample", "seconds": 1}, {"topic": "nothing/", "seconds": 1}]}


def probe(bench, way):
    arguments = bench.scratch / "arguments.json"
    arguments.write_text(json.dumps(ARGUMENTS))
    words = ["--strict", "--allow-destructive", "--args", arguments]
    code, output = bench.run("amagi-mcp-probe", *words, *(["--", *bench.stdio] if way == "stdio" else ["--url", bench.http()]))
    counted = re.search(r"\d+ tools?: .*", output)
    return Verdict(re.findall(r"(?:warn|fail) +(.*)", output) or ([f"exit code {code}"] if code else []),
                   counted[0] if counted else "nothing", output)


def fuzzer(bench, way):
    where = (["--protocol", "stdio", "--endpoint", " ".join(bench.stdio)] if way == "stdio" else
             ["--protocol", "streamablehttp", "--endpoint", bench.http()])
    findings, count, outputs = [], 0, []
    with Raw(bench.broker) as raw:
        tools = {tool["name"]: tool["inputSchema"] for tool in raw.ask("tools/list")["result"]["tools"]}
    for mode in ("tools", "protocol"):
        reports = bench.scratch / f"reports-{mode}"
        code, output = bench.run(
            "mcp-fuzzer", "--mode", mode, *where, "--runs", "10", "--runs-per-type", "5", "--phase", "both", "--seed", "7",
            "--timeout", "10", "--tool-timeout", "5", "--no-network", "--output-dir", reports, timeout=600)
        outputs.append(output)
        if code:
            findings.append(f"{mode}: exit code {code}")
        told = json.loads((reports / "findings.json").read_text())["findings"]
        outputs.append(json.dumps(told, indent=1))
        count += len(told)
        findings += [found for one in told if (found := weighed(bench, one, tools))]
    return Verdict(findings, f"2 modes, both phases; {count} findings weighed", "\n".join(outputs))


def weighed(bench, finding, tools):
    """What the fuzzer calls wrong may be as it should be. -> what is wrong with it, or None"""
    given = finding["evidence"].get("input")
    what = f"{finding['target']}: {finding['category']}: {json.dumps(given)[:300]}"
    match finding["category"]:
        case "accepted_malformed":
            # It calls whatever it made up in its aggressive phase malformed. What the schema allows is to be accepted.
            # (Its reports leave out the ids that it sent.)
            schema = tools.get(finding["target"])
            if schema is None:
                schema, given = definition(finding["target"]), {"id": 1, **given} if isinstance(given, dict) else given
            return None if schema is None or is_valid(given, schema) else what
        case "hang" if finding["target"] in tools:
            return what if hangs(bench, finding["target"], given) else None
        case "non_determinism" if set(finding["evidence"]["outcomes"]) <= {"server_rejected", "timeout"}:
            return None  # its hangs are weighed one by one
        case _:
            return what


def definition(name):
    """Of a message, by the protocol's schema; None if that knows none."""
    schema = SCHEMAS["2025-11-25"]
    return {"$ref": f"#/$defs/{name}", "$defs": schema["$defs"]} if name in schema["$defs"] else None


def is_valid(value, schema):
    return jsonschema.Draft202012Validator(schema).is_valid(value)


def hangs(bench, tool, given):
    """Whether a call is not answered in its time, alone."""
    if tool == "wait":
        return False  # waiting is what it does
    try:
        text = json.dumps(given, allow_nan=False)
    except ValueError:
        return False  # what the fuzzer sent was no JSON, so that no answer could name it
    with Raw(bench.broker) as raw:
        try:
            raw.ask("tools/call", name=tool, arguments=json.loads(text))
            return False
        except AssertionError:
            return True


BOTH = ("stdio", "http")
MCP = [
    Judge("mcpcheck", ("jbt-mcpcheck==0.1.1",), ("http",), mcpcheck),
    Judge("mcp-conform", ("mcp-conform==0.1.0",), BOTH, conform),
    Judge("amagi-mcp-probe", ("amagi-mcp-probe==0.1.0",), BOTH, probe, {
        "there is no branch|is a record, not a claim|\"revisions\" and \"versions\", or|\"revision\" expected":
            "what it makes up names branches, claims and commits that are not there, and is refused"}),
    Judge("mcp-fuzzer", ("mcp-fuzzer==0.7.0",), BOTH, fuzzer, {
        "injection_reflection": "an error names the key that it is about, in JSON, where no browser reads it"}),
]
