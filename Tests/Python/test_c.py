"""The C door by itself: the example in C, and what C may do wrong."""

import os
import subprocess
import sys

import pytest
from conftest import HEADERS, ROOT, build_package, compile_c
from processes import PATIENCE


def run(program, *arguments, **options):
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60 * PATIENCE, **options)


def test_the_example_in_c_does_what_it_shows(broker, tmp_path):
    source = ROOT / "Sources/Examples/c/team.c"
    assert len(source.read_text().splitlines()) < 100
    compile_c([source], tmp_path / "team")
    ended = run(tmp_path / "team", broker.url)
    assert ended.stderr == ""
    assert ended.stdout.splitlines() == [
        "conflict: plans/paris is at revision 2: morning flight",
        "morning flight",
        "1  plans/paris  night train",
        "2  plans/paris  morning flight",
    ]
    assert ended.returncode == 0


def test_the_header_is_cpp_too(tmp_path):
    source = tmp_path / "one.cpp"
    source.write_text("#include <membus.h>\nint main() { return membus_api() == MEMBUS_API ? 0 : 1; }\n")
    subprocess.run(["c++", "-std=c++17", "-Wall", "-Werror", f"-I{HEADERS}", "-fsyntax-only", source], check=True)


def test_misuse_gives_errors_and_no_crash(broker, tmp_path):
    compile_c([ROOT / "Tests/Python/misuse.c"], tmp_path / "misuse", "-pthread")
    ended = run(tmp_path / "misuse", broker.url)
    assert ended.stdout == "fine\n" and ended.returncode == 0, ended


@pytest.mark.parametrize("source", ["Sources/Examples/c/team.c", "Tests/Python/misuse.c"])
def test_address_and_undefined_behaviour_sanitizers_find_nothing(broker, tmp_path, source):
    compile_c([ROOT / source], tmp_path / "program", "-fsanitize=address,undefined", "-pthread")
    # What is open at a process's end is no leak.
    ended = run(tmp_path / "program", broker.url, env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
    assert ended.returncode == 0 and ended.stderr == "", ended.stderr


def test_the_address_sanitizer_finds_nothing_in_the_extension(broker, tmp_path):
    build_package(tmp_path / "package", "-fsanitize=address")
    runtime = subprocess.run(["cc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    ended = run(
        sys.executable, "-c", EXERCISE, broker.url,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "package"), "LD_PRELOAD": runtime.stdout.strip(),
             "ASAN_OPTIONS": "detect_leaks=0", "PYTHONMALLOC": "malloc"})
    assert ended.stdout == "fine\n" and ended.stderr == "", ended


EXERCISE = """
import gc, sys, threading, membus
memory = membus.connect(sys.argv[1], agent="a")
view = memory.follow("k/")
memory.transact(lambda tx: [
    tx.put(f"k/{n}", "v" * n, attributes={"a": "b"}, links=[("of", "k/1")]) for n in range(200)])
handle = view.handle("k/1")
def use():
    for n in range(200):
        view[f"k/{n}"], handle.record, view.read("k/1", "k/2"), view.get("k/3")
        for wrong in (lambda: view["other"], lambda: memory.get("a//b"), lambda: memory.put("k/1", "x", if_revision=0),
                      lambda: memory.get_all("a", 3), lambda: memory.follow("k/", mode="update", branch="none/")):
            try: wrong()
            except (membus.MembusError, TypeError): pass
threads = [threading.Thread(target=use) for _ in range(4)]
[thread.start() for thread in threads], [thread.join() for thread in threads]
watch = memory.watch("k/", after=0)
assert len([next(watch) for n in range(200)]) == 200
assert len(list(memory.range("k/"))) == 200 and len(list(memory.log(values=True))) == 1
assert len(list(memory.history("k/1"))) == 1
assert len(list(memory.diff("0", page_size=7))) == 200 and memory.compare("0")["only_to"] == 1
memory.fork("b"), memory.put("k/1", "b" * 99, branch="b"), memory.put("k/1", "m")
for _ in range(50):
    for wrong in (lambda: memory.merge("b"), lambda: memory.merge("b", resolutions=[("k/1", 1, 1, "no")]),
                  lambda: memory.merge("b", resolutions=[membus.Resolution("k/1", 1, 1, membus.Put("x", links=[3]))]),
                  lambda: memory.revert(versions=[("k/1", "one")]), lambda: memory.revert(revisions=["one"])):
        try: wrong()
        except (membus.MembusError, TypeError, AttributeError, SystemError): pass
        else: raise AssertionError
put = membus.Put("w" * 99, attributes={"a": "b"}, links=[("of", "k/1")])
assert memory.merge("b", settle=lambda conflict: put).result.settled == 1 and memory.get("k/1").size == 99
assert memory.revert(versions=[("k/1", memory.get("k/1").revision)]).is_committed
assert memory.rollback(1, topics=["k/1"]).is_committed
for n in range(20):
    memory.put(f"v/{n}", "v", vectors={"mine": [[n, 1], [1.5, n]], "other": [n + 1]})
assert len(memory.search(vector=[1, 0], space="mine", limit=100).hits) == 20
view.close(), watch.close()
del view, watch, handle
gc.collect()
memory.close()
print("fine")
"""
