"""A Claude agent with the memory tool: what it notes down others read and edit, and it can be taken back.

    pip install membus[claude]
    ANTHROPIC_API_KEY=… python Sources/Examples/python/claude_memory_tool.py [tcp://127.0.0.1:7401]
"""

import sys

import anthropic

import membus
from membus.integrations.claude_memory import MembusMemoryTool

QUESTION = "I prefer night trains. Note that down, for the next time; then plan a trip to Paris in one sentence."


def main(address: str | None, client: anthropic.Anthropic) -> None:
    with membus.connect(address, agent="claude", context="trip-42") as memory:
        # What somebody else has left there, with any client of Membus.
        memory.put("claude/memories/team.md", "We travel on Fridays.\n")
        runner = client.beta.messages.tool_runner(
            model="claude-sonnet-5-5", max_tokens=1000, messages=[{"role": "user", "content": QUESTION}],
            tools=[MembusMemoryTool(memory)])
        for block in runner.until_done().content:
            if block.type == "text":
                print(f"claude: {block.text}")

        for record in memory.range("claude/memories/"):
            print(f"{record.key}: {record.text.strip()}")
        # Who changed the file when, and back to before Claude did.
        for version in memory.history("claude/memories/team.md"):
            print(f"  revision {version.record.revision}, by {version.commit.agent}: {version.commit.message or 'as it was'}")
        memory.revert(revisions=[next(iter(memory.history("claude/memories/team.md"))).record.revision])
        print(f"team.md again: {memory.follow('claude/memories/')['claude/memories/team.md'].text.strip()}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None, anthropic.Anthropic())
