"""What is kept of channels from window to window."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.health.raised import Raised, new_raised
from linewatch.health.repeats import Repeats, new_repeats
from linewatch.records import Block
from linewatch.signals.channel_figures import ChannelFigures, new_figures


class Part(msgspec.Struct):
    """A stretch of channels that arrives together. Arrays are (n_channels,)."""

    origin_ns: int
    """Time of sample 0 of its stream."""
    rate_hz: float
    """Samples a second."""
    next_sample: int
    """Sample that follows the last block."""
    window: int
    """Number of the open window on the absolute grid; -1 before the first."""
    dtype: str
    """Type of its samples."""
    windows: int
    """Windows closed."""
    figures: ChannelFigures
    """The open window."""
    repeats: Repeats
    """Fingerprints of rows."""
    bad: NDArray[np.bool_]
    """Channels that the source calls bad."""
    code: NDArray[np.int8]
    """What is the matter, by the last window."""
    held: NDArray[np.int32]
    """Windows in a row with this code."""
    told: NDArray[np.int8]
    """What was told and is not over."""
    usual_db: NDArray[np.float64]
    """Usual level."""
    floor_db: NDArray[np.float64]
    """Lowest level that it usually has."""
    recent_db: NDArray[np.float64]
    """Level of the last windows."""
    usual_at_ends: NDArray[np.float64]
    """Usual share of samples at the extremes."""
    usual_middle: NDArray[np.float64]
    """Usual middle between the extremes."""
    usual_spread: NDArray[np.float64]
    """Usual distance of the extremes."""
    lost: NDArray[np.int32]
    """Windows in a row without a signal."""
    loud: NDArray[np.int32]
    """Windows in a row far above the usual level."""
    place: int
    """Channel at which a cut is suspected; -1 for none."""
    place_windows: int
    """Windows in a row in which it was suspected there."""
    cut: int
    """Channel at which a cut was told; -1 for none."""
    raised: Raised
    """Noise over its usual level, by pieces of channels."""


def new_part(block: Block, n_pieces: int) -> Part:
    """Nothing known of the channels of this block, which make so many pieces."""
    n = block.n_channels
    return Part(
        origin_ns=block.origin_ns,
        rate_hz=block.rate_hz,
        next_sample=block.first_sample,
        window=-1,
        dtype=str(block.samples.dtype),
        windows=0,
        figures=new_figures(n),
        repeats=new_repeats(),
        bad=np.zeros(n, np.bool_),
        code=np.zeros(n, np.int8),
        held=np.zeros(n, np.int32),
        told=np.zeros(n, np.int8),
        usual_db=np.full(n, np.nan),
        floor_db=np.full(n, np.nan),
        recent_db=np.full(n, np.nan),
        usual_at_ends=np.full(n, np.nan),
        usual_middle=np.full(n, np.nan),
        usual_spread=np.full(n, np.nan),
        lost=np.zeros(n, np.int32),
        loud=np.zeros(n, np.int32),
        place=-1,
        place_windows=0,
        cut=-1,
        raised=new_raised(n_pieces),
    )
