"""A short soak, and that its judgement bites: what is planted is found, what only goes up and down is not.

`deploy/soak` runs for hours, and finds what grows slowly."""

import random
import time

import pytest

from processes import membus
from soak import ALLOWANCES, Plan, run_soak
from soak_measures import Process, directory_sizes
from soak_records import Heads, Numbered, Seen
from soak_trends import Allowance, judge, slope

SECONDS, SEED = 36, 3
MIB_IN_KIB = 1024


def test_a_short_soak_finds_nothing(tmp_path):
    """Everything that a soak has, in a minute; growth is found only if it is steep."""
    plan = Plan.short(SECONDS, rate=None)
    soak = run_soak(plan, SEED, tmp_path / "samples.jsonl", idle_share=0.05 if "/debug/" in membus() else 0.01)
    assert soak.findings == [], f"again: deploy/soak --seconds {SECONDS} --seed {SEED}"
    assert len((tmp_path / "samples.jsonl").read_text().splitlines()) > SECONDS


# ---- Trends

HOURS = 1.5


def samples(value, every=5, hours=HOURS, seed=1):
    """value(seconds, rng) over a soak of an hour and a half, as it is sampled."""
    rng = random.Random(seed)
    return [(at, value(at, rng)) for at in range(0, int(hours * 3600), every)]


def memory(leak_mib_an_hour, noise_kib=800):
    def value(at, rng):
        warm = min(at, 900) / 900 * 20_000  # caches fill in a quarter of an hour
        return 40_000 + warm + leak_mib_an_hour * MIB_IN_KIB * at / 3600 + rng.gauss(0, noise_kib)
    return value


PRIVATE = ALLOWANCES["broker private KiB"]


def test_a_planted_leak_is_found_and_its_size_is_told():
    """8 MiB an hour, where the figure says that it would find 5.4."""
    trend = judge(samples(memory(8)), PRIVATE)
    assert trend.rises and 5.5 * MIB_IN_KIB < trend.growth < 6.5 * MIB_IN_KIB
    assert trend.smallest_found < 8 * MIB_IN_KIB
    assert judge(samples(memory(8), seed=9), PRIVATE).rises


@pytest.mark.parametrize("leak", [0, 0.5])
def test_what_fills_up_at_first_and_then_only_varies_is_steady(leak):
    for seed in range(10):
        assert not judge(samples(memory(leak), seed=seed), PRIVATE).rises


