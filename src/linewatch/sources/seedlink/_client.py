"""The library's client, which goes on behind a record of SeedLink 3 that nobody can read.

Packets of version 3 name no length: it stands in the record, and with it the place of the next packet is lost. Here
that is looked for, so that what follows a damaged record is neither lost nor asked for again.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from seedlink_client import SeedLink, SeedLinkError, SeedLinkTimeout
from seedlink_client.mseed import detect_record_length
from seedlink_client.protocol import FORMAT_XML, SUBFORMAT_JSON_INFO
from seedlink_client.protocol import Protocol as Version
from seedlink_client.protocol import _RawFrame as Frame

_HEADER: Final = re.compile(rb"SL(?:[0-9A-Fa-f]{6}|INFO..)", re.DOTALL)
_HEADER_BYTES: Final = 8
_LEAST_BYTES: Final = 64
_USUAL_BYTES: Final = 512
"""Length of a record in version 3; some servers give shorter or longer ones."""
_MOST_BYTES: Final = 4096


class SteadyClient(SeedLink):
    """A client of one connection; `damaged` is told of each record that was stepped over, and why."""

    def __init__(self, *args: Any, damaged: Callable[[str], None], **more: Any) -> None:
        super().__init__(*args, **more)
        self._damaged = damaged
        self._stepping = False

    def _recv_frame(self) -> Any:
        if self.protocol is Version.V4:
            return super()._recv_frame()
        try:
            frame = super()._recv_frame()
        except SeedLinkTimeout:
            raise
        except SeedLinkError as error:
            if self._sock is None:  # the connection broke
                raise
            if not (self._stepping and str(error).startswith("Unexpected data")):
                self._damaged(str(error))
            self._stepping = True
            self._find_next()
            # What `collect` takes for the answer to a question of its own, and gives to nobody.
            return Frame("", None, FORMAT_XML, SUBFORMAT_JSON_INFO, b"", info_continues=False)
        self._stepping = False
        return frame

    def _read_mseed_payload(self) -> bytes:
        """A record whose length is believed only where no other packet begins within it."""
        size = _LEAST_BYTES
        while True:
            found = detect_record_length(self._peek(size))
            length = _MOST_BYTES + 1 if found is None and size >= _USUAL_BYTES else found[0] if found else 0
            if length > _MOST_BYTES:
                raise SeedLinkError("a record that does not tell its length")
            if length:
                if _HEADER.search(self._peek(length)) is not None:
                    raise SeedLinkError("a record that tells a wrong length")
                return bytes(self._take(length))
            size *= 2

    def _find_next(self) -> None:
        """Throw away what is there ahead of the next packet; of what may be its beginning, nothing."""
        raw = bytes(self._recv_view[self._recv_start : self._recv_end])
        found = _HEADER.search(raw)
        if found is not None:
            self._recv_start += found.start()
            return
        kept = next((n for n in range(_HEADER_BYTES - 1, 0, -1) if _may_begin(raw[-n:])), 0)
        self._recv_start = self._recv_end - min(kept, len(raw))


def _may_begin(tail: bytes) -> bool:
    """Whether a packet may begin with these bytes."""
    return any(_HEADER.fullmatch(tail + rest[len(tail) :]) for rest in (b"SL000000", b"SLINFO  "))
