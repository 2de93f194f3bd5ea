"""Samples at the door: what the site can place, in order, with pieces that continue each other put together."""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import numpy as np

from linewatch.records import Block
from linewatch.site.model import Site

MOST_PIXELS: Final = 16_777_216
"""Most pixels of a camera's picture."""


def admit_blocks(blocks: Sequence[Block], site: Site, refuse: Callable[[str, str, int], None]) -> tuple[Block, ...]:
    """Blocks of sensors of this site, by sensor, channel and time, each stretch whole.

    `refuse(sensor, text, count)` is told of every block that the site cannot place.
    """
    return _joined([block for block in blocks if _sound(block, site, refuse)])


def _sound(block: Block, site: Site, refuse: Callable[[str, str, int], None]) -> bool:
    if not site.has_sensor(block.sensor):
        refuse(block.sensor, "samples of a sensor that is not in the site", 1)
        return False
    sensor = site.sensor(block.sensor)
    # A camera has as many channels as its pictures have pixels, and the site does not say how many these are.
    channels = MOST_PIXELS if sensor.kind == "camera" else sensor.channels or 1
    if block.first_channel < 0 or block.first_channel + block.n_channels > channels:
        last = block.first_channel + block.n_channels - 1
        refuse(block.sensor, f"channels {block.first_channel} to {last} of a sensor that has {channels}", 1)
        return False
    if block.rate_hz <= 0 or block.samples.dtype not in (np.float32, np.int16):
        refuse(block.sensor, f"{block.samples.dtype} at {block.rate_hz:g} Hz; float32 or int16 above 0 Hz", 1)
        return False
    return block.n_samples > 0


def _joined(blocks: Sequence[Block]) -> tuple[Block, ...]:
    out: list[Block] = []
    run: list[Block] = []
    for block in sorted(blocks, key=lambda b: (b.sensor, b.first_channel, b.start_ns)):
        if run and not _continues(run[-1], block):
            out.append(_merged(run))
            run = []
        run.append(block)
    return (*out, _merged(run)) if run else tuple(out)


def _continues(before: Block, after: Block) -> bool:
    facts = ("sensor", "origin_ns", "rate_hz", "first_channel", "n_channels")
    return (
        all(getattr(before, fact) == getattr(after, fact) for fact in facts)
        and before.first_sample + before.n_samples == after.first_sample
        and before.samples.dtype == after.samples.dtype
        and _same_mask(before, after)
    )


def _same_mask(before: Block, after: Block) -> bool:
    if before.valid is None or after.valid is None:
        return before.valid is after.valid
    return bool(np.array_equal(before.valid, after.valid))


def _merged(run: Sequence[Block]) -> Block:
    if len(run) == 1:
        return run[0]
    return msgspec.structs.replace(run[0], samples=np.concatenate([block.samples for block in run]))
