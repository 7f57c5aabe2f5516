"""Two agents of the OpenAI Agents SDK on one session: both see all of the conversation, whoever said what, wherever
they run.

    pip install membus[openai-agents]
    OPENAI_API_KEY=… python Sources/Examples/python/openai_session.py [tcp://127.0.0.1:7401]

They answer at the same time: who adds behind another's back goes on from what is there, so that nothing is lost.
"""

import asyncio
import sys

from agents import Agent, Model, Runner

from membus import aio
from membus.integrations.openai_agents import MembusSession

SESSION = "trip-42"


async def answer(address: str | None, agent: Agent[None], question: str) -> str:
    async with aio.connect(address, agent=agent.name, context=SESSION) as memory:
        result = await Runner.run(agent, question, session=MembusSession(SESSION, memory))
        return str(result.final_output)


async def main(address: str | None, model: str | Model) -> None:
    booker: Agent[None] = Agent(name="booker", instructions="You book trains. One sentence.", model=model)
    critic: Agent[None] = Agent(name="critic", instructions="You see what is wrong with a plan. One sentence.", model=model)
    await answer(address, booker, "Find a night train to Paris.")
    # At once, as two processes would.
    await asyncio.gather(
        answer(address, booker, "Book it for Friday."), answer(address, critic, "What could go wrong with the plan?"))
    async with aio.connect(address, agent="reader", context=SESSION) as memory:
        session = MembusSession(SESSION, memory)
        for item in await session.get_items():
            print(shown(dict(item)))
        # What the critic added was no help: it is left out of the conversation, wherever in it it stands.
        critics = [commit.revision async for commit in memory.log(session.topic, agent="critic")]
        await memory.revert(revisions=critics, message="no help")
        print(f"{len(await session.get_items())} items without the critic's")


def shown(item: dict[str, object]) -> str:
    content = item.get("content")
    if isinstance(content, list):
        content = " ".join(str(part.get("text")) for part in content)
    return f"{item.get('role')}: {content}"


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None, "gpt-5"))
