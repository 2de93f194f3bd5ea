"""Band energies against scipy's spectrogram, and what follows from Parseval."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.signal import spectrogram

from linewatch.signals.bands import band_edges, band_energies

RATE_HZ = 500.0


def test_bands_agree_with_scipys_spectrogram() -> None:
    x = np.random.default_rng(0).normal(3.0, 1.0, (1000, 3))
    edges = band_edges(5.0, 200.0, 6)
    lines_hz, _, density = spectrogram(
        x, RATE_HZ, "hann", 128, 64, detrend="constant", axis=0, scaling="density", mode="psd"
    )
    width_hz = RATE_HZ / 128
    want = [density[(lines_hz >= a) & (lines_hz < b)].sum(axis=0).T * width_hz for a, b in pairwise(edges)]
    np.testing.assert_allclose(band_energies(x, RATE_HZ, edges, 128, 64), np.stack(want, axis=1), rtol=1e-9)


def test_bands_that_share_out_the_spectrum_add_up_to_the_variance() -> None:
    x = np.random.default_rng(1).normal(size=(20_000, 2))
    edges = np.array([0.0, 10.0, 100.0, 251.0])
    total = band_energies(x, RATE_HZ, edges, 256, 128).sum(axis=1).mean(axis=0)
    np.testing.assert_allclose(total, x.var(axis=0), rtol=0.02)


def test_a_tone_lies_in_its_own_band() -> None:
    t = np.arange(2000)[:, None] / RATE_HZ
    x = 2.0 * np.sin(2 * np.pi * 40.0 * t).astype(np.float32)
    found = band_energies(x, RATE_HZ, np.array([10.0, 30.0, 50.0, 100.0]), 500, 250)
    np.testing.assert_allclose(found[:, 1, 0], 2.0, rtol=1e-5)
    assert found[:, [0, 2], 0].max() < 1e-6


def test_a_bad_sample_spoils_only_its_channel_and_windows() -> None:
    x = np.random.default_rng(2).normal(size=(100, 3))
    clean = band_energies(x, RATE_HZ, np.array([20.0, 100.0]), 20, 10)
    x[35, 1] = np.inf
    found = band_energies(x, RATE_HZ, np.array([20.0, 100.0]), 20, 10)
    assert np.flatnonzero(np.isnan(found[:, 0, 1])).tolist() == [2, 3]
    np.testing.assert_array_equal(found[:, :, [0, 2]], clean[:, :, [0, 2]])


@pytest.mark.parametrize("n_samples", [0, 1, 19])
def test_samples_that_fill_no_window_give_none(n_samples: int) -> None:
    assert band_energies(np.zeros((n_samples, 2)), RATE_HZ, np.array([1.0, 9.0]), 20, 10).shape == (0, 1, 2)


def test_pieces_that_overlap_give_the_same_as_the_whole() -> None:
    x = np.random.default_rng(3).normal(size=(200, 2))
    edges = np.array([5.0, 50.0, 200.0])
    whole = band_energies(x, RATE_HZ, edges, 40, 20)
    parts = [band_energies(x[:120], RATE_HZ, edges, 40, 20), band_energies(x[100:], RATE_HZ, edges, 40, 20)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="0 bands from 1 to 2 Hz"):
        band_edges(1.0, 2.0, 0)
    with pytest.raises(ValueError, match="window is 7 samples and hop 1"):
        band_energies(np.zeros((9, 1)), RATE_HZ, np.array([1.0, 2.0]), 7, 1)
    with pytest.raises(ValueError, match=r"band edges are \[2.0, 1.0\]"):
        band_energies(np.zeros((9, 1)), RATE_HZ, np.array([2.0, 1.0]), 8, 1)
