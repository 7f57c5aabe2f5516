"""Whose files are whose: what Membus makes can be read by its owner alone, what it replaces stays whose it was, and what it
only looks at it leaves as it is; whoever else looks, or restores."""

import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import time

import pytest

import processes
from processes import Broker, Lines, eventually, free_port, membus, run, run_json_lines

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="other users are only root's to be")

NOBODY = pwd.getpwnam("nobody")


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def owner(path):
    return os.stat(path).st_uid


def as_nobody():
    os.setgroups([])
    os.setgid(NOBODY.pw_gid)
    os.setuid(NOBODY.pw_uid)


def offline(*arguments, nobody=False, cwd=None, **environment):
    """Runs `membus` without a broker."""
    return subprocess.run(
        [reachable() if nobody else membus(), *map(str, arguments)], capture_output=True, text=True, timeout=60, cwd=cwd,
        stdin=subprocess.DEVNULL, env={**os.environ, **environment}, preexec_fn=as_nobody if nobody else None)


_reachable = None


def reachable():
    """The program where every user may run it."""
    global _reachable
    if _reachable is None:
        _reachable = f"/tmp/membus-for-everybody-{os.getpid()}"
        shutil.copy(membus(), _reachable)
        os.chmod(_reachable, 0o755)
    return _reachable


@pytest.fixture(scope="module", autouse=True)
def no_copy_stays():
    yield
    if _reachable:
        os.unlink(_reachable)


@pytest.fixture
def place(tmp_path):
    """A directory that every user reaches."""
    directory = tmp_path
    while directory != directory.parent:
        if not mode(directory) & stat.S_IXOTH:
            os.chmod(directory, mode(directory) | stat.S_IXOTH | stat.S_IROTH)
        directory = directory.parent
    return tmp_path


class NobodysBroker(Broker):
    """Run by another user than root."""

    def __init__(self, data, *options, **more):
        super().__init__(
            data, *options, under=["setpriv", f"--reuid={NOBODY.pw_uid}", f"--regid={NOBODY.pw_gid}", "--clear-groups"],
            **more)

    @property
    def command(self):
        return [reachable() if word == membus() else word for word in super().command]


def everything(directory):
    """Each file's owner, mode and content."""
    return {
        name: (os.stat(os.path.join(directory, name)).st_uid, mode(os.path.join(directory, name)),
               open(os.path.join(directory, name), "rb").read())
        for name in os.listdir(directory) if os.path.isfile(os.path.join(directory, name))}


# ---- What is made


def test_what_a_broker_makes_can_be_read_by_its_owner_alone(tmp_path):
    os.umask(0o022)
    with Broker(tmp_path / "there" / "data") as broker:
        run(broker, "put", "a", "x" * 100)
        run(broker, "backup", str(tmp_path / "backup"))
        run(broker, "warm", "/", "--into", str(tmp_path / "warm"))
        assert mode(broker.data) == 0o700
        assert {name: oct(mode(os.path.join(broker.data, name))) for name in os.listdir(broker.data)} == {
            "lock": "0o600", "address": "0o600", "membus.db": "0o600", "membus.db-wal": "0o600", "membus.db-shm": "0o600",
            "search.db": "0o600", "search.db-wal": "0o600", "search.db-shm": "0o600", "backups-under-way": "0o700"}
        # What it stands in is nobody's secret.
        assert mode(tmp_path / "there") == 0o755
        assert mode(tmp_path / "backup") == mode(tmp_path / "warm") == 0o600
    assert offline("restore", tmp_path / "backup", "--data", tmp_path / "restored").returncode == 0
    assert mode(tmp_path / "restored") == 0o700 and mode(tmp_path / "restored" / "membus.db") == 0o600
    assert mode(tmp_path / "restored" / "lock") == 0o600


def test_the_copy_that_a_broker_makes_for_a_backup_is_private_too(tmp_path):
    with Broker(tmp_path / "data") as broker:
        for number in range(12):
            run(broker, "put", f"k/{number}", "-", input="x" * 3_000_000)
        under_way = tmp_path / "data" / "backups-under-way"
        with Lines(broker, "backup", str(tmp_path / "copy")) as backup:
            found = eventually(lambda: under_way.exists() and [mode(file) for file in under_way.iterdir()], what="the copy")
            backup.end(signal.SIGKILL)
        assert found == [0o600] * len(found)
        assert not (tmp_path / "copy").exists() and not [n for n in os.listdir(tmp_path) if n.startswith(".copy")]


