"""Memory for the agents that people already have: a framework's own memory, session or checkpoint, kept in Membus.

Each is a module of its own, which needs its framework, and nothing else does: `pip install membus[langgraph]`.

| Module | What it is to the framework | Extra | Keys |
|---|---|---|---|
| `langgraph_store` | a `BaseStore` of LangGraph | `langgraph` | `langgraph/store/NAMESPACE…/KEY` |
| `langgraph_checkpoint` | a `BaseCheckpointSaver` of LangGraph | `langgraph` | `langgraph/threads/THREAD/NAMESPACE/…` |
| `openai_agents` | a `Session` of the OpenAI Agents SDK | `openai-agents` | `openai/sessions/SESSION/…` |
| `claude_sessions` | a `SessionStore` of the Claude Agent SDK | `claude` | `claude/projects/PROJECT/…` |
| `claude_memory` | the memory tool of Anthropic's SDK | `claude` | `claude/memories/PATH` |

A name that can't stand in a key as it is (it is empty, or has a slash, say) is written as in a URL; see `segment`.
"""

from ._layout import name_of, segment

__all__ = ["name_of", "segment"]