@pytest.mark.parametrize("period", [60, 300, 700, 850])
def test_a_sawtooth_is_steady(period):
    """A log that is written over, history that is dropped: high teeth, of a quarter of an hour at most, at any place."""
    for shift in range(0, period, max(1, period // 7)):
        told = judge(samples(lambda at, rng: 20e6 + 60e6 * ((at + shift) % period) / period), Allowance(16e6, 0.1))
        assert not told.rises, (period, shift, told)


def test_a_sawtooth_that_rises_is_found():
    told = judge(samples(lambda at, rng: 20e6 + 60e6 * (at % 300) / 300 + 60e6 * at / 3600), Allowance(16e6, 0.1))
    assert told.rises


def test_a_few_outliers_are_no_trend_and_hide_none():
    def latency(growth):
        return lambda at, rng: 2 + growth * at / 3600 + (200 if rng.random() < 0.05 else 0) + rng.random()
    assert not judge(samples(latency(0)), ALLOWANCES["put ms"]).rises
    assert judge(samples(latency(5)), ALLOWANCES["put ms"]).rises


def test_descriptors_and_sessions_that_are_never_given_back_are_found():
    assert judge(samples(lambda at, rng: 70 + at // 400), ALLOWANCES["broker descriptors"]).rises
    # A session for each command, one command a second.
    assert judge(samples(lambda at, rng: 20 + at), ALLOWANCES["sessions"]).rises


def test_what_stays_above_what_is_usual_is_found_and_what_comes_down_soon_is_not():
    allowance = Allowance(1000, usual=10, seconds_above=30)

    def told(high):
        return judge([(5 * n, 50 if n in high else 1) for n in range(200)], allowance)

    assert not told(range(100, 105)).lingers and not told([*range(10, 15), *range(100, 105)]).lingers
    assert told(range(100, 108)).lingers and told(range(100, 108)).seconds_above == 40
    assert told(range(190, 200)).lingers


def test_what_exceeds_its_bound_is_found_without_a_trend():
    told = judge(samples(lambda at, rng: 500 * MIB_IN_KIB), PRIVATE)
    assert told.exceeds and not told.rises


def test_too_few_samples_say_nothing():
    assert judge(samples(memory(1000))[:10], PRIVATE) is None


def test_the_slope_is_the_median_of_all():
    assert slope([(0, 0), (1, 1), (2, 2), (3, 3), (4, 99)]) == 1
    assert slope([(0, 5)]) == 0


# ---- What watchers see


@pytest.fixture
def events():
    """Ten events of a topic; there is much else between them."""
    events = Numbered("plans/")
    for number in range(1, 11):
        events.acknowledged(number, 100 * number)
    return events


def watching(events, *numbers):
    seen = Seen("she", events)
    for number in numbers:
        seen.see(number, 100 * number, lambda: 350)
    return seen


def test_who_saw_everything_once_is_fine(events):
    assert watching(events, *range(1, 11)).judge() == []


@pytest.mark.parametrize("numbers, what", [
    ([1, 2, 2, *range(3, 11)], "doubled"),
    ([1, 3, 2, *range(4, 11)], "out of order"),
    ([1, 2, *range(5, 11)], "missed events 3 to 4, and did not say so"),
    (list(range(1, 10)), "up to 9 of 10"),
    ([*range(1, 12)], "event 11, which nobody wrote"),
])
def test_who_missed_or_doubled_is_found(events, numbers, what):
    told = watching(events, *numbers).judge()
    assert told and any(what in line for line in told), told


def test_another_revision_is_found(events):
    seen = watching(events, *range(1, 10))
    seen.see(10, 999)
    assert "of revision 999; it is of 1000" in seen.judge()[0]


def asleep(events, floor, goes_on_at):
    """Saw two events, then was told that something is no longer kept, and went on."""
    seen = watching(events, 1, 2)
    seen.refused(floor)
    for number in range(goes_on_at, 11):
        seen.see(number, 100 * number, lambda: floor)
    return seen.judge()


def test_what_was_dropped_may_be_missed_by_who_says_so(events):
    assert asleep(events, floor=450, goes_on_at=5) == []


def test_a_refusal_of_a_topic_of_which_nothing_was_dropped_is_found(events):
    assert "nothing of plans/ was dropped" in asleep(events, floor=250, goes_on_at=3)[0]


def test_a_gap_of_more_than_what_was_dropped_is_found(events):
    assert "missed events 5 to 5, which are kept still" in asleep(events, floor=450, goes_on_at=6)[0]


# ---- What is kept


def test_history_that_is_dropped_too_young_is_found_once():
    heads = Heads(10)
    assert [heads.note(at, head=10 * at, floor=max(0, 10 * (at - 12))) for at in range(30)] == [None] * 30
    assert "younger than 10 s" in heads.note(30, head=300, floor=260)
    assert heads.note(31, head=310, floor=260) is None


# ---- Measures


def test_what_a_process_uses_is_measured():
    me = Process("self")
    before, held = me.cpu_seconds(), bytearray(20 << 20)
    begun = time.process_time()
    while time.process_time() < begun + 0.3:
        held[0] += 1 if held[0] < 255 else -255
    assert me.is_there and 0.05 < me.cpu_seconds() - before < 5
    assert 20 << 10 < me.private_kib() <= me.resident_kib() + 1024 and me.threads() >= 1
    with open("/dev/null"):
        assert me.descriptors() >= 4
    assert not Process(2 ** 22 + 1).is_there


def test_files_of_a_data_directory_are_measured(tmp_path):
    (tmp_path / "membus.db").write_bytes(b"x" * 10)
    (tmp_path / "membus.db-wal").write_bytes(b"x" * 5)
    (tmp_path / "backups-under-way").mkdir()
    (tmp_path / "backups-under-way" / "one").write_bytes(b"x" * 3)
    assert directory_sizes(tmp_path) == {
        "membus.db bytes": 10, "membus.db-wal bytes": 5, "other bytes": 3, "other files": 1}
