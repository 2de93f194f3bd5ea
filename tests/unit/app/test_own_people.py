"""From what a device says to what operators see: who proves it is a note, and a forged position hides nobody."""

from pathlib import Path

import msgspec
import pytest

from linewatch.clock import HandClock
from linewatch.protocols.cot import CotEvent, from_xml, to_xml
from linewatch.records import MOVERS, Detection, Incident
from linewatch.site.geometry import geometry_of
from linewatch.site.model import Site
from linewatch.site.sensor import Sensor
from linewatch.sources.cot._reading import Device, Reader
from tests.unit.app.test_watch import START_NS, Run, S, Scripted
from tests.unit.notify.made import site

KEY = "0" * 64
DEVICE = Device("ANDROID-1", "patrol-1", certificate=KEY)
PERSON = tuple(0.94 if mover == "person" else 0.01 for mover in MOVERS)


def watched() -> Site:
    bare = site()
    radar = Sensor(id="radar-1", kind="radar", line="main", at_m=1000.0, range_m=400.0)
    return Site(bare.name, bare.timezone, bare.lines, (radar,), settings={"incident": {"unsure_s": 0.0}})


def seen(seconds: float, offset_m: float) -> Detection:
    """A person whom the radar sees at 1000 m."""
    return Detection(
        line="main",
        sensor="radar-1",
        time_ns=START_NS + round(seconds * S),
        duration_s=0.0,
        chainage_m=1000.0,
        chainage_sigma_m=3.0,
        from_m=997.0,
        to_m=1003.0,
        strength_db=20.0,
        probability=0.95,
        mover_probabilities=PERSON,
        offset_m=offset_m,
        offset_sigma_m=2.0,
        sensor_track="7",
    )


def said(seconds: float, offset_m: float, certificate: str, device: Device) -> list[object]:
    """What becomes of the position of a device right there, over a link with this certificate."""
    lon, lat = geometry_of(watched().line("main")).to_lonlat(1000.0, offset_m)
    at_ns = START_NS + round(seconds * S)
    event = CotEvent(
        uid="ANDROID-1",
        type="a-f-G-U-C",
        time_ns=at_ns,
        start_ns=at_ns,
        stale_ns=at_ns + 60 * S,
        lat=float(lat),
        lon=float(lon),
        ce_m=3.0,
    )
    reader = Reader(watched(), {"ANDROID-1": device}, 300.0)
    return list(reader.read(from_xml(to_xml(event)), at_ns, certificate).items)


def incidents(folder: Path, certificate: str, device: Device, *, crossing: bool = False) -> list[Incident]:
    source = Scripted()
    source.sensors = ()  # type: ignore[assignment]
    for step in range(40):
        offset_m = 60.0 - step * (3.0 if crossing else 0.2)
        source.waiting += [seen(1 + step / 2, offset_m), *said(1 + step / 2, offset_m, certificate, device)]  # type: ignore[list-item]
    run = Run(folder / "store", source, HandClock(START_NS), watched()).ticks(100)
    return [record for record in run.of(Incident) if isinstance(record, Incident)]


def test_who_proves_it_is_a_note(tmp_path: Path) -> None:
    found = incidents(tmp_path, KEY, DEVICE)
    assert found[-1].priority == 5 and "matched with patrol-1" in found[-1].reason


@pytest.mark.parametrize("certificate", ["", "1" * 64])
def test_a_forged_position_of_a_device_with_a_certificate_explains_nobody(certificate: str, tmp_path: Path) -> None:
    found = incidents(tmp_path, certificate, DEVICE)
    assert min(each.priority for each in found) < 5 and found[-1].priority < 5


def test_a_position_without_any_proof_annotates_and_explains_nobody(tmp_path: Path) -> None:
    found = incidents(tmp_path, "", msgspec.structs.replace(DEVICE, certificate=""))
    assert found[-1].priority < 5 and "matched with patrol-1" in found[-1].reason


def test_even_who_proves_it_hides_no_crossing(tmp_path: Path) -> None:
    found = incidents(tmp_path, KEY, DEVICE, crossing=True)
    assert found[-1].kind == "crossing" and found[-1].priority == 2
