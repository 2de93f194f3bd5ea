"""Pictures of a clip that people read: waterfall, spectrogram, camera frames. What the axes mean stands beside them."""

import io
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from linewatch.evidence.clip_file import ClipData
from linewatch.records import Block
from linewatch.signals.picture_cells import picture_shape

WIDTH_PX: Final = 960
HEIGHT_PX: Final = 320
_SHADES: Final = np.array(
    # dark blue, blue-green, green, yellow, near white: lightness rises evenly, so it reads in grey as well
    [[14, 18, 48], [38, 70, 110], [42, 130, 126], [122, 182, 92], [242, 214, 88], [255, 252, 232]],
    dtype=np.float64,
)
_FLOOR_DB, _TOP_DB = -3.0, 35.0


class Picture(msgspec.Struct, frozen=True):
    """A picture as PNG, with what its axes mean."""

    kind: str
    """waterfall, spectrogram, frame or movement."""
    title: str
    """In words."""
    png: bytes
    """The file."""
    bottom: tuple[str, str] = ("", "")
    """What the left and the right end mean."""
    side: tuple[str, str] = ("", "")
    """What the lower and the upper end mean."""


def pictures_of(clip: ClipData, raised_ns: int, *, blurred: bool = False, width_px: int | None = None) -> list[Picture]:
    """What there is to see of a clip: frames of a camera; else a waterfall, where it is wide, and a spectrogram."""
    blocks = [block for _, block in clip.blocks]
    if not blocks:
        return []
    if clip.kind == "camera":
        return _camera(blocks, raised_ns, width_px, blurred=blurred)
    samples, rate_hz, start_ns = _joined(blocks)
    ends = _seconds(start_ns, len(samples), rate_hz, raised_ns)
    out = []
    if samples.shape[1] > 1:
        out.append(_waterfall(samples, rate_hz, ends, clip))
    if rate_hz >= 2.0 and len(samples) >= 64:
        out.append(_spectrogram(samples, rate_hz, ends, clip))
    return out


def _joined(blocks: list[Block]) -> tuple[NDArray[np.float64], float, int]:
    """(n, channels) samples of the blocks of the widest stretch of channels; breaks between them stay as NaN."""
    first = max(blocks, key=lambda b: b.n_channels)
    alike = [b for b in blocks if b.first_channel == first.first_channel and b.n_channels == first.n_channels]
    start_ns = min(b.start_ns for b in alike)
    rows = [round((b.start_ns - start_ns) * first.rate_hz / 1e9) for b in alike]
    n = max(row + b.n_samples for row, b in zip(rows, alike, strict=True))
    out = np.full((n, first.n_channels), np.nan)
    for row, block in zip(rows, alike, strict=True):
        out[row : row + block.n_samples] = block.samples
    return out, first.rate_hz, start_ns


def _seconds(start_ns: int, n: int, rate_hz: float, raised_ns: int) -> tuple[str, str]:
    begin_s = (start_ns - raised_ns) / 1e9
    return f"{begin_s:+.1f} s", f"{begin_s + n / rate_hz:+.1f} s"


