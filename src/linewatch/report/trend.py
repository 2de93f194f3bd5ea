"""Whether attempts are falling, and how sure that is; whether the pressure moved elsewhere; when it changed.

All three work on attempts of each local day beside the watched kilometre-days, so that a day on which less was watched
is no fall. None takes a season out: a year's rise and fall looks like a trend, and the words of each answer say so.
"""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from linewatch.errors import InputError
from linewatch.report.facts import Facts, is_attempt, within
from linewatch.report.rates import RateRatio, pooled_dispersion, rate_ratio
from linewatch.report.watching import Watching
from linewatch.site.local_time import LocalTime

Floats = NDArray[np.float64]
SURE_P: Final = 0.05
LEAST_DAYS: Final = 14
"""A change point has at least so many days on either side."""


class Daily(msgspec.Struct, frozen=True):
    """Attempts and watching by local day and section."""

    days: tuple[int, ...]
    """Numbers of the days, without a gap."""
    places: tuple[tuple[str, str], ...]
    """Line and section of each column."""
    attempts: Floats
    """(days, places) attempts."""
    watched: Floats
    """(days, places) kilometre-days watched."""


class Trend(msgspec.Struct, frozen=True):
    """The last days against as many before."""

    days: int
    """Length of each of both periods."""
    first_from: str
    """First day of the earlier period."""
    second_from: str
    """First day of the later period."""
    second_to: str
    """Last day of the later period."""
    first_attempts: int
    """Attempts in the earlier period."""
    second_attempts: int
    """Attempts in the later period."""
    ratio: RateRatio
    """Rate of the later period over that of the earlier."""
    words: str
    """The answer."""
    seasonality: str
    """What was done about seasons, and what was not."""


class Displacement(msgspec.Struct, frozen=True):
    """How the share of each section changed between the two periods of a trend."""

    moved_fraction: float
    """Share of attempts that would have to change their section to make both periods alike."""
    chance_fraction: float
    """The same, as chance alone would make it (95th percentile of shuffled days)."""
    p: float
    """P-value of no displacement: chi square over the dispersion."""
    gained: tuple[tuple[str, str, RateRatio], ...]
    """Sections whose rate rose most, with line, name and ratio."""
    lost: tuple[tuple[str, str, RateRatio], ...]
    """Sections whose rate fell most."""
    lines: tuple[tuple[str, RateRatio], ...]
    """Every line with its ratio, where there are several."""
    words: str
    """The answer."""

    @property
    def sure(self) -> bool:
        """Whether more moved than chance would explain."""
        return self.p < SURE_P and self.moved_fraction > self.chance_fraction


class Change(msgspec.Struct, frozen=True):
    """A day on which the rate changed for good."""

    day: str
    """First day of the new rate."""
    before: float
    """Attempts a watched kilometre-day in the stretch of days before."""
    after: float
    """The same after."""
    ratio: RateRatio
    """After over before."""


def daily_of(facts: Facts, watching: Watching) -> Daily:
    """Attempts and watching by whole local days; a day that was begun or not ended is left out."""
    clock = LocalTime(facts.site.timezone)
    edges, exposures = watching.by_bins("day", clock)
    numbers = clock.number(np.array(edges[:-1], dtype=np.int64), "day").tolist()
    whole = [
        at
        for at, number in enumerate(numbers)
        if edges[at] <= clock.begin_ns("day", number) and edges[at + 1] >= clock.begin_ns("day", number + 1)
    ]
    places = [(line.id, s.name) for line in facts.site.lines for s in line.sections] or [
        (line.id, "") for line in facts.site.lines
    ]
    watched = np.concatenate([(e.metre_hours - e.unwatched)[whole] for e in exposures], axis=1) / 24_000.0
    attempts = np.zeros((len(whole), len(places)))
    row, column = {numbers[at]: i for i, at in enumerate(whole)}, {place: i for i, place in enumerate(places)}
    for each in within(facts.known, facts.from_ns, facts.to_ns):
        if not is_attempt(each.incident):
            continue
        day = int(clock.number(np.array([each.incident.raised_ns]), "day")[0])
        place = (each.incident.line, each.incident.section)
        if day in row and place in column:
            attempts[row[day], column[place]] += 1
    return Daily(tuple(numbers[at] for at in whole), tuple(places), attempts, watched)


