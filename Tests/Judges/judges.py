"""Runs the judges, and prints what they say: see deploy/judges. A new one is a Judge in a list of its own module, named here."""

import re
import sys
import time
import traceback

from bench import ROOT, Bench, Verdict
from framework_judges import FRAMEWORKS
from mcp_judges import MCP

JUDGES = [*MCP, *FRAMEWORKS]


def hear(judge, way):
    """-> (Verdict, seconds)"""
    begun = time.monotonic()
    try:
        with Bench(judge) as bench:
            verdict = judge.run(bench, way)
            verdict.findings += bench.still_serves()
    except Exception as error:
        verdict = Verdict([f"it could not judge: {error}"], "", traceback.format_exc())
    return verdict, time.monotonic() - begun


def sorted_out(judge, findings):
    """-> (what is wrong, what was expected with its reason)"""
    wrong, expected = [], []
    for finding in dict.fromkeys(findings):
        reason = next((why for pattern, why in judge.expected.items() if re.search(pattern, finding)), None)
        if reason:
            expected.append((finding, reason))
        else:
            wrong.append(finding)
    return wrong, expected


def main(names):
    if names == ["--list"]:
        print("\n".join(judge.name for judge in JUDGES))
        return 0
    unknown = set(names) - {judge.name for judge in JUDGES}
    if unknown:
        print(f"deploy/judges: there is no judge {', '.join(sorted(unknown))}; see deploy/judges --list", file=sys.stderr)
        return 2
    rows, failed = [], 0
    for judge in (judge for judge in JUDGES if not names or judge.name in names):
        for way in judge.ways:
            verdict, seconds = hear(judge, way)
            wrong, expected = sorted_out(judge, verdict.findings)
            failed += bool(wrong)
            log = ROOT / f".build/judges/{judge.name}-{way}.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text(verdict.output)
            summary = verdict.summary + (f"; {len(expected)} expected" if expected else "")
            rows.append((judge.packages[0], way, "wrong" if wrong else "passed", f"{seconds:.0f} s", summary))
            for finding in wrong:
                print(f"{judge.name}, {way}: {finding}\n    more in {log.relative_to(ROOT)}")
            for finding, reason in expected:
                print(f"{judge.name}, {way}: expected: {finding}\n    {reason}")
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
