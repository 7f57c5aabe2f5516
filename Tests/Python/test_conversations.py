"""The main job on real input, by ten Python agents at once; Tests/Processes/conversations.py tells what it is."""

import os
import random
import sys
from pathlib import Path

import conversations
from conftest import ROOT


def test_every_turn_is_told_once_and_in_order_by_python_agents_whose_broker_dies():
    seed = int(os.environ.get("MEMBUS_SEED") or random.randrange(1 << 32))
    data = Path(os.environ.get("MEMBUS_CONVERSATIONS", ROOT.parent / "shared/data/locomo-5.json"))
    try:
        conversations.run_round(
            conversations.load(data, seed), seed, program=[sys.executable, ROOT / "Tests/Python/agent.py"])
    except Exception as error:
        raise AssertionError(f"{error}\nto replay: MEMBUS_SEED={seed}") from error
