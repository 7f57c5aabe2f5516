"""Vectors of the agents' own, as the floats of 32 bits that they are sent as."""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Union

if TYPE_CHECKING:
    from typing_extensions import Buffer
else:
    Buffer = Any

#: Numbers: a list, a tuple, an array, or whatever else has numbers in a buffer, as NumPy's arrays do.
Vector = Union[Sequence[float], Buffer]

#: By space: one vector, or several of one length.
Vectors = Mapping[str, Union[Vector, Sequence[Vector]]]


class Packed(NamedTuple):
    """Vectors of one space, one behind the other."""

    space: str
    floats: bytes
    dimensions: int
    number: int


def packed(vectors: Vectors) -> list[Packed]:
    """
    Raises:
        ValueError: of a space there are none, or they are not of one length; or what is there are no finite numbers.
    """
    return [_packed(space, given) for space, given in vectors.items()]


def numbers(vector: Vector) -> list[float]:
    """Of one vector, as it would be sent.

    Raises:
        ValueError: it is empty, or several, or holds what is no finite number.
    """
    (values, dimensions) = _rows(vector, "the vector")
    if len(values) != dimensions or not _is_one(vector):
        raise ValueError("the vector: one is brought, not several")
    return values.tolist()


def _packed(space: str, given: Any) -> Packed:
    values, dimensions = _rows(given, f"space {space!r}")
    return Packed(space, values.tobytes(), dimensions, len(values) // dimensions)


def _is_one(given: Any) -> bool:
    view = _view(given)
    return view.ndim < 2 if view is not None else not hasattr(next(iter(given)), "__len__")


def _rows(given: Any, what: str) -> tuple[array[float], int]:
    """All the numbers of one vector or of several, and how many make one."""
    if isinstance(given, (str, bytes, bytearray)) or not hasattr(given, "__len__"):
        raise ValueError(f"{what}: {type(given).__name__} is no vector: give numbers")
    view = _view(given)
    if view is not None:
        shape = view.shape or ()
        if len(shape) not in (1, 2) or 0 in shape:
            raise ValueError(f"{what}: an array of the shape {shape} holds no vectors")
        values, dimensions = _floats(given, view, what), shape[-1]
    elif len(given) == 0:
        raise ValueError(f"{what}: there is nothing in it: leave it out")
    elif _is_one(given):
        values, dimensions = _floats(given, None, what), len(given)
    else:
        rows = [_row(row, f"{what}, vector {number}") for number, row in enumerate(given)]
        lengths = sorted({len(row) for row in rows})
        if len(lengths) > 1:
            raise ValueError(f"{what}: its vectors are of {lengths[0]} to {lengths[-1]} numbers, and not of one length")
        values, dimensions = array("f"), lengths[0]
        for row in rows:
            values.extend(row)
    # A sum of finite ones is finite: they are of 32 bits, it is of 64.
    if not math.isfinite(sum(values)):
        raise ValueError(f"{what}: it holds what is no finite number of 32 bits")
    return values, dimensions


def _row(given: Any, what: str) -> array[float]:
    if isinstance(given, (str, bytes, bytearray)) or not hasattr(given, "__len__"):
        raise ValueError(f"{what}: {type(given).__name__} is no vector: give numbers")
    if len(given) == 0:
        raise ValueError(f"{what}: it is empty")
    view = _view(given)
    if view is not None and view.ndim != 1:
        raise ValueError(f"{what}: it has {view.ndim} dimensions")
    return _floats(given, view, what)


def _view(given: Any) -> memoryview | None:
    try:
        return memoryview(given)
    except TypeError:
        return None


def _floats(given: Any, view: memoryview | None, what: str) -> array[float]:
    if view is not None:
        order, sort = view.format[:-1], view.format[-1:]
        if sort in ("f", "d") and order in ("", "@", "=", "<" if sys.byteorder == "little" else ">"):
            whole: array[float] = array("f") if sort == "f" else array("d")
            whole.frombytes(view.tobytes())
            return whole if sort == "f" else array("f", whole)
    try:
        flat = given if view is None or view.ndim == 1 else [number for row in given for number in row]
        return array("f", map(float, flat))
    except (TypeError, ValueError, OverflowError, NotImplementedError):
        raise ValueError(f"{what}: it holds what is no number") from None


__all__ = ["Vector", "Vectors"]
