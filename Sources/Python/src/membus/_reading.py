"""What comes piece by piece: lists, watches, changes. Each element comes once, whoever interrupts whom: a call that was begun
is kept until its answer was taken apart."""

from __future__ import annotations

import os
from _thread import allocate_lock
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from . import _core
from ._errors import MembusError

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")
#: What an answer holds, and whether nothing follows.
Taken = tuple[list[T], bool]


class Pieces(Generic[T]):
    """What of it does not wait."""

    def __init__(
        self, owner: _core.Owner, begin: Callable[[int], _core.Call], take: Callable[[_core.Answer], Taken[T]],
        ahead: bool = False,
    ) -> None:
        self._owner = owner
        self._begin = begin
        self._take = take
        #: Whether to ask for what comes next while what is here is looked at.
        self._ahead = ahead
        #: In one place, so that an interruption finds both or neither: what is here, the call for what comes next, and
        #: whether nothing does.
        self._state: tuple[list[T], _core.Call | None, bool] = ([], None, False)

    def _next(self) -> T | None:
        """What is here; None: nothing is, or all of it was given out."""
        here = self._state[0]
        return here.pop() if here else None

    def _call(self) -> _core.Call | None:
        """The call for what comes next; None: nothing does."""
        here, call, is_last = self._state
        if is_last:
            return None
        if call is None:
            call = self._begin(self._owner.number)
            self._state = (here, call, False)
        return call

    def _took(self, call: _core.Call) -> None:
        """The call is done."""
        try:
            elements, is_last = self._take(call.wait())
        except MembusError:
            # The next call begins where this one stood.
            self._state = ([], None, False)
            raise
        elements.reverse()
        self._state = (elements, None, is_last)
        if self._ahead and not is_last:
            try:
                self._call()
            except MembusError:
                pass  # It is told when it is wanted.

    def _end(self) -> None:
        self._state = ([], None, self._state[2])
        self._owner.free()


class Reader(Pieces[T]):
    """Iterates over what comes piece by piece. Threads that share it take turns, and get each element once."""

    def __init__(
        self, owner: _core.Owner, begin: Callable[[int], _core.Call], take: Callable[[_core.Answer], Taken[T]],
        ahead: bool = False,
    ) -> None:
        super().__init__(owner, begin, take, ahead)
        self._turn, self._process = allocate_lock(), os.getpid()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        if self._process != os.getpid():
            # Nobody in a forked child gives back what another thread of its parent held.
            self._turn, self._process = allocate_lock(), os.getpid()
        with self._turn:
            while True:
                element = self._next()
                if element is not None:
                    return element
                call = self._call()
                if call is None:
                    raise StopIteration
                self._took(call)
