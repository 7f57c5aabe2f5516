"""LangChain's byte store and model cache in Membus: embeddings, documents and answers that a team computes once.

    import membus
    from membus.integrations.langchain import MembusByteStore, MembusCache

    memory = membus.connect(agent="indexer")
    store = MembusByteStore(memory)                     # was: LocalFileStore("./cache")
    embedder = CacheBackedEmbeddings.from_bytes_store(model, store, namespace="v1")
    set_llm_cache(MembusCache(memory))                  # was: SQLiteCache("cache.db")

| Key | What it is |
|---|---|
| `langchain/store/KEY` | bytes; slashes of the key are the path's |
| `langchain/cache/MODEL/PROMPT` | an answer, as JSON with its prompt and model; both names are hashes |

Both replace what is there, as LangChain defines them, so the last one stands; what it replaced stays in the history.
They have no word for a conflict, and need none: nothing that they write is made of what they have read. All of one
`mset` is one commit, up to 990 keys.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.caches import RETURN_VAL_TYPE, BaseCache
from langchain_core.load import dumps, loads
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, Generation, GenerationChunk
from langchain_core.stores import BaseStore

from .. import Memory, aio
from ._layout import (
    Changes, Get, Range, Steps, Write, as_json, carry, carry_out, deleted, gone, name_of, path, pieces, segment,
)  # fmt: skip

if TYPE_CHECKING:
    from langchain_core.load.serializable import Serializable

__all__ = ["MembusByteStore", "MembusCache"]

T = TypeVar("T")

STORE = "langchain/store/"
CACHE = "langchain/cache/"

#: All that an answer of a model is made of, and nothing else: others can write to the memory, too.
_ANSWERS: list[type[Serializable]] = [
    AIMessage, AIMessageChunk, ChatGeneration, ChatGenerationChunk, Generation, GenerationChunk]


class _Kept:
    def __init__(self, memory: Memory | aio.Memory) -> None:
        self._memory = memory

    def _wait(self, steps: Steps[T]) -> T:
        if isinstance(self._memory, aio.Memory):
            raise TypeError("the memory is of membus.aio: use the methods that are awaited; or membus.connect")
        return carry_out(self._memory, steps)


class MembusByteStore(_Kept, BaseStore[str, bytes]):
    """A store of bytes by key.

    Args:
        memory: what it is kept in: of `membus.connect`, or of `membus.aio.connect` for the methods that are awaited. It
            stays the caller's to close.
        prefix: the topic of the keys.

    Raises, from every call:
        membus.MembusError: what did not go through: InvalidName (a key is too long), Timeout, Refused.
    """

    def __init__(self, memory: Memory | aio.Memory, *, prefix: str = STORE) -> None:
        super().__init__(memory)
        self._prefix = prefix

    def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        return self._wait(self._get(keys))

    def mset(self, key_value_pairs: Sequence[tuple[str, bytes]]) -> None:
        self._wait(self._set(key_value_pairs))

    def mdelete(self, keys: Sequence[str]) -> None:
        self._wait(self._delete(keys))

    def yield_keys(self, *, prefix: str | None = None) -> Iterator[str]:
        yield from self._wait(self._keys(prefix or ""))

    async def amget(self, keys: Sequence[str]) -> list[bytes | None]:
        return await carry(self._memory, self._get(keys))

    async def amset(self, key_value_pairs: Sequence[tuple[str, bytes]]) -> None:
        await carry(self._memory, self._set(key_value_pairs))

    async def amdelete(self, keys: Sequence[str]) -> None:
        await carry(self._memory, self._delete(keys))

    async def ayield_keys(self, *, prefix: str | None = None) -> AsyncIterator[str]:
        for key in await carry(self._memory, self._keys(prefix or "")):
            yield key

    def path(self, key: str) -> str:
        """The key of the record: for `memory.history(…)`, `memory.revert(…)` and the command line."""
        return self._prefix + path(*key.split("/"))

    def _get(self, keys: Sequence[str]) -> Steps[list[bytes | None]]:
        where = [self.path(key) for key in keys]
        found = (yield Get(list(dict.fromkeys(where)))) if where else {}
        return [found[place].value if place in found else None for place in where]

    def _set(self, pairs: Sequence[tuple[str, bytes]]) -> Steps[None]:
        puts = {self.path(key): bytes(value) for key, value in pairs}
        for piece in pieces(puts.items(), lambda put: len(put[1])):

            def body(tx: Changes, piece: Sequence[tuple[str, bytes]] = piece) -> None:
                for put in piece:
                    tx.put(*put)

            yield Write(body, f"put {len(piece)} keys")

    def _delete(self, keys: Sequence[str]) -> Steps[None]:
        yield from gone(dict.fromkeys(map(self.path, keys)), f"delete {len(keys)} keys")

    def _keys(self, prefix: str) -> Steps[list[str]]:
        whole = prefix.split("/")[:-1]
        records = yield Range((self._prefix + "".join(segment(name) + "/" for name in whole),), True)
        keys = ("/".join(map(name_of, record.key.removeprefix(self._prefix).split("/"))) for record in records)
        return [key for key in keys if key.startswith(prefix)]


class MembusCache(_Kept, BaseCache):
    """A cache of models' answers.

    Args:
        memory: as above.
        ttl: how long an answer is kept, in seconds or as a timedelta; None: until it is cleared.
        prefix: the topic of the answers.
    """

    def __init__(
        self, memory: Memory | aio.Memory, *, ttl: float | timedelta | None = None, prefix: str = CACHE
    ) -> None:
        super().__init__(memory)
        self._ttl, self._prefix = ttl, prefix

    def lookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        return self._wait(self._lookup(prompt, llm_string))

    def update(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        self._wait(self._update(prompt, llm_string, return_val))

    def clear(self, **kwargs: Any) -> None:
        self._wait(deleted(self._prefix))

    async def alookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        return await carry(self._memory, self._lookup(prompt, llm_string))

    async def aupdate(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        await carry(self._memory, self._update(prompt, llm_string, return_val))

    async def aclear(self, **kwargs: Any) -> None:
        await carry(self._memory, deleted(self._prefix))

    def path(self, prompt: str, llm_string: str) -> str:
        """The key of an answer's record."""
        return f"{self._prefix}{_hash(llm_string)}/{_hash(prompt)}"

    def _lookup(self, prompt: str, llm_string: str) -> Steps[RETURN_VAL_TYPE | None]:
        where = self.path(prompt, llm_string)
        record = (yield Get((where,))).get(where)
        if record is None:
            return None
        answers: RETURN_VAL_TYPE = loads(json.dumps(record.json()["answers"]), allowed_objects=_ANSWERS)
        return answers

    def _update(self, prompt: str, llm_string: str, answers: RETURN_VAL_TYPE) -> Steps[None]:
        kept = as_json({"prompt": prompt, "model": llm_string, "answers": json.loads(dumps(list(answers)))})
        where = self.path(prompt, llm_string)
        yield Write(lambda tx: tx.put(where, kept, kind="json", expires=self._ttl), "keep an answer")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]
