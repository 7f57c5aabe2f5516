"""The executable that the wheel carries: `membus …`, or `python -m membus …`; and the calls that it carries out."""

from __future__ import annotations

import os
import sys

from ._errors import CommandFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

# By names alone: pathlib and shutil take as long to import as all of the package.
_CARRIED = os.path.join(os.path.dirname(__file__), "bin", "membus")


def program() -> str | None:
    """The executable: MEMBUS_PROGRAM, the one that the wheel carries, or the one on the PATH."""
    named = os.environ.get("MEMBUS_PROGRAM")
    if named or os.path.exists(_CARRIED):
        return named or _CARRIED
    import shutil

    return shutil.which("membus")


def main() -> NoReturn:
    """Becomes the executable."""
    if not os.path.exists(_CARRIED):
        sys.exit("membus: this installation has no executable: install the wheel, or use the one that swift builds")
    os.execv(_CARRIED, ["membus", *sys.argv[1:]])


class Command:
    """One run of the executable: what it is called with, and what its end means."""

    def __init__(self, address: str, agent: str, branch: str, *words: str) -> None:
        found = program()
        if found is None:
            raise failed(
                "noProgram", "there is no executable `membus`", "install the wheel, or name one by MEMBUS_PROGRAM")
        self.words = [found, "--broker", address, "--agent", agent, "--branch", branch, "--json", *words]

    def check(self, returned: int, printed: bytes, said: bytes) -> None:
        """
        Raises:
            CommandFailed: it ended with an error, which is the last line that it printed.
        """
        if returned == 0:
            return
        import json

        try:
            told = json.loads(printed.splitlines()[-1])["error"]
        except (ValueError, KeyError, TypeError, IndexError):
            lines = said.decode(errors="replace").split("\n")
            told = {"message": next((line for line in reversed(lines) if line), f"it ended with {returned}")}
        raise failed(told.get("code", ""), told["message"], told.get("hint", ""))


def failed(code: str, message: str, hint: str) -> CommandFailed:
    error = CommandFailed(message)
    error.code, error.message, error.hint = code, message, hint
    return error


def exporting(address: str, agent: str, branch: str, topic: str, at: int | None) -> Command:
    return Command(address, agent, branch, "export", *([] if at is None else ["--at", str(at)]), "--", topic)


def importing(
    address: str, agent: str, context: str, branch: str, path: str, message: str, batch: int, mcp_memory: bool
) -> Command:
    options = ["--batch", str(batch), "--message", message, "--context", context]
    return Command(address, agent, branch, "import", *options, *(["--mcp-memory"] if mcp_memory else []), "--", path)


class WholeFile:
    """A file that appears whole, in the place of the one before, whose owner and mode it keeps, or not at all. What a link
    leads to is replaced, not the link."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.path.realpath(path)

    def __enter__(self) -> int:
        import tempfile

        if os.path.isdir(self._path):
            raise IsADirectoryError(f"{self._path} is a directory: name a file")
        self._descriptor, self._part = tempfile.mkstemp(
            prefix=f".{os.path.basename(self._path)}.", dir=os.path.dirname(self._path))
        try:
            before = os.stat(self._path)
        except FileNotFoundError:
            return self._descriptor
        try:
            if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(self._descriptor, before.st_uid, before.st_gid)
            os.fchmod(self._descriptor, before.st_mode & 0o7777)
        except BaseException:
            self._drop()
            raise
        return self._descriptor

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            if kind is None:
                os.fsync(self._descriptor)
                os.replace(self._part, self._path)
        except BaseException:
            self._drop()
            raise
        if kind is not None:
            self._drop()
        else:
            os.close(self._descriptor)

    def _drop(self) -> None:
        os.close(self._descriptor)
        os.unlink(self._part)


def count_lines(descriptor: int) -> int:
    os.lseek(descriptor, 0, os.SEEK_SET)
    count = 0
    while part := os.read(descriptor, 1 << 20):
        count += part.count(b"\n")
    return count


def last_line(descriptor: int) -> bytes:
    size = os.lseek(descriptor, 0, os.SEEK_END)
    os.lseek(descriptor, max(0, size - (1 << 16)), os.SEEK_SET)
    return os.read(descriptor, 1 << 16)
