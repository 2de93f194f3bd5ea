"""What happens to a camera, laid over real pictures: seeded, and argued from the physics of light and lenses.

Grey levels are taken back to linear light by the usual exponent of 2.2, changed there, and put through the same curve
and an eight-bit limit again, with fresh noise of the sensor where the scene's own has gone. Each kind begins at once or
within the stated ramp; the moment of the beginning is known, so the delay can be measured.

dazzle   A laser or a lamp on the lens. Its picture is a core wide enough to saturate; light scattered in the lens falls
         off as the inverse square of the angle (the veil of Stiles and Holladay, CIE 146:2002), and reflections between
         the lens's faces add a lesser spot opposite to the middle. Held by hand, it wanders and flickers.
strobe   The same light at 2.5 to 12 Hz with a duty of 0.3 to 0.6, integrated over the exposure of each frame.
cover    Cloth, tape or a hand on the lens, far out of focus: a smooth dim level, less than a third of the scene's,
         swept over the picture within 0.4 s, with a little light that leaks in from one side.
paint    Counted as cover: a spray leaves patches that take away the picture but pass light.
defocus  A disc of confusion of 3 to 8 pixels of the half-size picture; levels stay, edges go.
freeze   The same frame again and again, as a hung encoder or a replayed picture gives; noise stops with it.
fog      Koschmieder's law: I t + A (1 - t) with t = exp(-b d), A the sky's light, d growing towards the top of the
         picture as it does over flat ground (pinhole, horizon above the upper edge).
dark     The lamps go out: a hundredth to a thirtieth of the light, with the noise of the sensor.
move     The camera is turned by 15 to 40 % of its picture; every picture of such an event, before and after, is
         the same cut of two thirds of the clip's, so that there is something to turn to.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Picture = NDArray[np.float32]
Overlay = Callable[[Picture, float], Picture]

GAMMA: Final = 2.2
NOISE_LEVELS: Final = 1.5
CUT: Final = 2 / 3


def to_light(picture: NDArray[Any]) -> Picture:
    """Grey levels to linear light, 0 to 1."""
    light: Picture = (np.asarray(picture, np.float32) / np.float32(255.0)) ** np.float32(GAMMA)
    return light


def to_levels(light: Picture, rng: np.random.Generator, noise_levels: float = 0.0) -> Picture:
    """Linear light to whole grey levels, clipped as a sensor clips, with fresh noise where asked for."""
    levels = np.clip(light, 0.0, None) ** (1.0 / GAMMA) * 255.0
    if noise_levels:
        levels = levels + rng.normal(0.0, noise_levels, light.shape)
    out: Picture = np.rint(np.clip(levels, 0.0, 255.0)).astype(np.float32)
    return out


def _apart(shape: tuple[int, int], x: float, y: float) -> Picture:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    apart: Picture = np.hypot(columns - x, rows - y).astype(np.float32)
    return apart


def glare(
    shape: tuple[int, int], rng: np.random.Generator, *, partial: bool | None = None
) -> Callable[[float], Picture]:
    """Light that a source on the lens adds to a picture, by seconds since it began."""
    width = shape[1]
    x, y = rng.uniform(0.15, 0.85) * shape[1], rng.uniform(0.15, 0.85) * shape[0]
    weak = rng.random() < 0.5 if partial is None else partial
    core = (rng.uniform(0.06, 0.14) if weak else rng.uniform(0.15, 0.5)) * width
    wander, speed, phase = rng.uniform(0.0, 0.03) * width, rng.uniform(1.0, 4.0), rng.uniform(0.0, 6.28)
    flicker = rng.uniform(0.0, 0.4)
    # A laser of one colour fills one colour of the sensor; through the others it leaks. What grey it comes to:
    most = rng.choice([1.0, 1.0, 0.8, 0.72])

    def added(since_s: float) -> Picture:
        dx, dy = wander * np.cos(speed * since_s + phase), wander * np.sin(1.3 * speed * since_s)
        apart = _apart(shape, x + dx, y + dy)
        power = 1.0 - flicker * (0.5 + 0.5 * np.sin(9.0 * since_s + phase))
        light = power * (core / np.maximum(apart, 1.0)) ** 2
        ghost = _apart(shape, shape[1] - x - dx, shape[0] - y - dy)
        light += 0.02 * power * np.exp(-0.5 * (ghost / (0.4 * core)) ** 2)
        # The core fills all colours where it is strongest.
        return np.asarray(np.where(light > 3.0, light, np.minimum(light, most)), np.float32)

    return added


def dazzle(shape: tuple[int, int], rng: np.random.Generator, *, partial: bool | None = None) -> Overlay:
    """A steady light on the lens."""
    added = glare(shape, rng, partial=partial)
    return lambda picture, since_s: to_levels(to_light(picture) + added(since_s), rng)


def strobe(shape: tuple[int, int], rng: np.random.Generator) -> Overlay:
    """A light that goes on and off."""
    added = glare(shape, rng, partial=False)
    rate_hz, duty, exposure_s = rng.uniform(2.5, 12.0), rng.uniform(0.3, 0.6), rng.uniform(0.005, 0.03)

    def lit(since_s: float) -> float:
        moments = since_s + np.linspace(0.0, exposure_s, 16)
        return float(np.mean((moments * rate_hz) % 1.0 < duty))

    return lambda picture, since_s: to_levels(to_light(picture) + lit(since_s) * added(since_s), rng)


def cover(shape: tuple[int, int], rng: np.random.Generator) -> Overlay:
    """Something on the lens."""
    if rng.random() < 0.3:
        return paint(shape, rng)
    level, leak = rng.uniform(0.0002, 0.05), rng.uniform(0.0, 0.03)
    angle, ramp_s = rng.uniform(0.0, 6.28), rng.uniform(0.05, 0.4)
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    along = (columns / shape[1] - 0.5) * np.cos(angle) + (rows / shape[0] - 0.5) * np.sin(angle)
    along = ((along - along.min()) / (along.max() - along.min())).astype(np.float32)

    def overlay(picture: Picture, since_s: float) -> Picture:
        # The edge of what lies on the lens is blurred over a third of the picture.
        front = 1.4 * since_s / ramp_s
        share = np.clip((front - along) / 0.35, 0.0, 1.0)
        return to_levels(to_light(picture) * (1.0 - share) + share * (level + leak * along**3), rng, NOISE_LEVELS)

    return overlay


def paint(shape: tuple[int, int], rng: np.random.Generator) -> Overlay:
    """A spray on the glass: patches far out of focus that leave a twentieth of the contrast."""
    ramp_s, tone = rng.uniform(0.2, 0.5), rng.uniform(0.01, 0.15)
    patches = ndimage.gaussian_filter(rng.normal(size=shape), 0.15 * shape[0])
    patches = ((patches - patches.min()) / (patches.max() - patches.min())).astype(np.float32)

    def overlay(picture: Picture, since_s: float) -> Picture:
        share = 0.95 * np.clip(1.5 * min(since_s / ramp_s, 1.0) - 0.5 * patches, 0.0, 1.0)
        blurred = ndimage.uniform_filter(to_light(picture), 0.1 * shape[0])
        light = to_light(picture) * (1.0 - share) + share * tone * (0.7 * blurred.mean() + 0.3 * blurred + 0.1)
        return to_levels(light, rng, NOISE_LEVELS)

    return overlay


def defocus(shape: tuple[int, int], rng: np.random.Generator) -> Overlay:
    """A lens turned out of focus within 0.3 s at most."""
    widest, ramp_s = rng.uniform(3.0, 8.0) * max(shape[1] / 384.0, 0.5), rng.uniform(0.0, 0.3)

    def overlay(picture: Picture, since_s: float) -> Picture:
        radius = widest * min(1.0, since_s / ramp_s if ramp_s else 1.0)
        reach = int(np.ceil(radius))
        disc = (np.hypot(*np.ogrid[-reach : reach + 1, -reach : reach + 1]) <= max(radius, 0.5)).astype(np.float32)
        light = ndimage.convolve(to_light(picture), disc / disc.sum(), mode="nearest")
        return to_levels(light, rng, NOISE_LEVELS)

    return overlay


def freeze(shape: tuple[int, int], rng: np.random.Generator) -> Overlay:  # noqa: ARG001 - all kinds are made alike
    """The first picture for ever."""
    held: list[Picture] = []

    def overlay(picture: Picture, since_s: float) -> Picture:  # noqa: ARG001 - whatever comes later
        held.append(np.asarray(picture, np.float32))
        return held[0]

    return overlay


def fog(shape: tuple[int, int], rng: np.random.Generator) -> Overlay:
    """A bank of fog that comes within half a second."""
    sky, ramp_s = rng.uniform(0.35, 0.75), rng.uniform(0.0, 0.5)
    # Depth at the middle of the picture, in lengths over which contrast falls to 1/e.
    middle = rng.uniform(1.2, 4.0)
    rows = np.arange(shape[0], dtype=np.float32)[:, None] / shape[0]
    depth = middle * 0.7 / (0.2 + rows)

    def overlay(picture: Picture, since_s: float) -> Picture:
        passed = np.exp(-depth * min(1.0, since_s / ramp_s if ramp_s else 1.0)).astype(np.float32)
        return to_levels(to_light(picture) * passed + np.float32(sky) * (1.0 - passed), rng, NOISE_LEVELS)

    return overlay


def dark(shape: tuple[int, int], rng: np.random.Generator) -> Overlay:  # noqa: ARG001 - all kinds are made alike
    """The light goes out."""
    left = rng.uniform(0.0005, 0.003) if rng.random() < 0.5 else rng.uniform(0.003, 0.01)
    return lambda picture, since_s: to_levels(to_light(picture) * left, rng, NOISE_LEVELS)  # noqa: ARG005


def move(shape: tuple[int, int], rng: np.random.Generator) -> Overlay:
    """The camera is turned within 0.2 s. Negative times show the cut before."""
    free_y, free_x = shape[0] - round(CUT * shape[0]), shape[1] - round(CUT * shape[1])
    turn, angle = rng.uniform(0.6, 1.0), rng.choice([0.0, 1.57, 3.14, 4.71]) + rng.uniform(-0.6, 0.6)
    ends = np.array([[0.5 - 0.5 * turn * s * np.sin(angle), 0.5 - 0.5 * turn * s * np.cos(angle)] for s in (1, -1)])

    def overlay(picture: Picture, since_s: float) -> Picture:
        share = min(max(since_s / 0.2, 0.0), 1.0)
        top, left = np.rint((ends[0] + share * (ends[1] - ends[0])) * (free_y, free_x)).astype(int)
        return np.asarray(picture[top : shape[0] - free_y + top, left : shape[1] - free_x + left], np.float32)

    return overlay


KINDS: Final[dict[str, Callable[[tuple[int, int], np.random.Generator], Overlay]]] = {
    "dazzled": dazzle,
    "strobed": strobe,
    "covered": cover,
    "defocused": defocus,
    "frozen": freeze,
    "fogged": fog,
    "dark": dark,
    "moved": move,
}
