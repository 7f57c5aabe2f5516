"""What a process uses, by /proc; and what is in a data directory."""

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


class Process:
    def __init__(self, pid):
        self.pid = pid
        self.place = Path(f"/proc/{pid}")

    @property
    def is_there(self):
        try:
            return self._stat()[0] != "Z"
        except OSError:
            return False

    def _stat(self):
        """What follows the name, which may have blanks and parentheses."""
        return (self.place / "stat").read_text().rpartition(")")[2].split()

    def cpu_seconds(self):
        user, system = self._stat()[11:13]
        return (int(user) + int(system)) / TICKS

    def threads(self):
        return int(self._stat()[17])

    def cpu_by_thread(self):
        """-> seconds by the thread's name, those of the same name together"""
        found = {}
        for task in os.listdir(self.place / "task"):
            try:
                name = (self.place / "task" / task / "comm").read_text().strip()
                user, system = (self.place / "task" / task / "stat").read_text().rpartition(")")[2].split()[11:13]
            except OSError:
                continue  # it ended meanwhile
            found[name] = found.get(name, 0) + (int(user) + int(system)) / TICKS
        return found

    def descriptors(self):
        return len(os.listdir(self.place / "fd"))

    def _kib(self, file, fields):
        found = 0
        for line in (self.place / file).read_text().splitlines():
            name, _, rest = line.partition(":")
            if name in fields:
                found += int(rest.split()[0])
        return found

    def private_kib(self):
        return self._kib("smaps_rollup", ("Private_Clean", "Private_Dirty"))

    def resident_kib(self):
        return self._kib("status", ("VmRSS",))


def directory_sizes(place):
    """-> the store's file, its log, and all else that is there; what goes meanwhile is not counted."""
    sizes = {"membus.db bytes": 0, "membus.db-wal bytes": 0, "other bytes": 0, "other files": 0}
    for folder, _, names in os.walk(place):
        for name in names:
            try:
                size = os.stat(os.path.join(folder, name)).st_size
            except FileNotFoundError:
                continue
            if f"{name} bytes" in sizes:
                sizes[f"{name} bytes"] += size
            elif name != "membus.db-shm":
                sizes["other bytes"] += size
                sizes["other files"] += 1
    return sizes
