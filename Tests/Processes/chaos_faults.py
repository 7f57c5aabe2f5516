"""What goes wrong. Each fault is started at a random moment; what has an end is ended later by the conductor.
Every kind has its turn in each round: a kind that has not happened yet comes first half of the time, and always in
the round's second half. A fault that never happens is a fault of the test.

A fault is a method of Faults that does it and returns what it did, for people; or None if it could not be done
just now."""

from chaos_proxy import DOWN, UP

#: How often each is picked, beside the others.
WEIGHTS = {
    "kill_broker": 6, "kill_agent": 5, "stop_broker": 4, "stop_agent": 5, "drop": 6, "drop_all": 3, "delay": 5, "cut": 6,
    "half_close": 5, "silence": 8, "silence_all": 3, "refuse": 3, "fill_disk": 5, "jump_clock": 4, "restore": 0,
    "compact": 0,
}


class Faults:
    def __init__(self, world):
        self.world = world
        self.rng = world.rng
        self.weights = dict(WEIGHTS)
        self._done = set()

    @property
    def kinds(self):
        """That this round is to have."""
        return [name for name, weight in self.weights.items() if weight]

    def missing(self):
        """The kinds that have not happened yet."""
        return [name for name in self.kinds if name not in self._done]

    def one(self, is_late):
        """-> (its name, what it did, or None if it could not be done just now)"""
        missing = self.missing()
        if missing and (is_late or self.rng.random() < 0.5):
            name = self.rng.choice(missing)
        else:
            name = self.rng.choices(self.kinds, [self.weights[name] for name in self.kinds])[0]
        did = getattr(self, name)()
        # A restore has happened once the backup is in place.
        if did and name != "restore":
            self.happened(name)
        return name, did

    def happened(self, name):
        self._done.add(name)

    def _span(self, *ranges):
        low, high = self.rng.choice(ranges)
        return round(self.rng.uniform(low, high), 2)

    # Processes

    def kill_broker(self):
        world = self.world
        if not world.broker_is_up:
            return None
        world.kill_broker()
        pause = self._span((0, 0.1), (0.2, 3))
        world.after(pause, world.start_broker)
        return f"kill -9, started again after {pause} s"

    def kill_agent(self):
        agent = self.rng.choice(self.world.agents)
        if not agent.is_running:
            return None
        agent.kill()
        pause = self._span((0, 0.1), (0.2, 2))
        self.world.after(pause, agent.start)
        return f"agent {agent.index}.{agent.life}: kill -9, started again after {pause} s"

    def stop_broker(self):
        world = self.world
        if not world.broker_is_up or world.broker_is_stopped:
            return None
        span = self._pause()
        world.stop_broker()
        world.after(span, world.broker_goes_on)
        return f"SIGSTOP for {span} s"

    def stop_agent(self):
        agent = self.rng.choice(self.world.agents)
        if not agent.is_running or agent.is_stopped:
            return None
        span, process = self._pause(), agent.process
        agent.stop()
        self.world.after(span, lambda: agent.go_on() if agent.process is process else None)
        return f"agent {agent.index}.{agent.life}: SIGSTOP for {span} s"

    def _pause(self):
        if self.world.is_long and self.world.long_pauses > 0:
            self.world.long_pauses -= 1
            return 60
        return self._span((0.05, 1), (0.05, 1), (2.2, 6))

    # The network

    def _proxy(self):
        return self.rng.choice(self.world.proxies)

    def drop(self):
        proxy = self._proxy()
        link = proxy.pick(self.rng)
        if link is None:
            return None
        proxy.drop([link])
        return f"a connection for {proxy.name} is closed"

    def drop_all(self):
        proxy = self._proxy()
        proxy.drop(list(proxy.links))
        return f"all connections for {proxy.name} are closed"

    def delay(self):
        proxy, delay, span = self._proxy(), self._span((0.005, 0.05), (0.05, 0.4)), self._span((1, 6))
        proxy.slow_down(delay, span)
        return f"{proxy.name} take {delay} s more for {span} s"

    def cut(self):
        proxy = self._proxy()
        link = proxy.pick(self.rng)
        if link is None:
            return None
        after = self.rng.choice((0, 1, 2, 9, 20, 60))
        proxy.cut(link, after)
        return f"a connection for {proxy.name} is closed after {after} bytes of what comes next"

    def half_close(self):
        proxy, direction = self._proxy(), self.rng.choice((UP, DOWN))
        link = proxy.pick(self.rng)
        if link is None:
            return None
        proxy.half_close(link, direction)
        return f"a connection for {proxy.name} is half closed, {direction}"

    def silence(self):
        proxy = self._proxy()
        link = proxy.pick(self.rng)
        if link is None:
            return None
        directions, span = self.rng.choice(((UP,), (DOWN,), (UP, DOWN))), self._span((0.2, 2), (2.2, 9))
        proxy.silence(link, directions, span)
        if self.rng.random() < 0.4:
            self.world.after(span - 0.1, lambda: proxy.drop([link]))
        return f"a connection for {proxy.name} carries nothing {' nor '.join(directions)} for {span} s"

    def silence_all(self):
        proxy, span = self._proxy(), self._span((0.2, 2), (2.2, 6))
        proxy.silence(None, (), span)
        return f"no connection for {proxy.name} carries anything for {span} s"

    def refuse(self):
        proxy, span = self._proxy(), self._span((0.5, 4))
        proxy.refuse(span)
        return f"all connections for {proxy.name} are closed and none is taken for {span} s"

    # Disk, clock, history

    def fill_disk(self):
        world = self.world
        if world.disk.is_full or not world.broker_is_up:
            return None
        span = self._span((0.2, 3))
        world.disk.fill(world.broker.pid)
        world.after(span, world.free_disk)
        return f"the disk is full for {span} s"

    def jump_clock(self):
        world = self.world
        leaps = (-86_400, -3600, -120, -1, 0, 1, 120, 3600, 86_400, 30 * 86_400)
        to = self.rng.choice([leap for leap in leaps if leap != world.clock.offset])
        world.clock.set(to)
        return f"the broker's wall clock is {to:+d} s off"

    def restore(self):
        """A backup of now, which takes the place of what is written until then."""
        world = self.world
        is_able = world.broker_is_up and not world.broker_is_stopped and not world.disk.is_full
        if world.is_restore_due or not is_able or not world.back_up():
            return None
        pause = self._span((0.2, 4))
        world.after(pause, world.restore)
        return f"a backup, to be restored after {pause} s"

    def compact(self):
        """History is dropped, once a copy has it: the judge needs all."""
        world = self.world
        if not world.broker_is_up or world.broker_is_stopped or world.disk.is_full:
            return None
        floor = world.compact(keeping=self.rng.choice((0, 20, 200)))
        return None if floor is None else f"history below {floor} is dropped"
