"""Packets of a stream or a file, and grey pictures of them. Needs PyAV, of the extra `video`."""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from linewatch.errors import InputError

OPEN_S: Final = 10.0
READ_S: Final = 10.0
MOST_PIXELS: Final = 16_777_216
_NS_PER_S: Final = 1_000_000_000
# FFmpeg looks at a stream for seconds before it gives the first packet; a camera says at once what it is.
_RTSP: Final = {"rtsp_transport": "tcp", "timeout": str(round(READ_S * 1e6)), "analyzeduration": "500000"}


class Picture(NamedTuple):
    """One picture."""

    stamp_ns: int | None
    """Its stamp in the stream."""
    pixels: NDArray[np.int16]
    """(height, width) grey levels 0 to 255."""


class Skipped(NamedTuple):
    """A packet that was not decoded, to catch up."""

    stamp_ns: int | None
    """Its stamp in the stream."""


def pictures(
    address: str, scale: int, behind: Callable[[int | None], bool], wanted: Callable[[int | None], bool]
) -> Iterator[Picture | Skipped]:
    """Pictures of the first video stream, each side divided by `scale`, to the end of the stream.

    While `behind` says so of a stamp, packets are dropped undecoded; decoding begins again at a key frame. Pictures of
    which `wanted` says no are decoded and not converted. Raises `InputError` where it cannot be opened or breaks.
    """
    options = _RTSP if address.startswith(("rtsp://", "rtsps://")) else {}
    try:
        with av.open(address, options=options, timeout=(OPEN_S, READ_S)) as container:
            if not container.streams.video:
                raise InputError("found no video in it; allowed: a stream with video")
            stream = container.streams.video[0]
            stream.thread_type = "SLICE"  # threads by frame would hold pictures back
            waits_for_key = False
            for packet in container.demux(stream):
                stamp_ns = _ns(packet.pts, packet.time_base)
                waits_for_key = (waits_for_key and not packet.is_keyframe) or behind(stamp_ns)
                if waits_for_key:
                    yield Skipped(stamp_ns)
                    continue
                for frame in packet.decode():
                    stamp_ns = _ns(frame.pts, frame.time_base)
                    if wanted(stamp_ns):
                        yield Picture(stamp_ns, _grey(frame, scale))
    except av.FFmpegError as error:
        raise InputError(f"found {_said(error)}; allowed: a stream that can be read") from None


def _grey(frame: VideoFrame, scale: int) -> NDArray[np.int16]:
    if frame.width * frame.height > MOST_PIXELS:
        raise InputError(f"found pictures of {frame.width} by {frame.height}; allowed: up to {MOST_PIXELS} pixels")
    # The mean over squares of `scale` pixels, grey levels over the whole range.
    small = frame.reformat(frame.width // scale, frame.height // scale, "gray", interpolation=Interpolation.AREA)
    return small.to_ndarray().astype(np.int16)


def _ns(stamp: int | None, unit: Any) -> int | None:
    return None if stamp is None or unit is None else round(stamp * unit * _NS_PER_S)


def _said(error: av.FFmpegError) -> str:
    """The error without the address, which may hold a password."""
    return str(error.strerror or type(error).__name__)[:160]
