"""The memory tool of Claude in Membus: files that several agents read and edit, with a history.

    import anthropic, membus
    from membus.integrations.claude_memory import MembusMemoryTool

    tool = MembusMemoryTool(membus.connect(agent="coder"))       # was: BetaLocalFilesystemMemoryTool("./memory")
    anthropic.Anthropic().beta.messages.tool_runner(model=…, max_tokens=…, messages=…, tools=[tool]).until_done()

The file `/memories/notes/paris.md` is the text at `claude/memories/notes/paris.md`: people and other agents read and
write it as any other record. There are no directories but those that a file lies in.

An edit (`str_replace`, `insert`) is made to what is there at its commit: if another agent has changed the file
meanwhile, it is tried again on the new text. Where it does not apply any more, the model is told so by a `ToolError`,
as it is told of a text that isn't there. `create` never overwrites, `rename` neither, and both ends of a rename are one
commit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from anthropic.lib.tools import BetaAbstractMemoryTool, BetaAsyncAbstractMemoryTool, ToolError

from .. import Conflict, InvalidName, Memory, Record, Refused, aio
from ._layout import Changes, Get, Range, Steps, Write, carry, carry_out, gone, name_of, path

if TYPE_CHECKING:
    from anthropic.types.beta import (
        BetaCacheControlEphemeralParam, BetaMemoryTool20250818CreateCommand, BetaMemoryTool20250818DeleteCommand,
        BetaMemoryTool20250818InsertCommand, BetaMemoryTool20250818RenameCommand, BetaMemoryTool20250818StrReplaceCommand,
        BetaMemoryTool20250818ViewCommand,
    )  # fmt: skip

__all__ = ["AsyncMembusMemoryTool", "MembusMemoryTool"]

PREFIX = "claude/memories/"

_ROOT = "/memories"
_WIDTH = 6


class _Files:
    """The commands, as steps. What they answer is what Anthropic's own tool on a file system answers."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def view(self, command: BetaMemoryTool20250818ViewCommand) -> Steps[str]:
        key = self.key(command.path)
        records = yield Range((key, key + "/") if key else (self.prefix,))
        file = next((record for record in records if record.key == key), None)
        if file is not None:
            return _numbered(command.path, _text(file, command.path), getattr(command, "view_range", None))
        under = [record for record in records if record.key != key]
        if key and not under:
            raise ToolError(f"The path {command.path} does not exist. Please provide a valid path.")
        return self.listing(command.path.rstrip("/") or _ROOT, key + "/" if key else self.prefix, under)

    def create(self, command: BetaMemoryTool20250818CreateCommand) -> Steps[str]:
        key = self.file(command.path)
        while True:
            room = yield from self.room(command.path, key)
            try:
                yield Write(lambda tx: (room(tx), tx.put(key, command.file_text)), f"create {command.path}")
                return f"File created successfully at: {command.path}"
            except Conflict:
                continue  # Somebody made one there, or around there, at the same time: who came second is told.

    def str_replace(self, command: BetaMemoryTool20250818StrReplaceCommand) -> Steps[str]:
        old, new = command.old_str, getattr(command, "new_str", None) or ""

        def edit(text: str) -> str:
            count = text.count(old)
            if count == 0:
                raise ToolError(
                    f"No replacement was performed, old_str `{old}` did not appear verbatim in {command.path}.")
            if count > 1:
                places = (found.start() for found in re.finditer(f"(?={re.escape(old)})", text))
                lines = ", ".join(str(text[:place].count("\n") + 1) for place in places)
                raise ToolError(
                    f"No replacement was performed. Multiple occurrences of old_str `{old}` in lines: {lines}. "
                    "Please ensure it is unique")
            return text.replace(old, new)

        before, after = yield from self.edited(command.path, edit)
        line = before[: before.find(old)].count("\n")
        start, lines = max(0, line - 2), after.split("\n")
        snippet = "\n".join(_line(number, text) for number, text in enumerate(lines[start : line + 3], start + 1))
        return f"The memory file has been edited. Here is the snippet showing the change (with line numbers):\n{snippet}"

    def insert(self, command: BetaMemoryTool20250818InsertCommand) -> Steps[str]:
        def edit(text: str) -> str:
            lines = text.split("\n")
            if lines[-1] == "":
                lines.pop()
            if not 0 <= command.insert_line <= len(lines):
                raise ToolError(
                    f"Invalid `insert_line` parameter: {command.insert_line}. "
                    f"It should be within the range [0, {len(lines)}].")
            lines.insert(command.insert_line, command.insert_text.rstrip("\n"))
            inserted = "\n".join(lines)
            return inserted if inserted.endswith("\n") else inserted + "\n"

        yield from self.edited(command.path, edit)
        return f"The file {command.path} has been edited."

    def delete(self, command: BetaMemoryTool20250818DeleteCommand) -> Steps[str]:
        key = self.key(command.path)
        if not key:
            raise ToolError(f"Cannot delete the {_ROOT} directory itself")
        records = yield Range((key, key + "/"), True)
        if not records:
            raise ToolError(f"The path {command.path} does not exist")
        yield from gone([record.key for record in records], f"delete {command.path}")
        return f"Successfully deleted {command.path}"

    def rename(self, command: BetaMemoryTool20250818RenameCommand) -> Steps[str]:
        old, new = self.key(command.old_path), self.key(command.new_path)
        if not old:
            raise ToolError(f"Cannot rename the {_ROOT} directory itself")
        if not new or (new + "/").startswith(old + "/"):
            raise ToolError(f"Cannot rename {command.old_path} to {command.new_path}")
        while True:
            room = yield from self.room(command.new_path, new, f"The destination {command.new_path} already exists")
            records = yield Range((old, old + "/"))
            if not records:
                raise ToolError(f"The path {command.old_path} does not exist")
            if len(records) > 480:
                raise ToolError(f"{command.old_path} has {len(records)} files: rename them in parts, of 480 at most")

            def body(tx: Changes, records: Sequence[Record] = records, room: Callable[[Changes], None] = room) -> None:
                room(tx)
                for record in records:
                    tx.require(record.key, at=record.revision)
                    target = new + record.key[len(old) :]
                    tx.put(target, record.value or b"", kind=record.kind, attributes=record.attributes)
                    tx.delete(record.key)

            try:
                yield Write(body, f"rename {command.old_path} to {command.new_path}")
                return f"Successfully renamed {command.old_path} to {command.new_path}"
            except Conflict:
                continue  # Somebody changed a file, or made one there.

    def clear(self) -> Steps[str]:
        records = yield Range((self.prefix,), True)
        yield from gone([record.key for record in records], "clear all memory")
        return "All memory cleared"

    # ---- What they share

    def key(self, path_: str) -> str:
        """The key of a path; empty: of the root."""
        if path_ != _ROOT and not path_.startswith(_ROOT + "/"):
            raise ToolError(f"Path must start with {_ROOT}, got: {path_}")
        names = [name for name in path_[len(_ROOT) :].split("/") if name not in ("", ".")]
        if ".." in names:
            raise ToolError(f"Path {path_} would escape {_ROOT} directory")
        return self.prefix + path(*names) if names else ""

    def file(self, path_: str) -> str:
        key = self.key(path_)
        if not key or path_.endswith("/"):
            raise ToolError(f"The path {path_} is not a file.")
        return key

    def room(self, path_: str, key: str, taken: str | None = None) -> Steps[Callable[[Changes], None]]:
        """Room for a file, or for a directory: nothing is there, and no part of the way there is a file.

        Returns:
            what requires at the commit that it is still so.

        Raises:
            ToolError: there is none.
        """
        names = key.removeprefix(self.prefix).split("/")
        above = [self.prefix + "/".join(names[:count]) for count in range(1, len(names))]
        found = yield Get([*above, key])
        if key in found:
            raise ToolError(taken or f"File {path_} already exists")
        if found:
            raise ToolError(f"The path {_ROOT}/{min(found).removeprefix(self.prefix)} is a file, not a directory.")
        if found.revision and (yield Range((key + "/",), True, found.revision)):
            raise ToolError(taken or f"The path {path_} is a directory.")

        def require(tx: Changes) -> None:
            for place in (*above, key):
                tx.require_absent(place)
            tx.require_unchanged(key + "/", since=found.revision)

        return require

    def edited(self, path_: str, edit: Callable[[str], str]) -> Steps[tuple[str, str]]:
        """Makes a text of what is there at the commit. -> what it was, and is"""
        key = self.key(path_)
        while True:
            record = (yield Get((key,))).get(key) if key else None
            if record is None:
                is_directory = not key or bool((yield Range((key + "/",), True)))
                raise ToolError(
                    f"The path {path_} is not a file." if is_directory
                    else f"The path {path_} does not exist. Please provide a valid path.")
            before = _text(record, path_)
            after = edit(before)

            def body(tx: Changes, record: Record = record, after: str = after) -> None:
                tx.require(key, at=record.revision)
                tx.put(key, after, kind=record.kind, attributes=record.attributes)

            try:
                yield Write(body, f"edit {path_}")
                return before, after
            except Conflict:
                continue  # Somebody else has edited it: made anew, of what is there now.

    def listing(self, path_: str, topic: str, records: Iterable[Record]) -> str:
        sizes: dict[str, int] = {}
        whole = 0
        for record in records:
            names = [name_of(name) for name in record.key.removeprefix(topic).split("/")]
            if any(name.startswith(".") for name in names):
                continue
            whole += record.size
            for depth in range(1, min(2, len(names)) + 1):
                place = "/".join(names[:depth]) + ("/" if depth < len(names) else "")
                sizes[place] = sizes.get(place, 0) + record.size
        shown = [f"{_size(whole)}\t{path_}", *(f"{_size(sizes[place])}\t{path_}/{place}" for place in sorted(sizes))]
        header = f"Here're the files and directories up to 2 levels deep in {path_}, excluding hidden items:"
        return "\n".join([header, *shown])


