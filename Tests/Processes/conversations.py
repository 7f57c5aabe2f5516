#!/usr/bin/env python3
"""The main job on real input: conversations, told by several agents at once through one broker that dies.

Every speaker of every conversation is an agent process that commits its turns in order, as records
conversations/<id>/<session>/<dia_id>. Three more processes follow conversations/: one by updates, one by
invalidations, one from a warm file. The broker is killed with -9 at random moments and restarted. At the end
every turn must be there once, in each speaker's order, and all digests must be equal.

    Tests/Processes/conversations.py [--data FILE] [--rounds N] [--seed S] [--kills N]

--data is a file in LoCoMo's form (a list of {"sample_id", "conversation": {"session_1": [{"speaker",
"dia_id", "text"}, …], …}}). Without one, conversations of the same shape are generated from the seed.
The binaries are taken from MEMBUS_BINARY and MEMBUS_AGENT_BINARY, or from .build/debug.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from processes import PATIENCE, Broker, agent as agent_binary, membus, run_json_lines, start  # noqa: E402

TOPIC = "conversations/"


def generated(seed, conversations=5, turns=2760):
    """Conversations of LoCoMo's shape: two speakers each, several sessions, short texts."""
    rng = random.Random(seed)
    words = "hey that sounds great what about the kids work painting trip dinner really fun ☕ été next week".split()
    samples = []
    for number in range(1, conversations + 1):
        speakers = [f"Speaker-{number}-A", f"Speaker-{number}-B"]
        conversation = {"speaker_a": speakers[0], "speaker_b": speakers[1]}
        left, session = turns // conversations, 0
        while left > 0:
            session += 1
            length = min(left, rng.randint(12, 36))
            conversation[f"session_{session}"] = [
                {
                    "speaker": rng.choice(speakers),
                    "dia_id": f"D{session}:{turn}",
                    "text": " ".join(rng.choices(words, k=rng.randint(3, 60))),
                }
                for turn in range(1, length + 1)
            ]
            left -= length
        samples.append({"sample_id": f"generated-{number}", "conversation": conversation})
    return samples


def load(path, seed):
    if path and Path(path).exists():
        return json.loads(Path(path).read_text())
    print(f"no data file: conversations are generated (seed {seed})", flush=True)
    return generated(seed)


def turns_by_agent(samples):
    """agent -> [(key, text)], in the order in which the speaker said them."""
    agents = {}
    for sample in samples:
        conversation = sample["conversation"]
        sessions = sorted(
            (name for name in conversation if re.fullmatch(r"session_\d+", name)), key=lambda name: int(name[8:]))
        for session in sessions:
            for turn in conversation[session]:
                agent = f"{sample['sample_id']}/{turn['speaker']}"
                key = f"conversations/{sample['sample_id']}/{session}/{turn['dia_id']}"
                agents.setdefault(agent, []).append((key, turn["text"]))
    return agents


