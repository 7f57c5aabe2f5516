"""What becomes of objects: closed, collected, forked, interrupted, used by many threads."""

import gc
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time

import pytest
from processes import PATIENCE

import membus


def script(broker, body, *arguments, **options):
    """Runs Python that may import membus, with `url`. -> CompletedProcess"""
    code = f"import os, sys, time, signal, threading, membus\nurl = {broker.url!r}\n" + textwrap.dedent(body)
    return subprocess.run(
        [sys.executable, *arguments, "-c", code], capture_output=True, text=True, timeout=60 * PATIENCE, **options)


def test_what_is_closed_says_so(broker):
    memory = membus.connect(broker.url, agent="a")
    memory.put("k/1", "1")
    view = memory.follow("k/")
    handle, watch, listing = view.handle("k/1"), memory.watch("k/"), memory.range("k/")
    view.close()
    view.close()
    for use in (lambda: view["k/1"], lambda: "k/1" in view, lambda: len(view), lambda: view.get("k/1"), view.snapshot):
        with pytest.raises(membus.Closed):
            use()
    assert "closed" in repr(view)
    memory.close()
    memory.close()
    assert memory.state == "closed" and "closed" in repr(memory)
    for use in (
        lambda: memory.get("k/1"), lambda: memory.follow("k/"), lambda: memory.put("k/1", "2"), lambda: next(watch),
        lambda: next(listing), lambda: memory.transact(lambda tx: tx.put("a", "b")), lambda: handle.record,
    ):
        with pytest.raises(membus.Closed):
            use()


def test_objects_may_be_collected_in_any_order(broker):
    for seed in range(20):
        memory = membus.connect(broker.url, agent="a")
        memory.put("k/1", str(seed))
        view = memory.follow("k/")
        things = [memory, view, view.handle("k/1"), memory.watch("k/", after=0), memory.range("k/"), view["k/1"]]
        next(things[3])
        del memory, view
        random.Random(seed).shuffle(things)
        while things:
            things.pop()
            gc.collect()


def test_a_view_outlives_the_name_of_its_memory(broker):
    view = membus.connect(broker.url, agent="a").follow("k/")
    gc.collect()
    membus.connect(broker.url, agent="b").put("k/1", "1")
    view.wait(linearizable=True)
    assert view["k/1"].text == "1"


def test_an_interpreter_ends_with_everything_open(broker):
    ended = script(broker, """
        memory = membus.connect(url, agent="a")
        view = memory.follow("k/")
        watch = memory.watch("k/", after=0)
        memory.put("k/1", "1")
        threading.Thread(target=lambda: list(watch), daemon=True).start()
        view["k/1"]
        print("fine")
        """)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "fine\n", "")


def test_an_interpreter_ends_though_a_thread_that_is_joined_at_its_end_uses_a_memory(broker):
    ended = script(broker, """
        import atexit, queue
        said, memory = queue.Queue(), membus.connect(url, agent="a")
        def listen():
            while said.get():
                memory.put("k/1", "1")
        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        def stop():
            said.put(True), said.put(False)
            listener.join()
            print("joined", flush=True)
        atexit._clear()
        atexit.register(stop)
        atexit.register(membus._memory._close_all)
        """)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "joined\n", "")


def test_a_child_that_leaves_its_parents_memory_is_none_the_wiser(broker):
    ended = script(broker, """
        with membus.connect(url, agent="parent") as memory:
            child = os.fork()
            if child == 0:
                sys.exit(0)
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        """)
    assert (ended.stdout, ended.stderr) == ("0\n", "")


def test_twenty_connections_to_a_broker_that_does_not_answer_end_with_the_interpreter_at_once(broker):
    ended = script(broker, f"""
        memories = [membus.connect(url, agent=str(n)) for n in range(20)]
        os.kill({broker.pid}, signal.SIGSTOP)
        begun = time.monotonic()
        import atexit
        atexit._run_exitfuncs()
        print(time.monotonic() - begun < 3, flush=True)
        os.kill({broker.pid}, signal.SIGCONT)
        """)
    assert (ended.stdout, ended.stderr) == ("True\n", "")


