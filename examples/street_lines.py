"""Draw a simulated street with the lines that are found in it: `python examples/street_lines.py FILE.svg`.

Samples of a fibre beside a street are made up: noise, drift, a hum that all channels share, and seven vehicles of which
one comes the other way. The waterfall shows what is left after detrending; the lines are what `signals.slant` found.
"""

import base64
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linewatch.signals.slant import RATE_HZ, SlantLines, SlantSettings, find_lines, fit_slant, new_slant_state

CHANNELS, PITCH_M, SECONDS = 52, 5.0, 60.0
VEHICLES = ((8.0, -14.0), (16.0, -20.0), (21.0, -17.0), (27.0, 15.0), (34.0, -12.0), (40.0, -22.0), (45.0, -16.0))
"""Time at the middle of the fibre in seconds, and speed in metres a second, negative towards low chainage."""
HEIGHTS = (5.0, 9.0, 3.0, 6.0, 12.0, 3.0, 6.0)
WIDTH, HEIGHT, LEFT, TOP = 640, 760, 60, 30


def street() -> NDArray[np.float64]:
    """(n_rows, n_channels) at the rate of the detector."""
    rng = np.random.default_rng(7)
    time_s = np.arange(round(SECONDS * RATE_HZ))[:, None] / RATE_HZ
    at_m = (np.arange(CHANNELS) + 0.5)[None, :] * PITCH_M - CHANNELS * PITCH_M / 2
    x = rng.standard_normal((len(time_s), CHANNELS)) + 0.2 * time_s + 2.0 * np.sin(4.0 * time_s)
    for (passes_s, speed_mps), height in zip(VEHICLES, HEIGHTS, strict=True):
        u = (time_s - passes_s - at_m / speed_mps) / 0.3
        x += height * u * np.exp(-(u**2))
    return x


def found_in(x: NDArray[np.float64]) -> SlantLines:
    """What the detector says, with the settings as they are."""
    slant = fit_slant(SlantSettings(), PITCH_M, CHANNELS)
    quiet = np.repeat(x[-1:], round(slant.look_ahead_s * RATE_HZ) + 1, axis=0)  # so that the last lines become known
    return find_lines(np.concatenate([x, quiet]), slant, new_slant_state(slant, CHANNELS))


def picture(x: NDArray[np.float64]) -> bytes:
    """A grey PNG of the rows without their trend and what all channels share, one pixel for each channel and row."""
    y = x - np.median(x, axis=1, keepdims=True)
    grey = np.clip(128 + 28 * y, 0, 255).astype(np.uint8)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", grey.shape[1], grey.shape[0], 8, 0, 0, 0, 0)
    lines = b"".join(b"\0" + row.tobytes() for row in grey)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b"")


def drawing(x: NDArray[np.float64], lines: SlantLines) -> str:
    """The waterfall with a stroke for each line, as long as the aperture in which it was found."""
    length_m = CHANNELS * PITCH_M

    def point(chainage_m: float, time_s: float) -> tuple[float, float]:
        return LEFT + WIDTH * chainage_m / length_m, TOP + HEIGHT * time_s / SECONDS

    half_m = SlantSettings().aperture_channels * PITCH_M / 2
    image = base64.b64encode(picture(x)).decode()
    size = f"0 0 {LEFT + WIDTH + 20} {TOP + HEIGHT + 50}"
    place = f'x="{LEFT}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" preserveAspectRatio="none"'
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{size}" font-family="sans-serif" font-size="14">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<image {place} href="data:image/png;base64,{image}"/>',
    ]
    for row, centre, velocity in zip(lines.row, lines.centre, lines.velocity_mps, strict=True):
        at_m, time_s = centre * PITCH_M, (row + 0.5) / RATE_HZ
        x1, y1 = point(at_m - half_m, time_s - half_m / velocity)
        x2, y2 = point(at_m + half_m, time_s + half_m / velocity)
        colour = "#d95f02" if velocity < 0 else "#1b6ca8"
        out.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
            'stroke-width="2.5" stroke-opacity="0.55"/>'
        )
    out += [
        f'<text x="{point(m, 0)[0]:.0f}" y="{TOP + HEIGHT + 20}" text-anchor="middle">{m}</text>'
        for m in range(0, round(CHANNELS * PITCH_M) + 1, 50)
    ]
    out += [
        f'<text x="{LEFT - 8}" y="{point(0, s)[1] + 5:.0f}" text-anchor="end">{s}</text>'
        for s in range(0, round(SECONDS) + 1, 10)
    ]
    out += [
        f'<text x="{LEFT + WIDTH / 2}" y="{TOP + HEIGHT + 42}" text-anchor="middle">chainage, m</text>',
        f'<text x="{LEFT}" y="{TOP - 10}">time, s (simulated samples; orange: towards low chainage, blue: high)</text>',
        "</svg>",
    ]
    return "\n".join(out) + "\n"


def main() -> None:
    """Simulate, find and draw."""
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/street_lines.py FILE.svg")
    x = street()
    lines = found_in(x)
    Path(sys.argv[1]).write_text(drawing(x, lines), encoding="utf-8")
    print(f"{len(VEHICLES)} vehicles, {len(lines.row)} lines in their apertures")


if __name__ == "__main__":
    main()