class Follower:
    """A process that keeps a view, and reports on it when asked."""

    def __init__(self, broker, name, *options, topic=TOPIC, program=()):
        """program: what takes a membus-test-agent's words, if not that."""
        self.name = name
        self.process = start(
            [*(program or [agent_binary()]), "follow", "--broker", broker.url, "--as", name, *options, topic],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def report(self, token, timeout=60):
        self.process.stdin.write(token + "\n")
        self.process.stdin.flush()
        deadline = time.monotonic() + timeout * PATIENCE
        line = self.process.stdout.readline()
        assert line, f"{self.name} ended with {self.process.wait()} before it reported"
        assert time.monotonic() < deadline, f"{self.name} took over {timeout} s to report"
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(30 * PATIENCE) == 0, f"{self.name} ended with {self.process.returncode}"


def run_round(samples, seed, kills=3, say=print, program=()):
    """program: what the writers are, and one more follower; it takes a membus-test-agent's words, and is that by default.
    """
    rng = random.Random(seed)
    agents = turns_by_agent(samples)
    total = sum(len(turns) for turns in agents.values())
    with tempfile.TemporaryDirectory(prefix="membus-conversations-") as scratch:
        scratch = Path(scratch)
        broker = Broker(scratch / "data")
        broker.start()
        say(f"seed {seed}: {len(agents)} agents tell {total} turns, {kills} kills; broker at {broker.url}")
        followers, writers = [], []
        try:
            warm = scratch / "conversations.warm"
            subprocess.run([membus(), "warm", TOPIC, "--into", str(warm), "--broker", broker.url], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            followers = [
                Follower(broker, "update-follower", "--mode", "update"),
                Follower(broker, "invalidate-follower", "--mode", "invalidate"),
                Follower(broker, "warm-follower", "--warm", str(warm)),
                *([Follower(broker, "other-follower", program=program)] if program else []),
            ]
            started = time.monotonic()
            for number, (agent, turns) in enumerate(agents.items()):
                path = scratch / f"agent-{number}.jsonl"
                path.write_text("".join(
                    json.dumps({"key": key, "value": text}, ensure_ascii=False) + "\n" for key, text in turns))
                writers.append((agent, start(
                    [*(program or [agent_binary()]), "write", "--broker", broker.url, "--as", agent, "--pause-ms", "8",
                     str(path)])))
            for kill in range(kills):
                time.sleep(rng.uniform(0.2, 1.2))
                broker.kill()
                time.sleep(rng.uniform(0.0, 0.4))
                broker.start()
                say(f"  killed -9 and restarted, {kill + 1} of {kills}")
            for agent, process in writers:
                assert process.wait(120 * PATIENCE) == 0, f"agent {agent} ended with {process.returncode}"
            say(f"  told in {time.monotonic() - started:.1f} s")
            check(broker, agents, followers, say)
            for follower in followers:
                follower.close()
        finally:
            for _, process in writers:
                process.kill()
            for follower in followers:
                follower.process.kill()
            broker.stop()


def check(broker, agents, followers, say):
    expected = {key: text for turns in agents.values() for key, text in turns}

    records = {record["key"]: record for record in run_json_lines(broker, "export", TOPIC)}
    assert set(records) == set(expected), (
        f"missing: {sorted(set(expected) - set(records))[:5]}, unexpected: {sorted(set(records) - set(expected))[:5]}")
    for key, text in expected.items():
        assert records[key]["value"] == text, f"{key} holds another text"

    told = {agent: [] for agent in agents}
    for commit in run_json_lines(broker, "log", TOPIC, "--ascending"):
        assert commit["agent"] in told, f"revision {commit['revision']} is by {commit['agent']}"
        told[commit["agent"]] += [change["key"] for change in commit["records"]]
    for agent, turns in agents.items():
        assert told[agent] == [key for key, _ in turns], f"{agent}'s turns are not there once and in order"

    status = run_json_lines(broker, "status")[0]
    token = f"{status['lineage']}:{status['head']['revision']}:{status['head']['hash']}"
    truth = run_json_lines(broker, "debug", "digest", TOPIC)[0]
    assert truth["equal"], truth
    assert truth["count"] == len(expected)
    for follower in followers:
        report = follower.report(token)
        assert report["digest"] == truth["digest"], f"{follower.name}: {report} differs from {truth}"
    say(f"  {len(expected)} turns, each once and in order; all digests are {truth['digest'][:16]}…")


def main():
    default = Path(__file__).parents[3] / "shared/data/locomo-5.json"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("MEMBUS_CONVERSATIONS", str(default)))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--kills", type=int, default=3)
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else random.randrange(1 << 32)
    samples = load(arguments.data, seed)
    for number in range(arguments.rounds):
        run_round(samples, seed + number, arguments.kills)
    print(f"{arguments.rounds} of {arguments.rounds} rounds held")


if __name__ == "__main__":
    main()