def test_an_interrupted_write_says_that_its_outcome_is_not_known(broker, memory):
    memory.put("k/1", "1")
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        failures = []

        def write():
            try:
                memory.put("k/2", "2")
            except membus.MembusError as error:
                failures.append(error)

        writer = threading.Thread(target=write)
        writer.start()
        time.sleep(0.3)
        memory.close()
        writer.join(20)
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    assert isinstance(failures[0], membus.Closed) and failures[0].outcome_unknown


def test_sixteen_threads_share_a_view(memory):
    memory.transact(lambda tx: [tx.put(f"k/{n}", "0") for n in range(50)])
    view = memory.follow("k/")
    failures, ends = [], time.monotonic() + 2

    def work(number):
        rng = random.Random(number)
        handle = view.handle(f"k/{number}")
        try:
            while time.monotonic() < ends:
                key = f"k/{rng.randrange(50)}"
                match rng.randrange(6):
                    case 0: memory.put(key, str(rng.random()))
                    case 1: assert view.get(key, linearizable=True).key == key
                    case 2: assert view.read(key, "k/none")[1] is None
                    case 3: assert handle.record.key == f"k/{number}"
                    case 4: assert len(view.snapshot()) == 50
                    case _:
                        for _ in range(200):
                            assert view[key].key == key
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_view_may_be_closed_while_others_read_it(memory):
    memory.put("k/1", "1")
    for _ in range(20):
        view = memory.follow("k/")
        errors = []

        def read():
            try:
                while True:
                    assert view["k/1"].text == "1"
            except membus.Closed:
                pass
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        view.close()
        for thread in threads:
            thread.join()
        assert errors == []


@pytest.mark.parametrize("wait", [
    "next(memory.watch('k/'))",
    "memory.follow('k/').get('k/1', at_least=membus.Token(memory.put('a', 'b').token.lineage, 10**9, 1), timeout=600)",
    "membus.connect('tcp://127.0.0.1:1', agent='b', timeout=600)",
])
def test_ctrl_c_ends_a_waiting_call_at_once(broker, wait):
    ended = script(broker, f"""
        memory = membus.connect(url, agent="a")
        times = []
        threading.Timer(0.5, lambda: (times.append(time.monotonic()), os.kill(os.getpid(), signal.SIGINT))).start()
        try:
            {wait}
        except KeyboardInterrupt:
            took = time.monotonic() - times[0]
            print("soon" if took < 0.25 else took)
        memory.put("after", "it")
        print(memory.get("after").text)
        """)
    assert (ended.stdout, ended.stderr) == ("soon\nit\n", "")


def test_an_interrupted_watch_misses_nothing(broker):
    ended = script(broker, """
        memory = membus.connect(url, agent="a")
        watch = memory.watch("k/", after=0)
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            next(watch)
        except KeyboardInterrupt:
            for n in range(20): memory.put(f"k/{n}", "x")
            time.sleep(0.5)
            print([next(watch).key for n in range(20)] == [f"k/{n}" for n in range(20)])
        """)
    assert (ended.stdout, ended.stderr) == ("True\n", "")


def test_a_forked_child_is_told_and_connects_anew(broker):
    ended = script(broker, """
        memory = membus.connect(url, agent="parent")
        view = memory.follow("k/")
        memory.put("k/1", "1")
        handle, watch = view.handle("k/1"), memory.watch("k/", after=0)
        next(watch)
        busy = threading.Thread(target=lambda: [view["k/1"] for n in range(2_000_000)], daemon=True)
        busy.start()
        child = os.fork()
        if child == 0:
            for use in (lambda: view["k/1"], lambda: memory.get("k/1"), lambda: memory.put("k/1", "2"),
                        lambda: next(watch), lambda: handle.record, lambda: memory.follow("k/"), lambda: len(view),
                        memory.close, lambda: view.get("k/1", linearizable=True), lambda: memory.state):
                try:
                    use()
                    print("served")
                except membus.Forked as error:
                    assert "forked" in str(error)
            with membus.connect(url, agent="child") as own:
                own.put("k/2", "2")
                print(own.follow("k/")["k/1"].text, own.follow("k/").get("k/2", linearizable=True).text, flush=True)
            sys.exit(7)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), view.get("k/2", linearizable=True).text, next(watch).key)
        """)
    assert (ended.stdout, ended.stderr) == ("1 2\n7 2 k/2\n", "")


