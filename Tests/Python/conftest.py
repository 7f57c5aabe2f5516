"""The Python package, built from the tree, for the tests: MEMBUS_LIBRARY names the C door's library, or the debug build's
is taken. MEMBUS_INSTALLED=1: the package that is installed is tested instead.

They stand beside Tests/Processes, not in it: the witness there imports the protocol's messages as `membus.v1`.
"""

import os
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

# A shell has what it starts in the background ignore SIGINT, and what is ignored stays ignored in all that is started from
# there: under `deploy/test &` no Ctrl-C would arrive.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "Sources/Python"
HEADERS = ROOT / "Sources/Door/C/include"


def library():
    path = Path(os.environ.get("MEMBUS_LIBRARY") or ROOT / ".build/debug/libmembus-c.so")
    if not path.exists():
        raise SystemExit(f"MEMBUS_LIBRARY: there is no library at {path}; build first, with `swift build`")
    return path.resolve()


def compile_c(sources, output, *options):
    """Compiles C against the library, which it finds where it is."""
    place = library()
    subprocess.run(
        ["cc", "-std=c11", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra", "-Werror", f"-I{HEADERS}", *map(str, options),
         *map(str, sources), "-o", str(output), f"-L{place.parent}", f"-l:{place.name}", f"-Wl,-rpath,{place.parent}"],
        check=True)


def build_package(directory, *options):
    """-> a directory to import membus from"""
    package = directory / "membus"
    package.mkdir(parents=True, exist_ok=True)
    for file in (SOURCES / "src/membus").iterdir():
        link = package / file.name
        if file.name != "__pycache__" and not link.exists():
            link.symlink_to(file)
    compile_c(
        sorted((SOURCES / "core").glob("*.c")), package / "_core.abi3.so", "-shared", "-fPIC",
        f"-I{sysconfig.get_path('include')}", *options)
    return directory


if not os.environ.get("MEMBUS_INSTALLED"):
    place = build_package(ROOT / ".build/package")
    sys.path.insert(0, str(place))
    os.environ["PYTHONPATH"] = os.pathsep.join([str(place), *filter(None, [os.environ.get("PYTHONPATH")])])

sys.path.insert(0, str(ROOT / "Tests/Processes"))

import pytest  # noqa: E402
from processes import Broker  # noqa: E402

import membus  # noqa: E402


@pytest.fixture
def broker(tmp_path):
    broker = Broker(tmp_path / "data")
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def memory(broker):
    with membus.connect(broker.url, agent="planner", context="test", timeout=10) as memory:
        yield memory
