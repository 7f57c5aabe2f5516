"""For the OpenAI Agents SDK's own tests of its SQLite sessions: has them test Membus's. A pytest plugin (-p openai_session)."""

import pathlib

import agents
import agents.memory
import membus
from membus.integrations.openai_agents import MembusSession

KEPT = {}


class SQLiteSession(MembusSession):
    def __init__(self, session_id, db_path=":memory:", session_settings=None):
        # One connection for each database that a case names: sessions on it share it.
        memory = KEPT.get(db_path)
        if memory is None or memory.state == "closed":
            memory = KEPT[db_path] = membus.connect(agent="judge")
        place = id(self) if str(db_path) == ":memory:" else pathlib.Path(db_path).parent.name
        super().__init__(session_id, memory, session_settings=session_settings, prefix=f"judged/{place}/")

    def close(self):
        pass


agents.SQLiteSession = agents.memory.SQLiteSession = SQLiteSession
