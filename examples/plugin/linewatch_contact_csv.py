"""A source plug-in for Linewatch: openings of contact switches, from a CSV file with columns time, sensor, state.

An entry point of the group `linewatch.sources` names this module. Linewatch looks for three things in it: `card`,
`settings_type` and `build`.
"""

import csv
import hashlib
from bisect import bisect_left
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from linewatch.errors import InputError
from linewatch.plugins import Card
from linewatch.ports import Delivery, Item, Source
from linewatch.records import Detection, Health, quantise
from linewatch.site.model import Site

card: Final = Card(
    title="Contact switches on gates and lids, from a CSV file",
    level="detection",
    licence="Apache-2.0",
    limits=("The file is read once, as a whole.",),
)


class Settings(msgspec.Struct, frozen=True):
    """Keys of the `[[source]]` table beside `plugin`."""

    file: str
    """CSV file with a first line `time,sensor,state`; times are ISO 8601 with a zone, states open and closed."""
    probability: float = 0.9
    """How likely an opening is to be real and not a loose contact, 0 to 1."""
    strength_db: float = 20.0
    """What stands for signal over noise: a switch has none of its own."""


settings_type: Final = Settings


def build(site: Site, settings: Settings, folder: Path) -> Source:
    """The source. Raises `InputError` where the file is missing or is no such file."""
    path = folder / settings.file
    try:
        raw = path.read_bytes()
        rows = list(csv.DictReader(raw.decode().splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as cause:
        raise InputError(f"{path}: file: found {cause}; allowed: a CSV file") from cause
    if rows and not {"time", "sensor", "state"} <= rows[0].keys():
        raise InputError(f"{path}: line 1: found {','.join(map(str, rows[0]))}; allowed: time,sensor,state")
    return ContactCsv(f"contact_csv {path.name}", _records(rows, site, settings), hashlib.sha256(raw).hexdigest()[:16])


class ContactCsv:
    """Gives each record once time has passed it. It can be read again from any position."""

    delivery: Final[Delivery] = "replayable"
    lateness_s: Final = 0.0

    def __init__(self, name: str, records: list[Detection | Health], content: str) -> None:
        self.name = name
        self._records = records
        self._content = content
        self._next = 0

    def poll(self, until_ns: int) -> Iterable[Item]:
        """What is stamped before `until_ns` and was not given yet."""
        end = bisect_left(self._records, until_ns, key=lambda record: record.time_ns)
        given = self._records[self._next : end]
        self._next = max(self._next, end)
        return given

    def position(self) -> str:
        """Which file, and how many records were given."""
        return f"{self._content}:{self._next}"

    def seek(self, position: str) -> None:
        """Go on from there. Raises `InputError` for a position in another file."""
        content, _, count = position.partition(":")
        if content != self._content or not count.isdigit():
            raise InputError(f"{self.name}: position: found {position!r}; allowed: one in {self._content}")
        self._next = int(count)

    def committed(self, position: str) -> None:
        """Nobody waits to hear of it."""

    def close(self) -> None:
        """Nothing is open."""


def _records(rows: list[dict[str, str]], site: Site, settings: Settings) -> list[Detection | Health]:
    """Everything in the file in order of time. A line without sense is a finding at the time of the line before it."""
    records: list[Detection | Health] = []
    now_ns: int | None = None
    for number, row in enumerate(rows, start=2):
        try:
            now_ns = _time_ns(row["time"])
            records += _openings(row, now_ns, site, settings)
        except (TypeError, ValueError) as cause:
            if now_ns is None:
                raise InputError(
                    f"{settings.file}: line {number}: found {cause}; allowed: a first line as told"
                ) from cause
            line = site.lines[0].id
            records.append(quantise(Health(line, "", now_ns, "refused", "note", f"line {number}: {cause}")))
    return sorted(records, key=lambda record: record.time_ns)


def _openings(row: dict[str, str], time_ns: int, site: Site, settings: Settings) -> list[Detection]:
    """The detection that a line stands for; none for a closing. Raises `ValueError` for a line without sense."""
    sensor_id, state = row["sensor"], row["state"]
    if state not in ("open", "closed"):
        raise ValueError(f"state is {state!r}; allowed: open, closed")
    if not site.has_sensor(sensor_id) or (at_m := site.sensor(sensor_id).at_m) is None:
        raise ValueError(f"sensor is {sensor_id!r}; allowed: a point sensor of the site")
    if state == "closed":
        return []
    sensor = site.sensor(sensor_id)
    from_m, to_m = sensor.extent_m()
    opening = Detection(
        line=sensor.line,
        sensor=sensor.id,
        time_ns=time_ns,
        duration_s=0.0,
        chainage_m=at_m,
        chainage_sigma_m=max((to_m - from_m) / 4, 0.1),  # the reach on either side taken as two sigma
        from_m=from_m,
        to_m=to_m,
        strength_db=settings.strength_db,
        probability=settings.probability,
    )
    return [quantise(opening)]


def _time_ns(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"time is {text!r}; allowed: a time with its zone")
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000
