"""A file of video as an array of small grey pictures that is decoded where it is looked at. Needs PyAV.

It is read forward; a look back begins at the file's beginning again, since key frames need not lie where they say.
"""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from linewatch.errors import InputError
from linewatch.sources.video._pictures import MOST_PIXELS, Picture, Skipped, pictures

if TYPE_CHECKING:
    from collections.abc import Iterator


class ClipFacts(NamedTuple):
    """What a file says of itself."""

    frames: int
    """Pictures, by its packets."""
    height: int
    """Of the small picture."""
    width: int
    """Of the small picture."""
    rate_hz: float | None
    """Pictures a second, where it says so."""


def clip_facts(path: Path, scale: int) -> ClipFacts:
    """What is in a file, without decoding it. Raises `InputError` where it holds no video."""
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise InputError(f"{path.name}: found no video in it; allowed: a file with video")
            stream = container.streams.video[0]
            width, height, rate = stream.width, stream.height, stream.average_rate
            frames = sum(1 for packet in container.demux(stream) if packet.size)
    except (av.FFmpegError, OSError) as error:
        raise InputError(f"{path.name}: found {error.strerror or error}; allowed: a file of video") from error
    if not frames or not 0 < width * height <= MOST_PIXELS:
        raise InputError(f"{path.name}: found {frames} pictures of {width} by {height}; allowed: at least one")
    return ClipFacts(frames, height // scale, width // scale, float(rate) if rate else None)


class ClipFrames:
    """Pictures of a file by number, as rows of grey levels."""

    def __init__(self, path: Path, facts: ClipFacts, scale: int) -> None:
        self._path = path
        self._scale = scale
        self._next = 0
        self._reading: Iterator[Picture | Skipped] = iter(())
        self._open = False
        self.shape = (facts.frames, facts.height * facts.width)
        """Pictures and pixels."""

    def __getitem__(self, rows: slice) -> NDArray[np.int16]:
        """(rows, pixels) int16. Raises `InputError` where the file holds fewer than it said, or is damaged."""
        start, stop, _ = rows.indices(self.shape[0])
        if not self._open or start < self._next:
            self._reading = pictures(str(self._path), self._scale, lambda _: False, lambda _: True)
            self._next, self._open = 0, True
        found = np.empty((stop - start, self.shape[1]), np.int16)
        while self._next < stop:
            picture = next(self._reading, None)
            if not isinstance(picture, Picture) or picture.pixels.size != self.shape[1]:
                self._open = False
                what = "no more pictures" if picture is None else "a picture of another size"
                raise InputError(f"{self._path.name}: found {what} after {self._next} of {self.shape[0]}")
            if self._next >= start:
                found[self._next - start] = picture.pixels.reshape(-1)
            self._next += 1
        return found