def test_children_of_a_busy_parent_connect_write_and_read(broker):
    ended = script(broker, """
        memory = membus.connect(url, agent="parent")
        memory.put("k/1", "1")
        view = memory.follow("k/")
        over = threading.Event()
        def work():
            while not over.is_set(): view["k/1"], view.get("k/1", linearizable=True)
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads: thread.start()
        for n in range(25):
            child = os.fork()
            if child == 0:
                signal.alarm(30)
                with membus.connect(url, agent="child") as own:
                    own.transact(lambda tx: tx.increment("count"))
                    os._exit(own.follow("k/")["k/1"].text != "1")
            assert os.waitpid(child, 0)[1] == 0
        over.set()
        for thread in threads: thread.join()
        print(memory.get("count").count)
        """)
    assert (ended.stdout, ended.stderr) == ("25\n", "")


def _worker(url, n):
    with membus.connect(url, agent=f"worker-{n}") as memory:
        memory.transact(lambda tx: tx.increment("count"))
        return memory.follow("k/")["k/1"].text


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_every_start_method_work(broker, method):
    with membus.connect(broker.url, agent="parent") as memory:
        memory.put("k/1", "1")
        view = memory.follow("k/")
        assert view["k/1"].text == "1"
        with multiprocessing.get_context(method).Pool(3) as pool:
            assert pool.starmap(_worker, [(broker.url, n) for n in range(9)]) == ["1"] * 9
        assert memory.get("count").count == 9


def test_subinterpreters_are_refused(broker):
    ended = script(broker, """
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        one = interpreters.create()
        try:
            failed = interpreters.run_string(one, "import membus")
            print(failed.formatted if failed else "imported")
        except Exception as error:
            print(error)
        memory = membus.connect(url, agent="a")
        print(memory.put("a", "1").revision)
        """)
    assert "main interpreter only" in ended.stdout and ended.stdout.endswith("\n1\n"), ended


CALLS = {
    "get": lambda memory, view: memory.get("k/1", timeout=1),
    "view.get": lambda memory, view: view.get("k/1", linearizable=True, timeout=1),
    "view.wait": lambda memory, view: view.wait(linearizable=True, timeout=1),
    "follow": lambda memory, view: memory.follow("other/", timeout=1),
    "transact": lambda memory, view: memory.transact(lambda tx: tx.put("k/2", "2"), timeout=1),
    "transact reading": lambda memory, view: memory.transact(lambda tx: tx.get("k/1"), timeout=1),
    "range": lambda memory, view: list(memory.range("k/", timeout=1)),
    "history": lambda memory, view: list(memory.history("k/1", timeout=1)),
    "log": lambda memory, view: list(memory.log("k/", timeout=1)),
    "get_all": lambda memory, view: memory.get_all("k/1", "k/2", timeout=1),
    "limits": lambda memory, view: memory.limits(timeout=1),
    "status": lambda memory, view: memory.status(timeout=1),
    "branches": lambda memory, view: memory.branches(timeout=1),
    "digest": lambda memory, view: memory.digest("k/", timeout=1),
    "verify": lambda memory, view: memory.verify(timeout=1),
    "compact": lambda memory, view: memory.compact(below=1, timeout=1),
    "fork": lambda memory, view: memory.fork("b", timeout=1),
    "backup": lambda memory, view: memory.backup(os.path.join(tempfile.gettempdir(), "never"), timeout=1),
}


def test_a_killed_broker_ends_every_call_in_its_time_and_all_goes_on_afterwards(broker, memory, tmp_path):
    memory.put("k/1", "1")
    view, watch = memory.follow("k/"), memory.watch("k/", after=0)
    next(watch)
    broker.kill()
    for name, call in CALLS.items():
        begun = time.monotonic()
        with pytest.raises(membus.MembusError) as caught:
            call(memory, view)
        assert isinstance(caught.value, membus.Timeout), (name, caught.value)
        assert time.monotonic() - begun < 5 * PATIENCE, name
    assert view["k/1"].text == "1" and memory.state == "disconnected"
    broker.start()
    memory.put("k/3", "3", )
    assert view["k/3"].text == "3" and view.state == "live"
    while next(watch).key != "k/3":
        pass
