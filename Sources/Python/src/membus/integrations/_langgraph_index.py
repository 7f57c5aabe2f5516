"""What LangGraph's store embeds, by a function of the application's: texts of values, and questions.

A put sends its vectors along, and the broker drops them with the next put of the item. So where a read has an item live on, which is a
put, its vectors are made again, of what its attribute `index` says; what was embedded lately is kept for that.
"""

from __future__ import annotations

import asyncio
import functools
import json
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from langgraph.store.base import IndexConfig, ensure_embeddings, get_text_at_path, tokenize_path

from ._layout import Call, Steps

Vector = array  # of floats of 32 bits

#: Texts whose vectors are kept for reads that have items live on.
_KEPT = 2000


class Index:
    """An `IndexConfig` at work."""

    def __init__(self, config: IndexConfig, space: str) -> None:
        if not config.get("dims"):
            raise ValueError("index: it has no dims: say how many numbers a vector has")
        self.config = config.copy()
        self.dims = config["dims"]
        self.embeddings = ensure_embeddings(config.get("embed"))
        self.fields = tuple(config.get("fields") or ("$",))
        self.space = space
        self._kept: OrderedDict[str, Vector[float]] = OrderedDict()

    def texts(self, value: Any, paths: Sequence[str]) -> list[str]:
        """Of a value: each gets a vector of its own."""
        return list(dict.fromkeys(text for path in paths for text in get_text_at_path(value, _tokens(path))))

    def embedded(self, texts: Iterable[str]) -> Steps[dict[str, Vector[float]]]:
        """Embeds texts, all at once. One that has no direction, as of an empty text, is left out: it is near to nothing."""
        wanted = list(dict.fromkeys(texts))
        if not wanted:
            return {}
        made = yield Call(
            lambda: self.embeddings.embed_documents(wanted), lambda: self.embeddings.aembed_documents(wanted))
        vectors = self._checked(wanted, made)
        self._kept.update(vectors)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return vectors

    def embedded_again(self, texts: Iterable[str]) -> Steps[dict[str, Vector[float]]]:
        """The same for texts of which most were embedded before."""
        wanted = set(texts)
        vectors = {text: self._kept[text] for text in wanted if text in self._kept}
        return vectors | (yield from self.embedded(wanted - vectors.keys()))

    def questions(self, queries: Iterable[str]) -> Steps[dict[str, Vector[float]]]:
        wanted = list(dict.fromkeys(queries))
        if not wanted:
            return {}

        async def embed() -> list[list[float]]:
            return await asyncio.gather(*map(self.embeddings.aembed_query, wanted))

        made = yield Call(lambda: list(map(self.embeddings.embed_query, wanted)), embed)
        return self._checked(wanted, made)

    def sent(self, texts: Iterable[str], vectors: Mapping[str, Vector[float]]) -> dict[str, list[Vector[float]]] | None:
        """As a put takes them."""
        own = [vectors[text] for text in texts if text in vectors]
        return {self.space: own} if own else None

    def _checked(self, texts: Sequence[str], made: Sequence[Any]) -> dict[str, Vector[float]]:
        if len(made) != len(texts):
            raise ValueError(f"index: embed gave {len(made)} vectors for {len(texts)} texts")
        vectors = {text: array("f", vector) for text, vector in zip(texts, made, strict=True)}
        for vector in vectors.values():
            if len(vector) != self.dims:
                raise ValueError(f"index: embed gave a vector of {len(vector)} numbers, and dims says {self.dims}")
        return {text: vector for text, vector in vectors.items() if any(vector)}


@functools.lru_cache(maxsize=1000)
def _tokens(path: str) -> str | list[str]:
    return path if path == "$" else tokenize_path(path)


def paths_said(paths: Sequence[str]) -> str:
    """As an attribute tells what of an item has vectors."""
    return json.dumps(list(paths), ensure_ascii=False)


def paths_of(said: str | None) -> list[str]:
    if not said:
        return []
    paths: list[str] = json.loads(said)
    return paths
