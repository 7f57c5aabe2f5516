"""What judges are given: a broker of their own, what they judge, and a place with their own packages."""

import dataclasses
import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "Tests/Processes"))

from processes import PATIENCE, Broker, membus, start  # noqa: E402


@dataclasses.dataclass
class Verdict:
    #: What was found wrong, one line each.
    findings: list
    #: What it looked at, in a few words.
    summary: str
    #: Its own words, for who wants to know more.
    output: str = ""


@dataclasses.dataclass(frozen=True)
class Judge:
    name: str
    #: What pip is to install.
    packages: tuple
    #: What is judged: a word for each run, which `run` is given.
    ways: tuple
    #: (bench, way) -> Verdict
    run: object
    #: A pattern of a finding -> why it is none.
    expected: dict = dataclasses.field(default_factory=dict)


class Bench:
    def __init__(self, judge):
        self.judge = judge
        self.place = ROOT / ".build/judges" / judge.name
        self._scratch = tempfile.TemporaryDirectory(prefix="membus-judge-")
        self.scratch = Path(self._scratch.name)
        self.broker = Broker(self.scratch / "data")
        self._servers = []

    def install(self):
        """Once for each set of versions."""
        mark = self.place / "installed"
        if mark.exists() and mark.read_text() == "\n".join(self.judge.packages):
            return
        venv.create(self.place, with_pip=True, clear=True)
        subprocess.run([self.place / "bin/pip", "install", "-q", "--disable-pip-version-check", *self.judge.packages],
                       check=True)
        mark.write_text("\n".join(self.judge.packages))

    @property
    def stdio(self):
        """The command of a server over standard input and output."""
        return [membus(), "mcp", "--broker", self.broker.url]

    def http(self):
        """-> the URL of a server over HTTP"""
        process = start([membus(), "mcp", "--http", "127.0.0.1:0", "--broker", self.broker.url],
                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self._servers.append(process)
        return re.search(r"http://\S+", process.stderr.readline())[0]

    def run(self, program, *arguments, timeout=300, at=None, environment=None):
        """-> (exit code, what it printed)"""
        ended = subprocess.run(
            [self.place / "bin" / program, *map(str, arguments)], capture_output=True, text=True, cwd=at or self.scratch,
            stdin=subprocess.DEVNULL, timeout=timeout * PATIENCE,
            env=os.environ | {"NO_COLOR": "1", "HOME": str(self.scratch)} | (environment or {}))
        return ended.returncode, ended.stdout + ended.stderr

    def still_serves(self):
        """-> findings: that a server has died, or what it wrote is not to be read any more"""
        dead = [f"the server ended with {process.returncode}" for process in self._servers if process.poll() is not None]
        ended = subprocess.run([membus(), "--broker", self.broker.url, "verify"], capture_output=True, text=True)
        return dead + ([f"verify: {ended.stderr.strip()}"] if ended.returncode else [])

    def __enter__(self):
        self.install()
        self.broker.start()
        subprocess.run([membus(), "--broker", self.broker.url, "put", "sample", "text"], check=True, capture_output=True)
        return self

    def __exit__(self, *_):
        for process in self._servers:
            process.kill()
            process.wait()
        self.broker.stop()
        self._scratch.cleanup()