@pytest.mark.parametrize("what", ["backup", "warm", "follow"])
def test_what_is_refreshed_keeps_its_owner_and_mode(broker, tmp_path, what):
    run(broker, "put", "a/b", "one")
    file = tmp_path / "file"
    command = ["backup", "--force", str(file)] if what == "backup" else ["warm", "a/", "--into", str(file)]
    run(broker, *command)
    for bits, user in ((0o640, NOBODY.pw_uid), (0o600, NOBODY.pw_uid), (0o600, 0), (0o644, 0)):
        os.chown(file, user, user)
        os.chmod(file, bits)
        before = file.read_bytes()
        run(broker, "put", "a/b", f"{bits} {user}")
        if what == "follow":
            with Lines(broker, *command, "--follow") as follower:
                follower.until(lambda it: any("keeping" in line for line in it.err))
                run(broker, "put", "a/b", f"{bits} {user} again")
                assert follower.end() == 0
        else:
            run(broker, *command)
        assert file.read_bytes() != before
        assert (mode(file), owner(file), file.stat().st_gid) == (bits, user, user)
        assert os.listdir(tmp_path).count("file") == 1


@pytest.mark.parametrize("what", ["backup", "warm"])
def test_a_file_whose_owner_cannot_be_kept_stays(broker, place, what):
    """Replaced by another user's, its owner could no longer read it."""
    run(broker, "put", "a/b", "one")
    directory = place / "shared"
    directory.mkdir()
    os.chmod(directory, 0o777)
    file = directory / "file"
    command = ["backup", "--force", file] if what == "backup" else ["warm", "a/", "--into", file]
    run(broker, *map(str, command))
    os.chmod(file, 0o644)
    before = everything(directory)
    run(broker, "put", "a/b", "two")
    refused = offline("--broker", broker.url, *command, nobody=True)
    assert refused.returncode == 1 and "belongs to root" in refused.stderr, refused.stderr
    assert everything(directory) == before


@pytest.mark.parametrize("what", ["backup", "warm"])
def test_a_link_that_leads_nowhere_yet_is_followed(broker, tmp_path, what):
    run(broker, "put", "a/b", "one")
    (tmp_path / "far").mkdir()
    first, second, target = tmp_path / "first", tmp_path / "far" / "second", tmp_path / "far" / "target"
    first.symlink_to("far/second")
    second.symlink_to("target")
    run(broker, *(["backup", str(first)] if what == "backup" else ["warm", "a/", "--into", str(first)]))
    assert first.is_symlink() and second.is_symlink() and target.is_file()
    with Broker(tmp_path / "data-link") as other:
        pass
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    refused = run(broker, "backup", "--force", str(loop), check=False)
    assert refused.returncode == 1 and "links" in refused.stderr, refused.stderr


def test_a_data_directory_behind_a_link_that_leads_nowhere_yet_is_made(tmp_path):
    (tmp_path / "data").symlink_to(tmp_path / "volume")
    with Broker(tmp_path / "data") as broker:
        run(broker, "put", "a", "b")
    assert (tmp_path / "data").is_symlink() and mode(tmp_path / "volume") == 0o700


# ---- Who else looks, and restores


def test_whoever_verifies_a_store_leaves_nothing_beside_it(place):
    data = place / "data"
    data.mkdir()
    os.chown(data, NOBODY.pw_uid, NOBODY.pw_gid)
    broker = NobodysBroker(data)
    with broker:
        run(broker, "put", "a", "b")
    os.chmod(data, 0o777)
    os.chmod(data / "membus.db", 0o644)
    before = everything(data)
    for nobody in (False, True):
        told = offline("verify", "--data", data, nobody=nobody)
        assert told.returncode == 0 and told.stdout.startswith("sound: 1 commit"), told.stderr
        assert everything(data) == before
        assert offline("verify", data / "membus.db", nobody=nobody).returncode == 0
        assert everything(data) == before
    os.chown(data / "membus.db", 0, 0)
    os.chown(data / "lock", 0, 0)
    os.chmod(data / "membus.db", 0o666)
    before = everything(data)
    assert offline("verify", "--data", data, nobody=True).returncode == 0
    assert everything(data) == before


def test_a_killed_brokers_store_is_verified_as_it_is_and_without_writing(place):
    data = place / "data"
    data.mkdir()
    os.chown(data, NOBODY.pw_uid, NOBODY.pw_gid)
    broker = NobodysBroker(data)
    broker.start()
    run(broker, "put", "a", "b")
    broker.kill()
    copy = place / "copy"
    copy.mkdir()
    for name in ("membus.db", "membus.db-wal"):  # whoever copies it leaves out the log's index
        shutil.copy(data / name, copy)
    before, there = everything(copy), sorted(os.listdir(data))
    for directory in (data, copy):
        told = offline("verify", "--data", directory)
        assert told.returncode == 0 and told.stdout.startswith("sound: 1 commit"), told.stderr
    assert everything(copy) == before and sorted(os.listdir(data)) == there
    with broker:
        assert run(broker, "get", "a").stdout == "b"
        run(broker, "put", "a", "c")
    assert {owner(data / name) for name in os.listdir(data)} == {NOBODY.pw_uid}


