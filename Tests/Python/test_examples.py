"""The examples do what they show, in less than a hundred lines each."""

import json
import os
import re
import subprocess
import sys
import time

from conftest import ROOT
from processes import PATIENCE

import membus

EXAMPLES = ROOT / "Sources/Examples/python"


def test_the_team_of_tasks(broker):
    source = EXAMPLES / "team.py"
    assert len(source.read_text().splitlines()) < 100
    ended = subprocess.run(
        [sys.executable, source, broker.url], capture_output=True, text=True, timeout=60 * PATIENCE)
    lines = ended.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"plans/{city}" for city in ("Lisbon", "Oslo", "Paris", "Rome")]
    assert all("found by worker-" in line for line in lines) and ended.stderr == "", ended


def test_what_the_readme_shows_runs(broker):
    code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[1]
    # The watch goes on for ever; here it ends with what somebody else writes.
    code = code.replace("print(change)", "print(change.key); break")
    with membus.connect(broker.url, agent="other") as memory:
        for key in ("plans/paris", "plans/paris/stay", "plans/paris/fare"):
            memory.put(key, "as it was")
        running = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True,
            env={**os.environ, "MEMBUS_BROKER": broker.url})
        while memory.get("plans/paris/cost") is None:
            time.sleep(0.05)
        memory.put("plans/rome", "later")
        assert running.communicate(timeout=60 * PATIENCE)[0] == "morning flight\nplans/rome\n" and running.returncode == 0
        assert memory.get("plans/paris").text == "night train"


def test_the_notebook(broker, monkeypatch):
    source = EXAMPLES / "notebook.ipynb"
    cells = [cell for cell in json.loads(source.read_text())["cells"] if cell["cell_type"] == "code"]
    assert sum(len(cell["source"]) for cell in cells) < 100
    monkeypatch.setenv("MEMBUS_BROKER", broker.url)
    # As a notebook runs it: one namespace, cell by cell, what the last expression gives is shown.
    names, shown = {}, []
    for cell in cells:
        *body, last = "".join(cell["source"]).rstrip().split("\n")
        code = "\n".join([*body, last])
        try:
            compile(last, "<cell>", "eval")
        except SyntaxError:
            exec(code, names)
        else:
            exec("\n".join(body), names)
            shown.append(eval(last, names))
    assert shown == [entry for entry in shown if entry is not None]
    assert names["plans"]["plans/paris"].text == "morning flight"
