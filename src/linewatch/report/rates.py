"""Intervals for counts and rates, ratios of rates, and how much counts scatter beyond chance."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binom, chi2
from scipy.stats import t as student

Floats = NDArray[np.float64]


def poisson_interval(count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided interval of the mean behind a count (Garwood, Biometrika 28, 1936)."""
    tail = (1.0 - confidence) / 2.0
    low = 0.0 if count == 0 else float(chi2.ppf(tail, 2 * count)) / 2.0
    return low, float(chi2.ppf(1.0 - tail, 2 * count + 2)) / 2.0


def weighted_interval(counts: Sequence[int], weights: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided interval of a weighted sum of the means behind counts (Fay and Feuer, Statistics in Medicine 16, 1997).

    Of one count, or of many with equal weights, it is the exact one. Weights are positive.
    """
    tail = (1.0 - confidence) / 2.0
    total = sum(weight * count for weight, count in zip(weights, counts, strict=True))
    variance = sum(weight * weight * count for weight, count in zip(weights, counts, strict=True))
    largest = max(weights)
    low = 0.0
    if total > 0:
        low = variance / (2.0 * total) * float(chi2.ppf(tail, 2.0 * total * total / variance))
    one_more, wider = total + largest, variance + largest * largest
    return low, wider / (2.0 * one_more) * float(chi2.ppf(1.0 - tail, 2.0 * one_more * one_more / wider))


class RateRatio(msgspec.Struct, frozen=True):
    """One rate over another, with what makes it sure or not."""

    ratio: float
    """Rate of the second period over that of the first; infinity where the first has none."""
    low: float
    """Lower end of its interval."""
    high: float
    """Upper end of its interval."""
    p: float
    """Two-sided p-value of no change."""
    dispersion: float
    """Variance of the daily counts over their mean, at least 1: people come in groups, and days differ."""
    method: str
    """How interval and p-value were found."""


def rate_ratio(first: Floats, second: Floats, first_exposure: Floats, second_exposure: Floats) -> RateRatio:
    """The rate in a second period over that in a first, from daily counts and daily exposures.

    Where days scatter no more than chance: exact, given the sum of both counts (Przyborowski and Wilenski, Biometrika
    31, 1940; interval of Clopper and Pearson). Where they scatter more (quasi-Poisson, McCullagh and Nelder 1989,
    9.2): the logarithm of the ratio, its variance widened by the dispersion, against Student's t of the days.
    Raises `ValueError` where a period has no exposure.
    """
    n1, n2 = round(float(first.sum())), round(float(second.sum()))
    e1, e2 = float(first_exposure.sum()), float(second_exposure.sum())
    if e1 <= 0 or e2 <= 0:
        raise ValueError("a period has no watched time; allowed: two periods with some")
    ratio = math.inf if n1 == 0 else (n2 / e2) / (n1 / e1)
    dispersion = pooled_dispersion([(first, first_exposure), (second, second_exposure)])
    days = int((first_exposure > 0).sum() + (second_exposure > 0).sum())
    if dispersion <= 1.0 or n1 == 0 or n2 == 0 or days < 4:
        low, high, p = _exact(n1, n2, e1, e2)
        return RateRatio(ratio, low, high, p, max(dispersion, 1.0), "exact, conditional on the sum")
    sigma = math.sqrt(dispersion * (1.0 / n1 + 1.0 / n2))
    width = float(student.ppf(0.975, days - 2)) * sigma
    p = 2.0 * float(student.sf(abs(math.log(ratio)) / sigma, days - 2))
    return RateRatio(
        ratio, ratio * math.exp(-width), ratio * math.exp(width), p, dispersion, "quasi-Poisson, Student's t"
    )


def pooled_dispersion(periods: list[tuple[Floats, Floats]]) -> float:
    """Pearson's chi square over its degrees of freedom, a rate for each period; 1 where none can be said."""
    total, degrees = 0.0, 0
    for counts, exposure in periods:
        held = exposure > 0
        if held.sum() < 2 or counts[held].sum() == 0:
            continue
        expected = counts[held].sum() * exposure[held] / exposure[held].sum()
        total += float(((counts[held] - expected) ** 2 / expected).sum())
        degrees += int(held.sum()) - 1
    return total / degrees if degrees else 1.0


def _exact(n1: int, n2: int, e1: float, e2: float) -> tuple[float, float, float]:
    n = n1 + n2
    if n == 0:
        return 0.0, math.inf, 1.0
    share = e2 / (e1 + e2)
    low = 0.0 if n2 == 0 else float(beta.ppf(0.025, n2, n1 + 1))
    high = 1.0 if n1 == 0 else float(beta.ppf(0.975, n2 + 1, n1))
    tail = min(float(binom.cdf(n2, n, share)), float(binom.sf(n2 - 1, n, share)))
    odds = e1 / e2
    top = math.inf if high >= 1.0 else high / (1.0 - high) * odds
    return low / (1.0 - low) * odds, top, min(1.0, 2.0 * tail)
