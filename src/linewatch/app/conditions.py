"""What a store knew of outages and weather: the history that coverage at a time rests on."""

from pathlib import Path

from linewatch.records import Outage, Weather, from_bytes
from linewatch.store.reader import open_store


def conditions_of(store: Path) -> tuple[tuple[Outage, ...], tuple[Weather, ...]]:
    """All outages, in the order in which they were told, and all weather of a store. Raises `StoreError`."""
    outages: list[Outage] = []
    weather: list[Weather] = []
    with open_store(store) as reader:
        for entry in reader.entries(kinds=("arrival", "outage")):
            record = None if entry.payload is None else from_bytes(entry.payload)
            if isinstance(record, Outage):
                outages.append(record)
            elif isinstance(record, Weather):
                weather.append(record)
    return tuple(outages), tuple(weather)
