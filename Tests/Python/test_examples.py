"""The examples do what they show, in less than a hundred lines each."""

import asyncio
import importlib.util
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


def test_what_a_team_knows_as_part_of_a_prompt(broker):
    source = EXAMPLES / "recall.py"
    assert len(source.read_text().splitlines()) < 100
    ended = subprocess.run([sys.executable, source, broker.url], capture_output=True, text=True, timeout=60 * PATIENCE)
    lines = ended.stdout.splitlines()
    assert ended.returncode == 0 and "  plans/lisbon@1" in lines and "new since then: plans/lisbon" in lines, ended
    assert "around ada: people/ada plans/hotel" in lines and "3 records of kind text" in lines, ended
    assert "night train" in lines[-1] and lines[-1].startswith("then: Passage("), ended


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


def loaded(name):
    """An example, as a module: its main takes what stands for a model."""
    source = EXAMPLES / f"{name}.py"
    assert len(source.read_text().splitlines()) < 100
    found = importlib.util.spec_from_file_location(name, source)
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    found.loader.exec_module(module)
    return module


def test_the_langgraph_team(broker, capsys):
    asked = []

    def ask(prompt):
        asked.append(prompt)
        return f"a walk (asked: {prompt.split()[5]})"

    module = loaded("langgraph_team")
    module.main(broker.url, ask)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [f"{city}: a walk (asked: {city}.)" for city in ("Lisbon", "Oslo", "Paris", "Rome")]
    assert sorted(line.split(" of ")[1] for line in lines[4:]) == ["Lisbon", "Oslo", "Paris", "Rome"] and len(asked) == 4
    with membus.connect(broker.url, agent="reader") as memory:
        assert len([record for record in memory.range("langgraph/threads/") if record.key.endswith("/latest")]) == 4


def test_two_openai_agents_on_one_session(broker, capsys):
    from agents import set_tracing_disabled
    from agents.testing import ScriptedModel, assistant_message

    set_tracing_disabled(True)
    model = ScriptedModel([[assistant_message(f"answer {number}")] for number in range(3)])
    asyncio.run(loaded("openai_session").main(broker.url, model))
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["user: Find a night train to Paris.", "assistant: answer 0"] and lines[6:] == ["4 items without the critic's"]
    # The two who answer at once come in some order, each question before its answer.
    assert sorted(lines[2:6]) == [
        "assistant: answer 1", "assistant: answer 2", "user: Book it for Friday.", "user: What could go wrong with the plan?"]
    assert lines[2].startswith("user") and lines[5].startswith("assistant")


def test_a_claude_agent_with_the_memory_tool(broker, capsys):
    import anthropic
    import httpx2

    commands = [
        {"command": "view", "path": "/memories"},
        {"command": "create", "path": "/memories/preferences.md", "file_text": "Ada prefers night trains."},
        {"command": "insert", "path": "/memories/team.md", "insert_line": 1, "insert_text": "Ada: night trains."}]
    results = []

    def reply(request):
        """Says what the script says: a command of the tool each time, then a sentence."""
        last = json.loads(request.content)["messages"][-1]["content"]
        results.extend(part["content"] for part in last if isinstance(part, dict))
        step = len(results)
        content = [{"type": "tool_use", "id": f"t{step}", "name": "memory", "input": commands[step]}] if step < len(commands) else [
            {"type": "text", "text": "The night train on Friday."}]
        return httpx2.Response(200, json={
            "id": "m", "type": "message", "role": "assistant", "model": "stub", "content": content, "stop_sequence": None,
            "stop_reason": "tool_use" if step < len(commands) else "end_turn", "usage": {"input_tokens": 1, "output_tokens": 1}})

    client = anthropic.Anthropic(api_key="none", http_client=httpx2.Client(transport=httpx2.MockTransport(reply)))
    loaded("claude_memory_tool").main(broker.url, client)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "claude: The night train on Friday.", "claude/memories/preferences.md: Ada prefers night trains.",
        "claude/memories/team.md: We travel on Fridays.", "Ada: night trains."]
    assert lines[4:] == [
        "  revision 3, by claude: edit /memories/team.md", "  revision 1, by claude: as it was", "team.md again: We travel on Fridays."]
    assert "team.md" in results[0] and "created successfully" in results[1] and "has been edited" in results[2]