def test_a_store_on_a_read_only_disk_is_verified(mount, tmp_path):
    with Broker(tmp_path / "stopped") as broker:
        run(broker, "put", "a", "b")
    killed = Broker(tmp_path / "killed")
    killed.start()
    run(killed, "put", "a", "b")
    killed.kill()
    for data in (tmp_path / "stopped", tmp_path / "killed"):
        disk = mount("--bind", data)
        subprocess.run(["mount", "-o", "remount,ro,bind", str(disk)], check=True)
        told = offline("verify", "--data", disk)
        assert told.returncode == 0 and told.stdout.startswith("sound: 1 commit"), told.stderr


def test_a_store_is_verified_beside_its_broker_while_that_writes(tmp_path):
    with Broker(tmp_path / "data") as broker:
        run(broker, "put", "a", "b")
        told = json.loads(offline("verify", "--data", broker.data, "--json").stdout)
        assert told["problems"] == [] and told["commits"] == 1
        run(broker, "put", "a", "c")


def test_a_store_that_somebody_may_not_read_is_not_said_to_be_missing(place):
    with Broker(place / "data") as broker:
        run(broker, "put", "a", "b")
    told = offline("verify", "--data", place / "data", nobody=True)
    assert told.returncode == 1 and "Permission denied" in told.stderr and "root" in told.stderr, told.stderr


@pytest.mark.parametrize("name", ["membus.db", "membus.db-wal", "membus.db-shm", "lock"])
def test_a_broker_that_could_not_write_is_not_ready(place, name):
    """SQLite opens what it may only read all the same, and refuses the first write."""
    data = place / "data"
    data.mkdir()
    os.chown(data, NOBODY.pw_uid, NOBODY.pw_gid)
    broker = NobodysBroker(data)
    broker.start()
    run(broker, "put", "a", "b")
    broker.kill()
    os.chown(data / name, 0, 0)
    os.chmod(data / name, 0o644)
    code, said = broker.refuses()
    assert code == 1 and f"{data / name}" in said and "belongs to root" in said, said
    os.chown(data / name, NOBODY.pw_uid, NOBODY.pw_gid)
    with broker:
        assert run(broker, "get", "a").stdout == "b"


def test_a_store_that_root_restores_stays_its_brokers(place):
    data = place / "data"
    data.mkdir()
    os.chown(data, NOBODY.pw_uid, NOBODY.pw_gid)
    broker = NobodysBroker(data)
    with broker:
        run(broker, "put", "a", "old")
        run(broker, "backup", str(place / "backup"))
        run(broker, "put", "a", "new")
    os.chmod(data / "membus.db", 0o640)
    told = offline("restore", place / "backup", "--data", data, "--replace")
    assert told.returncode == 0, told.stderr
    assert (owner(data / "membus.db"), mode(data / "membus.db")) == (NOBODY.pw_uid, 0o640)
    assert {owner(data / name) for name in os.listdir(data)} == {NOBODY.pw_uid}, os.listdir(data)
    with broker:
        assert run(broker, "get", "a").stdout == "old"
        run(broker, "put", "a", "newer")
    # Also into a directory that is empty yet.
    fresh = place / "fresh"
    fresh.mkdir()
    os.chown(fresh, NOBODY.pw_uid, NOBODY.pw_gid)
    assert offline("restore", place / "backup", "--data", fresh).returncode == 0
    assert {owner(fresh / name) for name in os.listdir(fresh)} == {NOBODY.pw_uid}
    with NobodysBroker(fresh) as other:
        run(other, "put", "a", "newest")


def test_what_root_serves_once_stays_its_owners(place):
    data = place / "data"
    data.mkdir()
    os.chown(data, NOBODY.pw_uid, NOBODY.pw_gid)
    with Broker(data) as broker:
        run(broker, "put", "a", "b")
        run(broker, "backup", str(place / "backup"))
        broker.kill()
        assert {owner(data / name) for name in os.listdir(data)} == {NOBODY.pw_uid}, os.listdir(data)
    with NobodysBroker(data) as broker:
        run(broker, "put", "a", "c")


