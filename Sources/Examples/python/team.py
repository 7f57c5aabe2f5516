"""A team of agents that plan a trip: asyncio tasks here, each with a connection of its own, as processes would have.

    python Sources/Examples/python/team.py [tcp://127.0.0.1:7401]

The researcher leaves tasks, workers take them, each task once, and the editor follows what comes of it.
"""

import asyncio
import sys

import membus
from membus import aio

CITIES = ["Lisbon", "Oslo", "Paris", "Rome"]


async def researcher(address: str | None) -> None:
    async with aio.connect(address, agent="researcher", context="trip-42") as memory:
        for city in CITIES:
            await memory.put(f"tasks/{city}", {"find": "a hotel", "city": city}, message="to be done")


async def worker(address: str | None, name: str) -> None:
    async with aio.connect(address, agent=name, context="trip-42") as memory:
        async for change in memory.watch("tasks/", after=0):
            key = change.key

            async def take(tx: aio.Transaction) -> membus.Record | None:
                task = await tx.get(key)  # Becomes a precondition: of two who take it, one gets it.
                if task is not None:
                    tx.delete(key)
                return task

            try:
                task = (await memory.transact(take, message="mine")).result
            except membus.Conflict:
                continue  # Another worker was quicker.
            if task is not None:
                await plan(memory, task.json()["city"])


async def plan(memory: aio.Memory, city: str) -> None:
    await asyncio.sleep(0.01)  # Here it would ask a model.

    async def report(tx: aio.Transaction) -> None:
        tx.put(f"plans/{city}", f"hotel by the river, found by {memory.agent}")
        tx.increment("plans/found")  # Merged by the broker: never conflicts.

    await memory.transact(report, message=f"{city} is done")


async def editor(address: str | None) -> dict[str, str]:
    async with aio.connect(address, agent="editor", context="trip-42") as memory:
        plans = await memory.follow("plans/")
        async for change in memory.watch("plans/found", after=0):
            if change.record.count == len(CITIES):
                await plans.wait(at_least=change.token)
                break
        # Local, and of one revision.
        return {key: record.text for key, record in plans.items() if key != "plans/found"}


async def main(address: str | None) -> None:
    workers = [asyncio.create_task(worker(address, f"worker-{number}")) for number in (1, 2)]
    _, plans = await asyncio.gather(researcher(address), editor(address))
    for task in workers:
        task.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    for key, text in plans.items():
        print(f"{key}: {text}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None))
