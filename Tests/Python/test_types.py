"""Type checkers are at ease with the package and with its examples."""

import os
import subprocess
import sys

from conftest import ROOT, SOURCES


def test_mypy_finds_nothing():
    paths = [SOURCES / "src/membus", *sorted((ROOT / "Sources/Examples/python").glob("*.py"))]
    result = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", SOURCES / "pyproject.toml", "--strict", "--python-version", "3.10", "--cache-dir", ROOT / ".build/mypy",
         *map(str, paths)],
        capture_output=True, text=True, env={**os.environ, "MYPYPATH": str(SOURCES / "src")})
    assert result.returncode == 0, result.stdout + result.stderr
