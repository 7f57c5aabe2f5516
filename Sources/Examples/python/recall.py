"""What a team knows, as part of a prompt: the best passages for a question, each cited, and later only what is new.

    python Sources/Examples/python/recall.py [tcp://127.0.0.1:7401]
"""

import sys

import membus

NOTES = {
    "plans/lisbon": "We take the night train to Lisbon on Friday. Two berths are booked.",
    "plans/hotel": "The hotel by the river has two rooms until Monday.",
    "people/ada": "Ada prefers night trains, and never flies.",
}


def prompt(known: membus.Recollection, question: str) -> str:
    """What a model would be given."""
    return f"What the team knows:\n\n{known.block}\n\n{question}"


def main(address: str | None) -> None:
    with membus.connect(address, agent="planner", context="trip-42") as memory:
        for key, text in NOTES.items():
            memory.put(key, text, links=[("for", "people/ada")] if key.startswith("plans/") else ())

        question = "How do we get to Lisbon by night train?"
        known = memory.recall(question, budget=2000)
        print(f"a prompt of {len(prompt(known, question))} characters cites:")
        for citation in known.citations:
            print(f"  {citation.key}@{citation.revision}" + (f", by {citation.linked_from}" if citation.linked_from else ""))

        # Somebody changes something; an hour later only that is asked for.
        memory.put("plans/lisbon", "The night train to Lisbon is cancelled: we go by ferry.")
        news = memory.recall(question, since=known.revision)
        print("new since then:", " ".join(citation.key for citation in news.citations if not citation.linked_from))

        # The same records by what they link to, and by SQL; and as they were before the change.
        print("around ada:", " ".join(node.key for node in memory.links("people/ada", direction="in").nodes))
        for kind, count in memory.query("SELECT kind, count(*) FROM records GROUP BY kind").rows:
            print(f"{count} records of kind {kind}")
        print("then:", memory.search("lisbon", "plans/", at=known.revision, passages=True).hits[0].passage)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
