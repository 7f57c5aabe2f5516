"""An agent process on the package, with the words of membus-test-agent:

    agent.py write  --broker URL --as NAME [--pause-ms N] FILE    commits FILE's lines, one after another, each once
    agent.py follow --broker URL --as NAME TOPIC                  reports on its view for each token on standard input
"""

import argparse
import json
import sys
import time
from pathlib import Path

import membus


def write(memory, file, pause):
    for line in Path(file).read_text().splitlines():
        turn = json.loads(line)
        receipt = memory.transact(lambda tx, turn=turn: tx.put(turn["key"], turn["value"]))
        assert receipt.is_committed
        time.sleep(pause)


def follow(memory, topic):
    view = memory.follow(topic)
    for line in sys.stdin:
        view.wait(at_least=membus.Token.parse(line.strip()), timeout=60)
        found = view.digest()
        print(json.dumps({"revision": found.token.revision, "count": found.records, "digest": found.digest}), flush=True)


parser = argparse.ArgumentParser()
parser.add_argument("job")
parser.add_argument("operand")
parser.add_argument("--broker")
parser.add_argument("--as", dest="agent")
parser.add_argument("--pause-ms", type=int, default=0)
said = parser.parse_args()
with membus.connect(said.broker, agent=said.agent, context="test", timeout=120) as memory:
    if said.job == "write":
        write(memory, said.operand, said.pause_ms / 1000)
    else:
        follow(memory, said.operand)