class MembusMemoryTool(BetaAbstractMemoryTool):
    """The tool for `client.beta.messages.tool_runner`.

    Args:
        memory: of `membus.connect`. It stays the caller's to close.
        prefix: the topic of the files.
        cache_control: Anthropic's.

    Raises, from every command:
        ToolError: what the model is to know, with what to do about it.
        membus.MembusError: what did not go through: Timeout, Refused.
    """

    def __init__(
        self, memory: Memory, *, prefix: str = PREFIX, cache_control: BetaCacheControlEphemeralParam | None = None
    ) -> None:
        super().__init__(cache_control=cache_control)
        self._memory, self._files = memory, _Files(prefix)

    def _do(self, steps: Steps[str]) -> str:
        try:
            return carry_out(self._memory, steps)
        except (InvalidName, Refused, UnicodeEncodeError) as error:
            raise _told(error) from error

    def view(self, command: BetaMemoryTool20250818ViewCommand) -> str:
        return self._do(self._files.view(command))

    def create(self, command: BetaMemoryTool20250818CreateCommand) -> str:
        return self._do(self._files.create(command))

    def str_replace(self, command: BetaMemoryTool20250818StrReplaceCommand) -> str:
        return self._do(self._files.str_replace(command))

    def insert(self, command: BetaMemoryTool20250818InsertCommand) -> str:
        return self._do(self._files.insert(command))

    def delete(self, command: BetaMemoryTool20250818DeleteCommand) -> str:
        return self._do(self._files.delete(command))

    def rename(self, command: BetaMemoryTool20250818RenameCommand) -> str:
        return self._do(self._files.rename(command))

    def clear_all_memory(self) -> str:
        return self._do(self._files.clear())