def test_a_restore_that_is_ended_leaves_nothing(tmp_path):
    with Broker(tmp_path / "data") as broker:
        for number in range(20):
            run(broker, "put", f"k/{number}", "-", input="x" * 4_000_000)
        run(broker, "backup", str(tmp_path / "backup"))
    ended = 0
    for _ in range(5):
        work = processes.start([membus(), "restore", str(tmp_path / "backup"), "--data", str(tmp_path / "new")],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(lambda: (tmp_path / "new" / "membus.db.restoring").exists() or work.poll() is not None, what="the copy")
        work.send_signal(signal.SIGTERM)
        code = work.wait(30)
        assert code in (0, -signal.SIGTERM), code
        if code == 0:
            shutil.rmtree(tmp_path / "new")
            continue
        ended += 1
        assert not (tmp_path / "new").exists()
    assert ended > 0, "each restore was done before it could be ended"


# ---- Paths


def test_a_home_directory_is_found_wherever_a_path_is_said(place):
    home, work = place / "home", place / "work"
    home.mkdir()
    work.mkdir()
    said = {"cwd": work, "HOME": str(home)}
    broker = Broker(home / "data")
    broker.start()
    run(broker, "put", "a", "b")
    at = ("--broker", broker.url)
    try:
        assert offline(*at, "backup", "~/copy", **said).returncode == 0
        before = (home / "copy").read_bytes()
        refused = offline(*at, "backup", "~/copy", **said)
        assert refused.returncode == 1 and "exists already" in refused.stderr
        assert (home / "copy").read_bytes() == before
        assert offline(*at, "backup", "--force", "~/copy", **said).returncode == 0
        assert offline(*at, "warm", "/", "--into=~/warm", **said).returncode == 0
        (home / "lines").write_text('{"key": "c", "value": "d"}\n')
        (home / "transaction").write_text('{"changes": [{"key": "e", "increment": 1}]}')
        assert offline(*at, "import", "~/lines", **said).returncode == 0
        assert offline(*at, "commit", "~/transaction", **said).returncode == 0
        assert offline("verify", "~/copy", **said).returncode == 0
        assert offline("verify", "--data=~/data", **said).returncode == 0
        assert offline("restore", "~/copy", "--data=~/other", **said).returncode == 0
        for wrong in (["backup", "~nobody/copy"], ["backup", "copy/"], ["warm", "/", "--into=~x"], ["serve", "--data=~x"]):
            assert offline(*at, *wrong, **said).returncode == 2, wrong
    finally:
        broker.stop()
    assert sorted(os.listdir(home)) == ["copy", "data", "lines", "other", "transaction", "warm"]
    assert os.listdir(work) == []


def test_a_broker_finds_its_directory_in_the_home_that_the_environment_says(place):
    home = place / "home"
    home.mkdir()
    config = place / "config.json"
    config.write_text(json.dumps({"dataDirectory": "~/configured"}))
    for options, expected in (([], ".membus"), (["--data=~/d"], "d"), (["--config", str(config)], "configured")):
        url = f"tcp://127.0.0.1:{free_port()}"
        process = processes.start(
            [membus(), "serve", *options, "--listen", url, "--json"], cwd=home, env={**os.environ, "HOME": str(home)},
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            assert json.loads(process.stdout.readline())["data"] == str(home / expected)
        finally:
            process.terminate()
            process.wait(20)
    assert sorted(os.listdir(home)) == [".membus", "configured", "d"]


# ---- Who reaches it


@pytest.mark.parametrize("door", ["url", "events"])
def test_what_other_machines_can_reach_is_refused_unless_it_is_said_to_be_meant(tmp_path, door):
    open_to_all = {door: f"tcp://0.0.0.0:{free_port()}"}
    code, said = Broker(tmp_path / "data", **open_to_all).refuses()
    assert code == 2 and open_to_all[door] in said and "--insecure" in said, said
    assert not (tmp_path / "data").exists()
    config = tmp_path / "config.json"
    config.write_text('{"insecure": true}')
    for options, environment in ((["--insecure"], {}), (["--config", str(config)], {}), ([], {"MEMBUS_INSECURE": "1"})):
        broker = Broker(tmp_path / "data", *options, **open_to_all,
                        under=["env", *(f"{name}={value}" for name, value in environment.items())])
        for _ in range(2):  # each time
            broker.log.clear()
            broker.start()
            eventually(lambda: any("insecure" in line and open_to_all[door] in line for line in broker.log), what="the warning")
            broker.stop()
    with Broker(tmp_path / "data") as broker:
        assert not any("insecure" in line for line in broker.log)