def trend_of(daily: Daily, days: int | None = None, line: str | None = None) -> Trend:
    """The last `days` against as many before: by default 28, or half of what there is, in whole weeks if it can be.

    Raises `InputError` where there are too few whole days.
    """
    n = len(daily.days)
    if days is None:
        days = min(28, n // 2)
        days = days // 7 * 7 or days
    if days < 1 or 2 * days > n:
        raise InputError(f"--trend: found {days} days, {n} whole days in all; allowed: 1 to {n // 2}")
    columns = [i for i, place in enumerate(daily.places) if line in (None, place[0])]
    counts = daily.attempts[:, columns].sum(axis=1)
    watched = daily.watched[:, columns].sum(axis=1)
    first, second = slice(n - 2 * days, n - days), slice(n - days, n)
    if watched[first].sum() <= 0 or watched[second].sum() <= 0:
        raise InputError("--trend: found a period without any watched time; allowed: two periods with some")
    ratio = rate_ratio(counts[first], counts[second], watched[first], watched[second])
    names = [LocalTime("UTC").label("day", daily.days[at]) for at in (n - 2 * days, n - days, n - 1)]
    return Trend(
        days,
        names[0],
        names[1],
        names[2],
        int(counts[first].sum()),
        int(counts[second].sum()),
        ratio,
        _answer(ratio, days),
        _seasonality(n, days),
    )


def displacement_of(daily: Daily, trend: Trend, most: int = 5, seed: int = 0) -> Displacement:
    """Whether attempts lie elsewhere now. What chance does is found by dealing out the days of both periods anew."""
    n, days = len(daily.days), trend.days
    part = slice(n - 2 * days, n)
    counts, watched = daily.attempts[part], daily.watched[part]
    used = (counts.sum(axis=0) > 0) & (watched[:days].sum(axis=0) > 0) & (watched[days:].sum(axis=0) > 0)
    counts, watched = counts[:, used], watched[:, used]
    places = [place for place, held in zip(daily.places, used, strict=True) if held]
    if len(places) < 2 or not counts[:days].sum() or not counts[days:].sum():
        return Displacement(0.0, 0.0, 1.0, (), (), (), "Too few attempts, or sections, to say whether they moved.")
    moved = _moved(counts, watched, np.arange(2 * days) >= days)
    rng = np.random.default_rng(seed)
    shuffled = [_moved(counts, watched, rng.permutation(2 * days) >= days) for _ in range(200)]
    ratios = [
        (*place, rate_ratio(counts[:days, i], counts[days:, i], watched[:days, i], watched[days:, i]))
        for i, place in enumerate(places)
    ]
    p = _chi_square(counts, watched, days)
    sure = [each for each in ratios if each[2].p < SURE_P / len(ratios)]
    gained = sorted((r for r in sure if r[2].ratio > trend.ratio.ratio), key=lambda r: -r[2].ratio)[:most]
    lost = sorted((r for r in sure if r[2].ratio < trend.ratio.ratio), key=lambda r: r[2].ratio)[:most]
    chance = float(np.quantile(shuffled, 0.95))
    found = Displacement(moved, chance, p, tuple(gained), tuple(lost), _by_line(counts, watched, places, days), "")
    words = (
        f"{100 * moved:.0f} % of attempts lie in other sections than before (p = {p:.2g})."
        if found.sure
        else f"No displacement that chance would not make as well ({100 * moved:.0f} %, p = {p:.2g})."
    )
    return msgspec.structs.replace(found, words=words)


def changes_of(daily: Daily) -> tuple[Change, ...]:
    """Days on which the rate changed: the cuts that make the days likeliest, each worth its penalty.

    Poisson likelihood over the dispersion between neighbouring days, by dynamic programming over all cuts (Jackson et
    al., IEEE Signal Processing Letters 12, 2005), each cut at 2 log n besides what it costs to state (a BIC).
    """
    counts, watched = daily.attempts.sum(axis=1), daily.watched.sum(axis=1)
    n = len(counts)
    if n < 2 * LEAST_DAYS or not counts.sum() or not watched.sum():
        return ()
    weeks = [(counts[i : i + 7], watched[i : i + 7]) for i in range(0, n - 6, 7)]
    scatter = max(pooled_dispersion(weeks), 1.0)
    cuts = _cuts(counts, watched, 3.0 * float(np.log(n)) * scatter)
    out, edges = [], [0, *cuts, n]
    for low, at, high in zip(edges, edges[1:], edges[2:], strict=False):
        ratio = rate_ratio(counts[low:at], counts[at:high], watched[low:at], watched[at:high])
        before, after = (float(counts[s].sum() / watched[s].sum()) for s in (slice(low, at), slice(at, high)))
        out.append(Change(LocalTime("UTC").label("day", daily.days[at]), before, after, ratio))
    return tuple(out)


def _cuts(counts: Floats, watched: Floats, penalty: float) -> list[int]:
    n = len(counts)
    events, exposure = np.concatenate([[0.0], counts.cumsum()]), np.concatenate([[0.0], watched.cumsum()])

    def cost(low: NDArray[np.int64], high: int) -> Floats:
        k, e = events[high] - events[low], exposure[high] - exposure[low]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where((k > 0) & (e > 0), -k * np.log(k / e), 0.0)

    best, last = np.full(n + 1, np.inf), np.zeros(n + 1, dtype=np.int64)
    best[0] = -penalty
    for high in range(LEAST_DAYS, n + 1):
        lows = np.array([0, *range(LEAST_DAYS, high - LEAST_DAYS + 1)], dtype=np.int64)
        totals = best[lows] + cost(lows, high) + penalty
        choice = int(np.argmin(totals))
        best[high], last[high] = totals[choice], lows[choice]
    cuts, at = [], n
    while at > 0:
        at = int(last[at])
        cuts.append(at)
    return sorted(cut for cut in cuts if cut > 0)


def _moved(counts: Floats, watched: Floats, late: NDArray[np.bool_]) -> float:
    """Total variation between the rates of both periods, each made to add up to one."""
    rates = []
    for held in (~late, late):
        exposure = watched[held].sum(axis=0)
        rate = np.divide(counts[held].sum(axis=0), exposure, out=np.zeros(counts.shape[1]), where=exposure > 0)
        rates.append(rate / rate.sum() if rate.sum() > 0 else np.full(counts.shape[1], 1.0 / counts.shape[1]))
    return float(np.abs(rates[0] - rates[1]).sum() / 2.0)


def _by_line(
    counts: Floats, watched: Floats, places: list[tuple[str, str]], days: int
) -> tuple[tuple[str, RateRatio], ...]:
    """Ratio of each line, where there are several."""
    lines = sorted({line for line, _ in places})
    out = []
    for line in lines if len(lines) > 1 else ():
        here = [i for i, place in enumerate(places) if place[0] == line]
        n, e = counts[:, here].sum(axis=1), watched[:, here].sum(axis=1)
        out.append((line, rate_ratio(n[:days], n[days:], e[:days], e[days:])))
    return tuple(out)


def _chi_square(counts: Floats, watched: Floats, days: int) -> float:
    """Of sections by period, given the totals of both and the watching of each, over the dispersion of the days."""
    table = np.stack([counts[:days].sum(axis=0), counts[days:].sum(axis=0)])
    exposure = np.stack([watched[:days].sum(axis=0), watched[days:].sum(axis=0)])
    rates = table.sum(axis=0) / exposure.sum(axis=0)
    expected = exposure * rates
    expected *= (table.sum(axis=1) / expected.sum(axis=1))[:, None]
    statistic = float(((table - expected) ** 2 / np.maximum(expected, 1e-9)).sum())
    scatter = max(pooled_dispersion([(counts[:days, i], watched[:days, i]) for i in range(counts.shape[1])]), 1.0)
    return float(chi2.sf(statistic / scatter, counts.shape[1] - 1))


def _answer(ratio: RateRatio, days: int) -> str:
    text = (
        f"{ratio.ratio:.2f} times the rate of the {days} days before (95 % interval {ratio.low:.2f} to {ratio.high:.2f}"
    )
    text = f"The last {days} days brought {text}, p = {ratio.p:.2g})."
    if ratio.high < 1.0:
        return f"Attempts are falling. {text}"
    if ratio.low > 1.0:
        return f"Attempts are rising. {text}"
    return f"It cannot be said whether attempts are falling or rising. {text}"


def _seasonality(n: int, days: int) -> str:
    weeks = "both periods hold the same weekdays" if days % 7 == 0 else "the periods hold different weekdays"
    years = n / 365.25
    known = (
        "the season was not taken out, although more than two years are there to do so"
        if years >= 2.0
        else f"the season cannot be taken out with {years:.1f} years of data"
    )
    return f"{weeks}; {known}: weather and time of year act on both rates."