class AsyncMembusMemoryTool(BetaAsyncAbstractMemoryTool):
    """The same for `anthropic.AsyncAnthropic`; memory may be of `membus.aio.connect`, too."""

    def __init__(
        self, memory: Memory | aio.Memory, *, prefix: str = PREFIX,
        cache_control: BetaCacheControlEphemeralParam | None = None,
    ) -> None:
        super().__init__(cache_control=cache_control)
        self._memory, self._files = memory, _Files(prefix)

    async def _do(self, steps: Steps[str]) -> str:
        try:
            return await carry(self._memory, steps)
        except (InvalidName, Refused, UnicodeEncodeError) as error:
            raise _told(error) from error

    async def view(self, command: BetaMemoryTool20250818ViewCommand) -> str:
        return await self._do(self._files.view(command))

    async def create(self, command: BetaMemoryTool20250818CreateCommand) -> str:
        return await self._do(self._files.create(command))

    async def str_replace(self, command: BetaMemoryTool20250818StrReplaceCommand) -> str:
        return await self._do(self._files.str_replace(command))

    async def insert(self, command: BetaMemoryTool20250818InsertCommand) -> str:
        return await self._do(self._files.insert(command))

    async def delete(self, command: BetaMemoryTool20250818DeleteCommand) -> str:
        return await self._do(self._files.delete(command))

    async def rename(self, command: BetaMemoryTool20250818RenameCommand) -> str:
        return await self._do(self._files.rename(command))

    async def clear_all_memory(self) -> str:
        return await self._do(self._files.clear())


def _told(error: Exception) -> ToolError:
    """What the model can do something about: a name that is too long, a text that is too large, or half a character."""
    if isinstance(error, Refused) and error.is_worth_retrying:
        return ToolError(f"{error}. Try again in a moment.")
    return ToolError(str(error))


def _text(record: Record, path_: str) -> str:
    try:
        return record.text
    except UnicodeDecodeError:
        raise ToolError(f"Unsupported file type for {path_}") from None


def _numbered(path_: str, text: str, view_range: Any) -> str:
    lines = text.split("\n")
    if len(lines) > 999_999:
        raise ToolError(f"File {path_} exceeds maximum line limit of 999,999 lines.")
    start = 0
    if view_range and len(view_range) == 2:
        start = max(1, view_range[0]) - 1
        lines = lines[start : None if view_range[1] == -1 else view_range[1]]
    shown = "\n".join(_line(number, line) for number, line in enumerate(lines, start + 1))
    return f"Here's the content of {path_} with line numbers:\n{shown}"


def _line(number: int, line: str) -> str:
    return f"{number:>{_WIDTH}}\t{line}"


def _size(bytes: int) -> str:
    size, unit = float(bytes), "B"
    for larger in "KMG":
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:.0f}{unit}" if size == int(size) else f"{size:.1f}{unit}"
