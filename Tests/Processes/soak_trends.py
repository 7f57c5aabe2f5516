"""Whether a figure that was sampled over a long run goes upwards. Pure: samples in, judgement out.

What is judged is the second half of the samples, so that what fills up at first (caches, a window of history) has filled.
The slope is that of Theil and Sen, the median of the slopes of all pairs, which a few outliers do not move. A figure that
goes up and down (a log that is written over, history that is dropped now and then) has a slope by chance: so its low values
have to rise, too, from the first third of what is judged to the last; which tells apart what goes up and down within such a
third. Growth below an allowance says nothing."""

from dataclasses import dataclass
from itertools import combinations
from statistics import median, quantiles

#: More are thinned out: all pairs are compared.
MOST_POINTS = 300
#: Fewer say nothing.
FEWEST_POINTS = 8


@dataclass(frozen=True)
class Allowance:
    """How much a figure may grow over what is judged: so much, or this share of what it was at first, whichever is more. And
    what it may never exceed; and above what it may only be for a while."""

    growth: float
    share: float = 0.05
    most: float = float("inf")
    usual: float = float("inf")
    seconds_above: float = 0

    def of(self, before, slack=1):
        return max(self.growth, self.share * abs(before)) * slack


@dataclass(frozen=True)
class Trend:
    start: float
    middle: float
    end: float
    highest: float
    growth: float  # over what was judged, by the slope
    allowed: float
    rises: bool
    exceeds: bool
    seconds_above: float  # the longest time above what is usual
    lingers: bool
    hours: float  # what was judged

    @property
    def smallest_found(self):
        """The slowest steady growth, by the hour, that would have been found."""
        return self.allowed / self.hours if self.hours else float("inf")


def slope(points):
    """-> units by second: the median of the slopes of all pairs."""
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(points, 2) if b[0] > a[0]]
    return median(slopes) if slopes else 0.0


def low(values):
    return quantiles(values, n=10)[0] if len(values) > 1 else values[0]


def thinned(points):
    """At most MOST_POINTS: the medians of neighbours."""
    size = -(-len(points) // MOST_POINTS)
    groups = [points[at:at + size] for at in range(0, len(points), size)]
    return [(median(t for t, _ in group), median(v for _, v in group)) for group in groups]


def longest_above(samples, bound):
    """-> seconds from the first of a row of samples above the bound until the first that is not, at the most"""
    longest, since = 0, None
    for seconds, value in samples:
        if value > bound:
            since = seconds if since is None else since
        if since is not None:
            longest = max(longest, seconds - since)
        if value <= bound:
            since = None
    return longest


def judge(samples, allowance, slack=1):
    """samples: (seconds, value), in order. -> Trend, or None if there are too few."""
    judged = samples[len(samples) // 2:]
    if len(judged) < FEWEST_POINTS:
        return None
    values = [value for _, value in judged]
    third = len(values) // 3
    allowed = allowance.of(median(values[:third]), slack)
    span = judged[-1][0] - judged[0][0]
    growth = slope(thinned(judged)) * span
    lows_rise = low(values[-third:]) - low(values[:third])
    everything = [value for _, value in samples]
    highest = max(everything)
    above = longest_above(samples, allowance.usual)
    return Trend(
        start=median(everything[:5]), middle=median(everything), end=median(everything[-5:]), highest=highest,
        growth=growth, allowed=allowed,
        # The middles of the thirds are two thirds of the span apart.
        rises=growth > allowed and lows_rise > allowed / 2, exceeds=highest > allowance.most,
        seconds_above=above, lingers=above > allowance.seconds_above, hours=span / 3600)
