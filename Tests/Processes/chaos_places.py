"""Where a broker under chaos lives: a small disk that fills up, and a wall clock that jumps."""

import contextlib
import os
import resource
import subprocess
from pathlib import Path

LIBFAKETIME = [Path("/usr/lib") / machine / "faketime/libfaketime.so.1"
               for machine in ("x86_64-linux-gnu", "aarch64-linux-gnu")] + [Path("/usr/lib/faketime/libfaketime.so.1")]


class SmallDisk:
    """A tmpfs of its own. Without the right to mount, a plain directory, whose files can be kept from growing."""

    def __init__(self, place, mebibytes=128):
        self.place = Path(place)
        self.place.mkdir(parents=True)
        self.is_full = False
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(self.place)], capture_output=True)
        self.is_mounted = mounted.returncode == 0
        self.kind = "a tmpfs" if self.is_mounted else "a directory whose files stop growing (no right to mount)"
        self.data = self.place / "data"
        self._filler = self.place / "filler"

    def fill(self, pid):
        self.is_full = True
        if not self.is_mounted:
            # A broker started with SIGXFSZ ignored is told EFBIG.
            largest = max((file.stat().st_size for file in self.data.iterdir() if file.is_file()), default=0)
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest + 4096, resource.RLIM_INFINITY))
            return
        with open(self._filler, "wb", buffering=0) as filler:
            for piece in (1 << 20, 4096):
                with contextlib.suppress(OSError):
                    while filler.write(bytes(piece)):
                        pass

    def free(self, pid):
        self.is_full = False
        if self.is_mounted:
            self._filler.unlink(missing_ok=True)
        else:
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def remove(self):
        if self.is_mounted:
            subprocess.run(["umount", "--lazy", str(self.place)], check=False)


class WallClock:
    """What the broker takes for the time of day."""

    def __init__(self, file):
        self.file = Path(file)
        self.library = next((path for path in LIBFAKETIME if path.exists()), None)
        if self.library is None:
            raise SystemExit(
                "chaos makes the broker's clock jump, and for that needs libfaketime, which is not there: "
                "install Debian's package faketime, or run `deploy/packages --tests`")
        self.forget_the_dead()
        self.set(0)

    @classmethod
    def forget_the_dead(cls):
        """A process that gets the number of one that was killed would take what the library left of that for its own."""
        for file in Path("/dev/shm").glob("*faketime_s*_*"):
            pid = file.name.rpartition("_")[2]
            if pid.isdigit() and not Path("/proc", pid).exists():
                cls.forget(int(pid))

    @property
    def under(self):
        """What the broker is run under. The library sets a variable when it is first loaded, which moves the
        environment; a Swift program finds its arguments beside the environment's first place, and finds none then.
        So it is loaded into a second `env`, which hands the variable on and becomes the broker."""
        return ("env", f"LD_PRELOAD={self.library}", "FAKETIME_DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1",
                f"FAKETIME_TIMESTAMP_FILE={self.file}", "FAKETIME_NO_CACHE=1", "env")

    @staticmethod
    def forget(pid):
        """Removes what the library leaves of a process that was killed."""
        for name in (f"faketime_shm_{pid}", f"sem.faketime_sem_{pid}"):
            Path("/dev/shm", name).unlink(missing_ok=True)

    def set(self, seconds):
        """This far from the truth."""
        self.offset = seconds
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        os.replace(new, self.file)
