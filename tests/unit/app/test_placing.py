"""A person's change of the site: a new version of its files, taken up by the running watch, and taken back."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from linewatch.site.load import load_site
from linewatch.site.placing import Placement
from linewatch.store import verify
from linewatch.store.reader import open_store
from tests.brokers import until
from tests.unit.sources.test_asterix import plot
from tests.yards import Yard


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    yard = Yard(tmp_path)
    yield yard
    yard.close()


def test_a_sensor_is_moved_under_a_running_watch_and_the_move_is_undone(yard: Yard) -> None:
    before = yard.standing()
    assert before.why_not == "" and before.undo is None
    first = yard.place(Placement("radar-1", at_m=1250.0, offset_m=-4.0))
    assert first.seq is not None, first.reason
    assert yard.file.read_text() == yard.text.replace(
        "at_m = 1000.0   # on the tower\nrange_m = 2000.0\n",
        "at_m = 1250.0   # on the tower\nrange_m = 2000.0\noffset_m = -4.0\n",
    )
    now = yard.standing()
    assert now.base != before.base and now.undo == 1
    assert now.versions[0].what == ("radar-1: at_m 1000 to 1250, offset_m 0 to -4",)
    assert (now.versions[0].role, now.versions[0].reason) == ("maintainer", "new mast")
    assert yard.place(Placement("radar-1", at_m=900.0), base=before.base).reason.endswith("allowed: to look again")
    assert yard.undo(1).seq is not None
    assert yard.file.read_text() == yard.text and yard.standing().base == before.base
    assert yard.standing().undo is None and [each.undoes for each in yard.standing().versions] == [None, 1]
    until(lambda: len(yard.told()) == 3, 10.0, "what was told: taken up, refused, undone")
    assert not verify(yard.store).breaks
    with open_store(yard.store) as reader:
        acts = [e for e in reader.entries(kinds=("act",)) if e.payload is not None and b"place_sensors" in e.payload]
        sites = list(reader.entries(kinds=("site",)))
    assert len(acts) == 2 and acts[0].seq == first.seq and len(sites) == 3


def test_a_device_that_is_heard_and_has_no_place_becomes_a_sensor(yard: Yard) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:

        def heard() -> object:
            sock.sendto(plot(sic=7), ("127.0.0.1", yard.port))
            return yard.standing().unplaced

        until(heard, 10.0, "a device without a place")
        (found,) = yard.standing().unplaced
        assert (found.source, found.plugin, found.address, found.id) == ("asterix", "asterix", "1.7", "")
        new = Placement("radar-7", at_m=2000.0, range_m=900.0, kind="radar", source=found.source, address=found.address)
        answer = yard.place(new)
        assert answer.seq is not None, answer.reason
        until(lambda: not yard.standing().unplaced, 10.0, "its place")
        assert load_site(yard.folder).sensor("radar-7").at_m == 2000.0


def test_what_cannot_be_is_refused_with_its_reason_and_the_files_stay_as_they_are(yard: Yard) -> None:
    good = Placement("radar-1", at_m=1250.0)
    assert "it is for administrator, maintainer" in yard.place(good, role="operator").reason
    assert "needs a reason" in yard.place(good, reason=" ").reason
    assert "radar-1.at_m: found 99999" in yard.place(Placement("radar-1", at_m=99_999.0)).reason
    assert "none is left" in yard.undo(1).reason
    unlike = Placement("radar-2", at_m=5.0, kind="radar", source="asterix", address="not one")
    refused = yard.place(unlike)
    assert refused.seq is None and "the files are as they were" in refused.reason
    assert yard.file.read_text() == yard.text and yard.standing().versions == ()
    yard.file.write_text(yard.text.replace("1000.0", "1100.0"))
    assert "were edited and not taken up" in yard.place(good).reason
    assert "1100.0" in yard.file.read_text()
