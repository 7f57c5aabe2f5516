"""The main job through MCP: ten agents, by the public clients and over both transports, tell conversations at once, others wait
on topics, and the broker is killed with -9 three times. Every turn is there once, in each speaker's order, and every client goes
on by itself."""

import asyncio
import contextlib
import os
import random
import time
from pathlib import Path

import fastmcp
from fastmcp.client.transports import StdioTransport
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

import conversations
from mcp_raw import Endpoint
from processes import PATIENCE, membus, run_json_lines

AGENTS, TURNS, KILLS = 10, 60, 3


class Caller:
    """One client of either kind, over either transport: `call` and nothing else."""

    def __init__(self, client, raises):
        self.client, self.raises = client, raises

    async def call(self, tool, **arguments):
        """-> (structured content, whether it is an error)"""
        if self.raises:
            result = await self.client.call_tool(tool, arguments, raise_on_error=False)
            return result.structured_content or result.content[0].text, result.is_error
        result = await self.client.call_tool(tool, arguments)
        return result.structured_content or result.content[0].text, result.is_error


@contextlib.asynccontextmanager
async def caller(number, agent, broker, endpoint):
    """The clients take turns: mcp in its modes, fastmcp; standard input and output, HTTP."""
    words = ["mcp", "--broker", broker.url, "--agent", agent, "--timeout", "60s"]
    if number % 4 < 2:
        mode = ["auto", "legacy", "2026-07-28"][number % 3]
        place = endpoint.url if number % 2 else stdio_client(StdioServerParameters(command=membus(), args=words))
        async with Client(place, mode=mode) as client:
            yield Caller(client, False)
    else:
        async with fastmcp.Client(endpoint.url if number % 2 else StdioTransport(membus(), words)) as client:
            yield Caller(client, True)


async def tell(number, agent, turns, broker, endpoint):
    async with caller(number, agent, broker, endpoint) as one:
        for key, text in turns:
            # As a model would: what is there already was told by the call that seemed to fail.
            for attempt in range(20):
                content, failed = await one.call("write", changes=[{"key": key, "value": text, "if_absent": True}])
                if not failed and content["committed"]:
                    break
                if isinstance(content, dict) and content.get("conflict"):
                    assert attempt > 0 and content["conflict"][0]["current"]["value"] == text, (agent, key, content)
                    break
                await asyncio.sleep(0.2)
            else:
                raise AssertionError(f"{agent} could not tell {key}: {content}")
            await asyncio.sleep(0.02)


async def hear(number, wanted, broker, endpoint):
    """Waits on the topic until all has come. -> the keys, in the order in which they came"""
    heard, after = [], 0
    async with caller(number, f"listener-{number}", broker, endpoint) as one:
        while len(heard) < wanted:
            content, failed = await one.call("wait", topic=conversations.TOPIC, after=after, seconds=30)
            if failed:
                await asyncio.sleep(0.2)
            elif content["happened"]:
                heard += [change["key"] for change in content["changes"]]
                after = content["revision"]
    return heard


async def kill(broker, rng, kills):
    for _ in range(kills):
        await asyncio.sleep(rng.uniform(0.3, 1.0))
        broker.kill()
        await asyncio.sleep(rng.uniform(0.0, 0.5))
        await asyncio.to_thread(broker.start)


def test_every_turn_is_told_once_and_in_order_through_mcp_while_the_broker_dies(broker):
    seed = int(os.environ.get("MEMBUS_SEED") or random.randrange(1 << 32))
    data = Path(os.environ.get("MEMBUS_CONVERSATIONS", Path(__file__).parents[3] / "shared/data/locomo-5.json"))
    print(f"to replay: MEMBUS_SEED={seed}")
    agents = conversations.turns_by_agent(conversations.load(data, seed))
    chosen = {agent: turns[:TURNS] for agent, turns in list(agents.items())[:AGENTS]}
    assert len(chosen) == AGENTS
    total = sum(len(turns) for turns in chosen.values())

    async def body(endpoint):
        telling = [tell(number, agent, turns, broker, endpoint) for number, (agent, turns) in enumerate(chosen.items())]
        hearing = [hear(number, total, broker, endpoint) for number in range(4)]
        _, *heard = await asyncio.gather(kill(broker, random.Random(seed), KILLS), *hearing, *telling)
        return heard[:len(hearing)]
    # Of HTTP each client says who it is by its name, unless the server is told.
    with Endpoint(broker, "--timeout", "60s") as endpoint:
        begun = time.monotonic()
        heard = asyncio.run(asyncio.wait_for(body(endpoint), 120 * PATIENCE))
        print(f"{total} turns in {time.monotonic() - begun:.1f} s")

    expected = {key: text for turns in chosen.values() for key, text in turns}
    commits = run_json_lines(broker, "log", conversations.TOPIC, "--ascending")
    told = [change["key"] for commit in commits for change in commit["records"]]
    assert sorted(told) == sorted(expected), "each turn is told once"
    records = {record["key"]: record["value"] for record in run_json_lines(broker, "export", conversations.TOPIC)}
    assert records == expected
    for agent, turns in chosen.items():
        own = {key for key, _ in turns}
        assert [key for key in told if key in own] == [key for key, _ in turns], f"{agent}'s turns are in order"
    for keys in heard:
        assert keys == told, "who waits hears each turn once, in order"
