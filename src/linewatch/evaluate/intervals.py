"""Exact intervals for shares and rates."""

import math

from scipy.stats import beta, chi2


def clopper_pearson(found: int, of: int, confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided interval of a share, from the binomial distribution itself (Clopper and Pearson, Biometrika 26, 1934).

    Never too narrow: it holds the true share with at least the confidence stated. (0, 1) where nothing was tried.
    Raises `ValueError` where `found` is not from 0 to `of`.
    """
    if not 0 <= found <= of:
        raise ValueError(f"found is {found} of {of}; allowed are 0 to {of}")
    if of == 0:
        return 0.0, 1.0
    tail = (1.0 - confidence) / 2.0
    low = 0.0 if found == 0 else float(beta.ppf(tail, found, of - found + 1))
    high = 1.0 if found == of else float(beta.ppf(1.0 - tail, found + 1, of - found))
    return low, high


def garwood(count: int, exposure: float, confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided interval of a Poisson rate, count over exposure (Garwood, Biometrika 28, 1936).

    (0, infinity) where there was no exposure. Raises `ValueError` on a negative count or exposure.
    """
    if count < 0 or exposure < 0:
        raise ValueError(f"count is {count} and exposure {exposure}; allowed are 0 and more")
    if exposure == 0:
        return 0.0, math.inf
    tail = (1.0 - confidence) / 2.0
    low = 0.0 if count == 0 else float(chi2.ppf(tail, 2 * count)) / 2.0
    high = float(chi2.ppf(1.0 - tail, 2 * count + 2)) / 2.0
    return low / exposure, high / exposure
