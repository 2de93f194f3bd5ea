"""How streams of seismometers and geophones are named: by network, station, location and channel (SEED codes)."""

import re
from typing import Final

_CODES: Final = re.compile(r"[A-Za-z0-9]{1,8}_[A-Za-z0-9]{1,8}_[A-Za-z0-9]{0,8}_[A-Za-z0-9]{3}")
STREAM_WORDS: Final = "NETWORK_STATION_LOCATION_CHANNEL, such as AM_R1234_00_EHZ (an empty location: AM_R1234__EHZ)"


def is_stream(text: str) -> bool:
    """Whether this names a stream."""
    return _CODES.fullmatch(text) is not None


def station_of(stream: str) -> str:
    """NETWORK_STATION of a stream."""
    return "_".join(stream.split("_")[:2])


def selector_of(stream: str) -> str:
    """LOCATION_BAND_SOURCE_SUBSOURCE of a stream, as SeedLink 4 selects it."""
    _, _, location, channel = stream.split("_")
    return f"{location}_{'_'.join(channel)}"