def _waterfall(samples: NDArray[np.float64], rate_hz: float, ends: tuple[str, str], clip: ClipData) -> Picture:
    """Energy over its median, by place (upwards) and time (rightwards), in decibels."""
    frame = max(int(rate_hz * 0.05), -(-len(samples) // WIDTH_PX), 1)
    n = len(samples) // frame
    power = np.square(samples[: n * frame] - np.nanmedian(samples, axis=0)).reshape(n, frame, -1)
    energy = np.nanmean(power, axis=1) if n else np.zeros((1, samples.shape[1]))
    usual = np.nanmedian(energy, axis=0) + 1e-12
    level_db = 10.0 * np.log10(energy / usual + 1e-12)
    side = ("channel 0", f"channel {samples.shape[1] - 1}")
    if clip.chainage_m is not None and len(clip.chainage_m):
        side = (f"{clip.chainage_m[0]:.0f} m", f"{clip.chainage_m[-1]:.0f} m")
    png = _image(level_db.T[::-1])
    return Picture("waterfall", f"{clip.sensor}: energy by place and time", png, ends, side)


def _spectrogram(samples: NDArray[np.float64], rate_hz: float, ends: tuple[str, str], clip: ClipData) -> Picture:
    """Power by frequency (upwards) and time of the channel with the most energy, over each frequency's median."""
    from scipy.signal import spectrogram  # noqa: PLC0415 - takes half a second, and only who draws one needs it

    clean = np.nan_to_num(samples - np.nanmedian(samples, axis=0))
    loudest = int(np.argmax(clean.var(axis=0)))
    window = int(min(256, max(16, 2 ** int(np.log2(max(len(clean) // 32, 16))))))
    frequency_hz, _, power = spectrogram(clean[:, loudest], rate_hz, nperseg=window, noverlap=window // 2)
    usual = np.median(power, axis=1, keepdims=True) + 1e-12
    level_db = 10.0 * np.log10(power / usual + 1e-12)
    title = f"{clip.sensor}: frequencies of its loudest channel ({loudest})"
    return Picture("spectrogram", title, _image(level_db[::-1]), ends, ("0 Hz", f"{frequency_hz[-1]:.0f} Hz"))


def _image(level_db: NDArray[np.float64]) -> bytes:
    share = np.clip((np.nan_to_num(level_db, nan=_FLOOR_DB) - _FLOOR_DB) / (_TOP_DB - _FLOOR_DB), 0.0, 1.0)
    at = share * (len(_SHADES) - 1)
    low = np.minimum(at.astype(np.int64), len(_SHADES) - 2)
    part = (at - low)[..., None]
    colour = _SHADES[low] * (1.0 - part) + _SHADES[low + 1] * part
    image = Image.fromarray(np.rint(colour).astype(np.uint8), "RGB")
    return _png(image.resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.BILINEAR))


def _camera(blocks: list[Block], raised_ns: int, width_px: int | None, *, blurred: bool) -> list[Picture]:
    """The frame nearest to the raising, one before, one after."""
    shape = picture_shape(blocks[0].n_channels) if width_px is None else (blocks[0].n_channels // width_px, width_px)
    if shape is None:
        return []
    frames = [
        (block.time_of(block.first_sample + row), block.samples[row])
        for block in blocks
        for row in range(block.n_samples)
    ]
    grey = [np.clip(np.nan_to_num(f.astype(np.float64)), 0, 255).astype(np.uint8).reshape(shape) for _, f in frames]
    usual = np.median(np.stack(grey[:: max(len(grey) // 50, 1)]), axis=0).astype(np.uint8)
    nearest = int(np.argmin([abs(time_ns - raised_ns) for time_ns, _ in frames]))
    step = max(round(2.0 * blocks[0].rate_hz), 1)
    chosen = sorted({min(max(nearest + shift, 0), len(grey) - 1) for shift in (-step, 0, step)})
    out = []
    for index in chosen:
        picture = people_blurred(grey[index], usual) if blurred else Image.fromarray(grey[index])
        after_s = (frames[index][0] - raised_ns) / 1e9
        word = ", people blurred" if blurred else ""
        out.append(Picture("frame", f"{after_s:+.1f} s{word}", _png(picture)))
    return out


def people_blurred(grey: NDArray[np.uint8], usual: NDArray[np.uint8]) -> Image.Image:
    """A picture in which nobody can be told apart.

    What differs from the usual view becomes blocks of a thirtieth of the width; all else is brought down to 160 pixels
    across, at which somebody who stood still all the time has a face of a few pixels at most.
    """
    height, width = grey.shape
    whole = Image.fromarray(grey)
    small = whole.resize((min(160, width), max(min(160, width) * height // width, 1)), Image.Resampling.BOX)
    calm = small.resize((width, height), Image.Resampling.BILINEAR)
    across = 30
    blocks = whole.resize((across, max(across * height // width, 1)), Image.Resampling.BOX)
    rough = blocks.resize((width, height), Image.Resampling.NEAREST)
    differs = Image.fromarray((np.abs(grey.astype(np.int16) - usual) > 20).astype(np.uint8) * 255)
    size = max(width // 20, 3) | 1
    mask = differs.filter(ImageFilter.MedianFilter(3)).filter(ImageFilter.MaxFilter(size))
    return Image.composite(rough, calm, mask)


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", optimize=False)
    return out.getvalue()
