"""A LangGraph team with a shared plan: each agent is a graph with a connection of its own, as processes would have.

    pip install membus[langgraph] langgraph
    python Sources/Examples/python/langgraph_team.py [tcp://127.0.0.1:7401]

Each finds out about one city, and adds it to the plan, which all of them have at once: nothing that another one has
added is lost. Each goes on with the thread of its own, whose checkpoints are kept, too.
"""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypedDict

from langgraph.graph import END, START, StateGraph

import membus
from membus.integrations.langgraph_checkpoint import MembusSaver
from membus.integrations.langgraph_store import MembusStore

CITIES = ["Lisbon", "Oslo", "Paris", "Rome"]
PLAN = ("plans", "trip-42")

#: What a model is here: a prompt becomes an answer.
Model = Callable[[str], str]


class Trip(TypedDict, total=False):
    city: str
    idea: str
    known: list[str]


def agent(memory: membus.Memory, ask: Model, city: str) -> Trip:
    store = MembusStore(memory)

    def research(state: Trip) -> Trip:
        plan = store.get(PLAN, "plan")  # Local: what the others have found so far.
        known = sorted(plan.value) if plan else []
        return {"idea": ask(f"One thing to do in {state['city']}. The plan has {known}."), "known": known}

    def share(state: Trip) -> Trip:
        # Made to what is there now: it runs again if another agent was quicker.
        store.update(PLAN, "plan", lambda plan: {**(plan or {}), state["city"]: state["idea"]})
        return {}

    graph = StateGraph(Trip)
    graph.add_node("research", research)
    graph.add_node("share", share)
    graph.add_edge(START, "research")
    graph.add_edge("research", "share")
    graph.add_edge("share", END)
    team_member = graph.compile(store=store, checkpointer=MembusSaver(memory))
    done: Trip = team_member.invoke({"city": city}, {"configurable": {"thread_id": f"trip-42/{city}"}})  # type: ignore[assignment]
    return done


def main(address: str | None, ask: Model) -> None:
    def run(city: str) -> Trip:
        with membus.connect(address, agent=f"scout of {city}", context="trip-42") as memory:
            return agent(memory, ask, city)

    with ThreadPoolExecutor() as pool:
        list(pool.map(run, CITIES))
    with membus.connect(address, agent="editor", context="trip-42") as memory:
        store = MembusStore(memory)
        plan = store.get(PLAN, "plan")
        for city, idea in sorted(plan.value.items()) if plan else ():
            print(f"{city}: {idea}")
        for version in memory.history(store.path(PLAN, "plan")):
            print(f"  revision {version.record.revision}, by the {version.commit.agent}")


if __name__ == "__main__":
    # Here a chat model would answer: `lambda prompt: model.invoke(prompt).text`.
    main(sys.argv[1] if len(sys.argv) > 1 else None, lambda prompt: f"a walk by the water ({len(prompt)} letters asked)")
