"""One round of the main job on conversations; Tests/Processes/conversations.py tells what it is, and runs more of it."""

import os
import random
from pathlib import Path

import conversations


def test_every_turn_is_told_once_and_in_order_by_agents_whose_broker_dies():
    seed = int(os.environ.get("MEMBUS_SEED") or random.randrange(1 << 32))
    data = Path(__file__).parents[3] / "shared/data/locomo-5.json"
    data = Path(os.environ.get("MEMBUS_CONVERSATIONS", data))
    replay = f"Tests/Processes/conversations.py --seed {seed}" + (f" --data {data}" if data.exists() else "")
    print(f"to replay: {replay}")
    try:
        conversations.run_round(conversations.load(data, seed), seed)
    except Exception as error:
        raise AssertionError(f"{error}\nto replay: {replay}") from error
