"""Memory for the agents that people already have: a framework's own memory, session or checkpoint, kept in Membus.

Each is a module of its own, which needs its framework, and nothing else does: `pip install membus[langgraph]`.

| Module | What it is to the framework | Extra | Keys |
|---|---|---|---|
| `langgraph_store` | a `BaseStore` of LangGraph | `langgraph` | `langgraph/store/NAMESPACE…/KEY` |
| `langgraph_checkpoint` | a `BaseCheckpointSaver` of LangGraph | `langgraph` | `langgraph/threads/THREAD/NAMESPACE/…` |
| `openai_agents` | a `Session` of the OpenAI Agents SDK | `openai-agents` | `openai/sessions/SESSION/…` |
| `claude_sessions` | a `SessionStore` of the Claude Agent SDK | `claude` | `claude/projects/PROJECT/…` |
| `claude_memory` | the memory tool of Anthropic's SDK | `claude` | `claude/memories/PATH` |
| `pydantic_ai` | a `ConversationStore` of Pydantic AI | `pydantic-ai` | `pydantic-ai/conversations/ID`, `pydantic-ai/entries/ID` |
| `langchain` | a byte store and a cache of LangChain | `langchain` | `langchain/store/KEY`, `langchain/cache/…` |
| `key_value` | a store of py-key-value (FastMCP) | `key-value` | `key-value/COLLECTION/KEY` |
| `google_adk` | a `SessionService` and a `MemoryService` of Google's ADK | `google-adk` | `adk/apps/APP/…` |
| `agent_coherence` | a substrate of agent-coherence, and workspaces | `agent-coherence` | `coherence/artifacts/REF`, `coherence/checkpoints/ID` |

A name that can't stand in a key as it is (it is empty, or has a slash, say) is written as in a URL; see `segment`.
"""

from ._layout import name_of, segment

__all__ = ["name_of", "segment"]
