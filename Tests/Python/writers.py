"""Two processes that write through one adapter at once, while one of them, and the broker, are killed.

    acknowledged = hammered(broker, "def add(name): store.put((\\"team\\",), name, {})", setup)
    nothing_lost_or_doubled(acknowledged, [item.key for item in store.search(("team",), limit=1000)])
"""

import collections
import os
import subprocess
import sys

from processes import PATIENCE

HEAD = """
import asyncio, sys
import membus, membus.aio
NAME, COUNT = sys.argv[1], int(sys.argv[2])
memory = membus.connect(agent=NAME, timeout=120)
"""

TAIL = """
for number in range(COUNT):
    add(f"{NAME}-{number}")
    print(number, flush=True)
"""

#: The one that is killed, and the one that goes on.
KILLED, LEFT = "ada", "bob"


def hammered(broker, code, count=60):
    """Runs two processes that call `add(name)`, which the code defines, with names of their own. After a third of what ada is to
    write the broker is killed and started again, after two thirds ada is.

    Returns:
        which names were acknowledged to each.
    """
    writers = {
        name: subprocess.Popen(
            [sys.executable, "-c", HEAD + code + TAIL, name, str(count)], stdout=subprocess.PIPE, text=True,
            env=os.environ | {"MEMBUS_BROKER": broker.url})
        for name in (KILLED, LEFT)
    }
    acknowledged = {name: [] for name in writers}
    try:
        for line in writers[KILLED].stdout:
            acknowledged[KILLED].append(f"{KILLED}-{line.strip()}")
            if len(acknowledged[KILLED]) == count // 3:
                broker.restart()
            if len(acknowledged[KILLED]) == 2 * count // 3:
                writers[KILLED].kill()
                break
        # What it had printed before it was killed counts, too.
        acknowledged[KILLED] += [f"{KILLED}-{line.strip()}" for line in writers[KILLED].stdout]
        acknowledged[LEFT] = [f"{LEFT}-{line}" for line in writers[LEFT].communicate(timeout=120 * PATIENCE)[0].split()]
        assert writers[LEFT].returncode == 0 and len(acknowledged[LEFT]) == count
        assert len(acknowledged[KILLED]) >= 2 * count // 3
    finally:
        for writer in writers.values():
            writer.kill()
            writer.wait()
            writer.stdout.close()
    return acknowledged


def nothing_lost_or_doubled(acknowledged, found, killed=KILLED):
    """All that was acknowledged is there, once, and beside it at most what the killed one had under way. Each one's are in its order."""
    counted = collections.Counter(found)
    assert [name for name, times in counted.items() if times > 1] == []
    wanted = {name for names in acknowledged.values() for name in names}
    assert sorted(wanted - set(counted)) == []
    assert set(counted) - wanted <= {f"{killed}-{len(acknowledged[killed])}"}


def in_order(found):
    """Whether what each has written comes in the order in which it was written."""
    for agent in (KILLED, LEFT):
        numbers = [int(name.rsplit("-", 1)[1]) for name in found if name.startswith(agent)]
        assert numbers == sorted(numbers)
