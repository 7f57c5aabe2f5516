"""A store of py-key-value, which FastMCP and others keep their things in, in Membus.

    import membus
    from membus.integrations.key_value import MembusKeyValueStore

    store = MembusKeyValueStore(membus.connect(agent="server"))            # was: DiskStore(directory="./data")
    await store.put("ada", {"theme": "dark"}, collection="users", ttl=3600)
    server = FastMCP("server", auth=OAuthProxy(…, client_storage=store))

An entry is a record of kind json at `key-value/COLLECTION/KEY`; the broker deletes it when its time is over. A name of
more than 400 bytes is cut off and ends in its hash; attributes hold it whole.

A `put` replaces what is there, as the interface defines it; what it replaced stays in the history. `delete` is true for
one of those who delete an entry at once: it is retried on what is there. All of a `put_many` is one commit, up to 990
keys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from key_value.aio.stores.base import (
    SEED_DATA_TYPE, BaseDestroyCollectionStore, BaseDestroyStore, BaseEnumerateCollectionsStore, BaseEnumerateKeysStore,
    ManagedEntry,
)  # fmt: skip

from .. import Conflict, Memory, Record, Snapshot, aio
from ._layout import Changes, Get, Range, Steps, Write, carry, deleted, name_of, pieces, segment

__all__ = ["MembusKeyValueStore"]

PREFIX = "key-value/"

#: Bytes of a name that stands in a key as it is: two of them, and the prefix, are less than 1,024.
_LONGEST = 400


class MembusKeyValueStore(
    BaseDestroyStore, BaseDestroyCollectionStore, BaseEnumerateCollectionsStore, BaseEnumerateKeysStore
):
    """A key-value store with collections.

    Args:
        memory: what it is kept in, of `membus.connect` or `membus.aio.connect`. It stays the caller's to close.
        default_collection: where entries are that name none.
        seed: what is put first: values by key by collection.
        prefix: the topic of the collections.

    Raises, from every call:
        membus.MembusError: what did not go through: Timeout, Refused. And the errors of py-key-value:
            SerializationError, InvalidTTLError.
    """

    def __init__(
        self, memory: Memory | aio.Memory, *, default_collection: str | None = None, seed: SEED_DATA_TYPE | None = None,
        prefix: str = PREFIX,
    ) -> None:
        self._memory = memory
        self._prefix = prefix
        super().__init__(default_collection=default_collection, seed=seed, stable_api=True)

    def path(self, key: str, collection: str | None = None) -> str:
        """The key of an entry's record: for `memory.history(…)`, `memory.revert(…)` and the command line."""
        return f"{self._topic(collection or self.default_collection)}{_short(key)}"

    # ---- py-key-value's interface

    async def _get_managed_entry(self, *, collection: str, key: str) -> ManagedEntry | None:
        return (await self._get_managed_entries(collection=collection, keys=[key]))[0]

    async def _get_managed_entries(self, *, collection: str, keys: Sequence[str]) -> list[ManagedEntry | None]:
        return await carry(self._memory, self._get(collection, keys))

    async def _put_managed_entry(self, *, key: str, collection: str, managed_entry: ManagedEntry) -> None:
        await carry(self._memory, self._put(collection, {key: managed_entry}))

    async def _put_managed_entries(
        self, *, collection: str, keys: Sequence[str], managed_entries: Sequence[ManagedEntry], ttl: float | None,
        created_at: datetime, expires_at: datetime | None,
    ) -> None:
        await carry(self._memory, self._put(collection, dict(zip(keys, managed_entries, strict=True))))

    async def _delete_managed_entry(self, *, key: str, collection: str) -> bool:
        return await self._delete_managed_entries(keys=[key], collection=collection) == 1

    async def _delete_managed_entries(self, *, keys: Sequence[str], collection: str) -> int:
        return await carry(self._memory, self._delete([self.path(key, collection) for key in dict.fromkeys(keys)]))

    async def _get_collection_keys(self, *, collection: str, limit: int | None = None) -> list[str]:
        return await carry(self._memory, self._keys(collection, limit))

    async def _get_collection_names(self, *, limit: int | None = None) -> list[str]:
        return await carry(self._memory, self._collections(limit))

    async def _delete_collection(self, *, collection: str) -> bool:
        return await carry(self._memory, deleted(self._topic(collection))) > 0

    async def _delete_store(self) -> bool:
        return await carry(self._memory, deleted(self._prefix)) > 0

    # ---- Steps

    def _topic(self, collection: str) -> str:
        return f"{self._prefix}{_short(collection)}/"

    def _get(self, collection: str, keys: Sequence[str]) -> Steps[list[ManagedEntry | None]]:
        where = [self.path(key, collection) for key in keys]
        found: Mapping[str, Record] = (yield Get(list(dict.fromkeys(where)))) if where else {}
        return [_entry(found[place]) if place in found else None for place in where]

    def _put(self, collection: str, entries: Mapping[str, ManagedEntry]) -> Steps[None]:
        puts = {self.path(key, collection): (key, entry, entry.value_as_json) for key, entry in entries.items()}

        def put(tx: Changes, place: str, key: str, entry: ManagedEntry, value: str) -> None:
            about = {"created": entry.created_at.isoformat()} if entry.created_at else {}
            if place != f"{self._prefix}{segment(collection)}/{segment(key)}":
                about |= {"collection": collection, "key": key}
            tx.put(place, value, kind="json", attributes=about, expires=entry.expires_at)

        for piece in pieces(puts.items(), lambda found: len(found[1][2])):

            def body(tx: Changes, piece: Sequence[tuple[str, tuple[str, ManagedEntry, str]]] = piece) -> None:
                for place, about in piece:
                    put(tx, place, *about)

            yield Write(body, f"put {len(piece)} keys in {collection}"[:200])

    def _delete(self, where: Sequence[str]) -> Steps[int]:
        while True:
            found: Snapshot = yield Get(where)
            if not found:
                return 0

            def body(tx: Changes, found: Snapshot = found) -> None:
                for record in found.values():
                    tx.require(record.key, at=record.revision)
                    tx.delete(record.key)

            try:
                yield Write(body, f"delete {len(found)} keys")
                return len(found)
            except Conflict:
                continue  # Somebody else has deleted or put one: counted again.

    def _keys(self, collection: str, limit: int | None) -> Steps[list[str]]:
        records = yield Range((self._topic(collection),), True)
        return [_name(record, "key", -1) for record in records[: limit or None]]

    def _collections(self, limit: int | None) -> Steps[list[str]]:
        records = yield Range((self._prefix,), True)
        return list(dict.fromkeys(_name(record, "collection", -2) for record in records))[: limit or None]


def _short(name: str) -> str:
    written = segment(name)
    if len(written.encode()) <= _LONGEST:
        return written
    # Cut off where no escape and no character is cut in two; `~` then tells it from a name that is written as it is.
    start = written.encode()[: _LONGEST - 34].decode(errors="ignore").rsplit("%", 1)[0] or "long"
    return f"{start}~{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def _name(record: Record, attribute: str, place: int) -> str:
    return record.attributes.get(attribute) or name_of(record.key.split("/")[place])


def _entry(record: Record) -> ManagedEntry:
    value: dict[str, Any] = record.json()
    created = record.attributes.get("created")
    return ManagedEntry(
        value=value, created_at=datetime.fromisoformat(created) if created else None, expires_at=record.expires)
