"""A picture's background: what each pixel usually shows, how much it strays, and which pixels stray further.

The model is a running average with a standard deviation of its own for every pixel, after C. R. Wren et al., "Pfinder",
IEEE Trans. Pattern Analysis and Machine Intelligence 19 (1997) 780-785, with the mean deviation in the place of the
square (1.25 times it, of a normal distribution). A pixel that strays is *covered*: its mean is learned more slowly and
its deviation not at all, so that who stands still stays visible. A pixel that goes to and fro between straying and
not is *restless*: leaves, ropes and water do that for ever, a passer-by a few times.

Two changes concern no single pixel. Clouds and a camera's own exposure multiply the whole picture: the median of the
pixels' ratios to the model is taken out before anything is compared. And what was there when the model began, or was
parked and has left, remains in it as a *ghost*: a still patch whose border the model has and the picture has not
(R. Cucchiara et al., IEEE Trans. Pattern Analysis and Machine Intelligence 25 (2003) 1337-1342, tell ghosts by their
lack of motion).
"""

import math
from typing import Any, Final

import msgspec
import numpy as np
from numba import njit
from numpy.typing import NDArray

DEVIATION: Final = np.float32(1.25)  # standard deviation over mean deviation of a normal distribution, sqrt(pi / 2)
RESTLESS_EVERY: Final = 4  # frames between two looks at which pixels go to and fro: what sways does not do so in step
LEARN_EVERY: Final = 2  # frames, after the first: writing the model is half of the cost
GAIN_PIXELS: Final = 250  # about so many, on a grid, are asked for the common gain
LEAST_LEVEL: Final = 16.0  # darker pixels say nothing of a gain
MOST_LEVEL: Final = 250.0  # nor do pixels that are full


class BackgroundSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a pixel is learned and when it strays. Rates are shares a frame; levels are grey levels, 0 to 255."""

    sigmas: float = 5.0
    """Standard deviations beyond which a pixel strays."""
    least_levels: float = 20.0
    """Least deviation that counts, for pixels that never stray."""
    rate: float = 0.02
    """How fast the mean follows."""
    covered_rate: float = 0.001
    """How fast the mean follows where the pixel strays."""
    sigma_rate: float = 0.02
    """How fast the deviation follows."""
    first_sigma: float = 8.0
    """Deviation before anything is known."""
    most_sigma: float = 16.0
    """Bound of the deviation: no pixel is ever numbed beyond `sigmas` times this."""
    restless_rate: float = 0.01
    """How fast the share of looks follows at which a pixel changes between straying and not; every fourth frame."""
    most_restless: float = 0.25
    """Share beyond which a pixel is left out."""


class Strays(msgspec.Struct):
    """What strays in one frame."""

    mask: NDArray[np.uint8]
    """(height, width) 1 where a pixel strays and is not restless."""
    gain: float
    """Common gain of the frame over the model; 1 for the first frame, and where too few pixels can tell."""


class BackgroundState(msgspec.Struct):
    """The model of one picture."""

    mean: NDArray[np.float32]
    """(height, width) usual level; NaN where no frame has had a number."""
    sigma: NDArray[np.float32]
    """(height, width) standard deviation about it."""
    previous: NDArray[np.float32]
    """(height, width) what was there when a patch was last looked at; NaN where none ever was."""
    strayed: NDArray[np.uint8]
    """(height, width) 1 where a pixel strayed at the last look."""
    restless: NDArray[np.float32]
    """(height, width) share of looks at which a pixel changes between straying and not."""
    calm: NDArray[np.uint8]
    """(height, width) 0 where a pixel is left out as restless."""
    frames: int = 0
    """Frames learned."""


def new_background_state(height: int, width: int, settings: BackgroundSettings) -> BackgroundState:
    """A model that knows nothing; what the first frame shows becomes its mean."""
    shape = (height, width)
    return BackgroundState(
        mean=np.full(shape, np.nan, np.float32),
        sigma=np.full(shape, settings.first_sigma, np.float32),
        previous=np.full(shape, np.nan, np.float32),
        strayed=np.zeros(shape, np.uint8),
        restless=np.zeros(shape, np.float32),
        calm=np.ones(shape, np.uint8),
    )


def learn_frame(frame: NDArray[Any], settings: BackgroundSettings, state: BackgroundState) -> Strays:
    """Tell which pixels stray, and learn the frame.

    Args:
        frame: (height, width), grey levels 0 to 255, float32 or int16. NaN and infinite pixels neither stray nor teach.
        settings: rates and thresholds.
        state: changed in place, all but `previous`, which is the affair of `patch_figures`.

    Raises:
        ValueError: the frame's shape is not the state's.
    """
    if frame.shape != state.mean.shape:
        raise ValueError(f"the frame has shape {frame.shape}, the model {state.mean.shape}")
    mask = np.zeros(frame.shape, np.uint8)
    frame = np.ascontiguousarray(frame)
    gain = common_gain(frame, state.mean)
    # 1, 1/2, 1/3 ...: the mean of all that has been seen, until the set rate is slower.
    rate, at_once = 1.0 / (state.frames + 1), 1
    if rate <= settings.rate:
        rate, at_once = settings.rate, LEARN_EVERY if state.frames % LEARN_EVERY == 0 else 0
    restless = state.frames % RESTLESS_EVERY == 0
    limits = settings.sigmas, settings.least_levels, settings.most_sigma, settings.most_restless
    rates = (
        at_once * rate,
        at_once * settings.covered_rate,
        at_once * settings.sigma_rate,
        settings.restless_rate if restless else 0.0,
    )
    _learn_frame(  # type: ignore[call-arg]  # the compiler's stub does not count star-arguments
        frame.reshape(-1),
        *(array.reshape(-1) for array in (mask, state.mean, state.sigma, state.strayed, state.restless, state.calm)),
        gain,
        limits,
        rates,
    )
    state.frames += 1
    mask &= state.calm
    return Strays(mask, gain)


@njit(cache=True, nogil=True)
def _learn_frame(
    frame: Any,
    mask: Any,
    mean: Any,
    sigma: Any,
    strayed: Any,
    restless: Any,
    calm: Any,
    gain: Any,
    limits: Any,
    rates: Any,
) -> None:
    """Look, and learn where rates are not 0; in one call, since calls cost time as well."""
    gain_32, sigmas, least = np.float32(gain), np.float32(limits[0]), np.float32(limits[1])
    rate, covered_rate, sigma_rate = np.float32(rates[0]), np.float32(rates[1]), np.float32(rates[2])
    if rate > 0.0:
        most = np.float32(limits[2])
        _learn(frame, mean, sigma, mask, gain_32, sigmas, least, rate, covered_rate, sigma_rate, most)
    else:
        _look(frame, mean, sigma, mask, gain_32, sigmas, least)
    if rates[3] > 0.0:
        _learn_restless(mask, strayed, restless, calm, np.float32(rates[3]), np.float32(limits[3]))


def restless_share(state: BackgroundState) -> float:
    """Share of the pixels that are left out as restless, straying or not."""
    return 1.0 - np.count_nonzero(state.calm) / max(state.calm.size, 1)


def common_gain(frame: NDArray[Any], mean: NDArray[np.float32]) -> float:
    """The median of the ratios of frame and model on a coarse grid; 1 where too few pixels can tell."""
    return float(_common_gain(frame, mean, max(math.isqrt(mean.size // GAIN_PIXELS), 1)))


@njit(cache=True, nogil=True)
def _common_gain(frame: Any, mean: Any, step: Any) -> Any:
    """Of an even number of ratios the upper middle one: no mean of two, so that it is the ratio of a pixel."""
    height, width = mean.shape
    rows, columns = (height + step - 1) // step, (width + step - 1) // step
    ratios = np.empty(rows * columns, np.float32)
    n = 0
    for y in range(0, height, step):
        for x in range(0, width, step):
            level, usual = np.float32(frame[y, x]), mean[y, x]
            # A pixel at the end of its range follows no gain. False for NaN.
            if LEAST_LEVEL <= usual < MOST_LEVEL and 0.0 < level < MOST_LEVEL:
                ratios[n] = level / usual
                n += 1
    if 4 * n < rows * columns:
        return np.float32(1.0)
    return np.partition(ratios[:n], n // 2)[n // 2]


@njit(cache=True, nogil=True, error_model="numpy")
def _look(frame: Any, mean: Any, sigma: Any, mask: Any, gain: Any, sigmas: Any, least: Any) -> None:
    """Without branches, so that it vectorises, as is the next."""
    huge, none = np.float32(1.0e6), np.float32(0.0)
    for i in range(len(frame)):
        level = np.float32(frame[i])
        sane = abs(level) < huge  # false for NaN
        apart = abs(level - gain * mean[i]) if sane else none
        mask[i] = np.uint8(1) if apart > max(sigmas * sigma[i], least) else np.uint8(0)


@njit(cache=True, nogil=True, error_model="numpy")
def _learn(
    frame: Any,
    mean: Any,
    sigma: Any,
    mask: Any,
    gain: Any,
    sigmas: Any,
    least: Any,
    rate: Any,
    covered_rate: Any,
    sigma_rate: Any,
    most: Any,
) -> None:
    huge, none = np.float32(1.0e6), np.float32(0.0)
    for i in range(len(frame)):
        level, usual, spread = np.float32(frame[i]), mean[i], sigma[i]
        sane = abs(level) < huge  # false for NaN
        usual = level if np.isnan(usual) and sane else usual  # seen for the first time
        step = level - usual if sane else none
        apart = abs(level - gain * usual) if sane else none
        strays = apart > max(sigmas * spread, least)
        mask[i] = np.uint8(1) if strays else np.uint8(0)
        mean[i] = usual + (covered_rate if strays else rate) * step
        wider = spread + (none if strays else sigma_rate) * (DEVIATION * apart - spread)
        sigma[i] = min(wider, most) if sane else spread


@njit(cache=True, nogil=True, error_model="numpy")
def _learn_restless(mask: Any, strayed: Any, restless: Any, calm: Any, rate: Any, most: Any) -> None:
    for i in range(len(mask)):
        share = restless[i] + rate * (np.float32(mask[i] ^ strayed[i]) - restless[i])
        restless[i] = share
        strayed[i] = mask[i]
        calm[i] = np.uint8(0) if share > most else np.uint8(1)


class PatchFigures(msgspec.Struct):
    """What picture and model show within the boxes of blobs, where the mask is set; every array (n,) float64."""

    border: NDArray[np.float64]
    """Mean contrast of the picture across the borders of the mask, in grey levels."""
    model_border: NDArray[np.float64]
    """The same of the model."""
    motion: NDArray[np.float64]
    """Mean change since there was last a patch, in grey levels; NaN where there was none before."""
    contrast: NDArray[np.float64]
    """Mean distance from the model, in grey levels."""
    noise: NDArray[np.float64]
    """Mean standard deviation of the model, in grey levels."""
    likeness: NDArray[np.float64]
    """Correlation of picture and model: near 1 where light or shade falls on what is always there."""
    model_spread: NDArray[np.float64]
    """Standard deviation of the model over the patch, in grey levels: without any, likeness says nothing."""


def patch_figures(
    frame: NDArray[Any], mask: NDArray[np.uint8], boxes: NDArray[np.int64], gain: float, state: BackgroundState
) -> PatchFigures:
    """Compare picture and model within boxes.

    Args:
        frame: (height, width) as given to `learn_frame`.
        mask: (height, width), cleaned.
        boxes: (n, 4) left, top, right, bottom.
        gain: common gain of the frame over the model.
        state: after `learn_frame`; what is seen is kept in `previous`, every other row: what came in between, where
            there was no patch, makes motion larger, never smaller.
    """
    figures = np.zeros((7, len(boxes)))
    _patch_figures(
        np.ascontiguousarray(frame), mask, boxes, float(gain), state.mean, state.sigma, state.previous, figures
    )
    return PatchFigures(*figures)


@njit(cache=True, nogil=True)
def _patch_figures(
    frame: Any, mask: Any, boxes: Any, gain: Any, mean: Any, sigma: Any, previous: Any, figures: Any
) -> None:
    height, width = mask.shape
    for i in range(len(boxes)):
        left, top, right, bottom = boxes[i]
        sums = np.zeros(9)  # count, motion, contrast, noise, picture, model, their squares and product
        edges = np.zeros(3)  # count, picture, model
        for y in range(top + top % 2, bottom, 2):  # every other row says as much, but always the same ones
            for x in range(left, right):
                set_here = mask[y, x]
                # Two pixels on each side: a border is blurred.
                if 1 <= x < width - 2 and set_here != mask[y, x + 1]:
                    edges[0] += 1.0
                    edges[1] += abs(float(frame[y, x + 2]) - float(frame[y, x - 1]))
                    edges[2] += abs(mean[y, x + 2] - mean[y, x - 1])
                if 1 <= y < height - 2 and set_here != mask[y + 1, x]:
                    edges[0] += 1.0
                    edges[1] += abs(float(frame[y + 2, x]) - float(frame[y - 1, x]))
                    edges[2] += abs(mean[y + 2, x] - mean[y - 1, x])
                level, usual = float(frame[y, x]), gain * mean[y, x]
                if set_here and np.isfinite(level):
                    sums[0] += 1.0
                    sums[1] += abs(level - previous[y, x])
                    sums[2] += abs(level - usual)
                    sums[3] += sigma[y, x]
                    sums[4] += level
                    sums[5] += usual
                    sums[6] += level * level
                    sums[7] += usual * usual
                    sums[8] += level * usual
                previous[y, x] = level
        n = max(sums[0], 1.0)
        of_picture = max(sums[6] / n - (sums[4] / n) ** 2, 0.0)
        of_model = max(sums[7] / n - (sums[5] / n) ** 2, 0.0)
        both = sums[8] / n - sums[4] / n * sums[5] / n
        figures[0, i] = edges[1] / max(edges[0], 1.0)
        figures[1, i] = edges[2] / max(edges[0], 1.0)
        for k in range(3):
            figures[2 + k, i] = sums[1 + k] / n
        figures[5, i] = both / np.sqrt(of_picture * of_model) if of_picture * of_model > 0.0 else 0.0
        figures[6, i] = np.sqrt(of_model)


def heal_patches(
    frame: NDArray[Any], mask: NDArray[np.uint8], boxes: NDArray[np.int64], state: BackgroundState
) -> None:
    """Learn the picture at once where the mask is set within boxes (n, 4), and two pixels around; changes `state`."""
    _heal(np.ascontiguousarray(frame), mask, boxes, state.mean)


@njit(cache=True, nogil=True)
def _heal(frame: Any, mask: Any, boxes: Any, mean: Any) -> None:
    height, width = mask.shape
    for i in range(len(boxes)):
        left, top, right, bottom = boxes[i]
        for y in range(top, bottom):
            for x in range(left, right):
                if mask[y, x]:
                    for v in range(max(y - 2, 0), min(y + 3, height)):
                        for u in range(max(x - 2, 0), min(x + 3, width)):
                            if np.isfinite(frame[v, u]):
                                mean[v, u] = frame[v, u]
