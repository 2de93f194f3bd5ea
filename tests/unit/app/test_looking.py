"""An operator's `look_at` turns a camera once it stands in the record, and nothing else ever does."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import msgspec
import pytest

from linewatch.app.watch import LiveWatch
from linewatch.app.watch_link import WatchLink
from linewatch.clock import WallClock
from linewatch.console_ports import Answer
from linewatch.records import OperatorAct
from linewatch.site.model import SourceSpec
from linewatch.store.reader import open_store
from linewatch.store.users import open_users
from tests.brokers import until
from tests.onvif_device import OnvifDevice, message, onvif_device
from tests.unit.app.test_watch import garden

TURN = (("preset", "gate"), ("sensor", "pir-1"))


class Turning:
    """A watch over one camera, in a thread, and whoever tells it where to look."""

    def __init__(self, store: Path, device: OnvifDevice) -> None:
        self.store = store
        self.clock = WallClock()
        self.stop = threading.Event()
        self.made: list[LiveWatch] = []
        spec = SourceSpec("onvif", {"sensor": "pir-1", "url": device.url})
        site = msgspec.structs.replace(garden(("pir-1", "pir-2")), sources=(spec,))

        def work() -> None:  # a store is written by the thread that opened it
            self.made.append(LiveWatch(site, store, self.clock))
            self.made[0].run(self.stop)

        self.thread = threading.Thread(target=work)
        self.thread.start()
        until(lambda: self.made and self._presets(), 30.0, "the presets of the camera")

    def _presets(self) -> object:
        return any(each.presets for each in self.made[0].status().sources.values())

    def look(self, role: str = "operator", values: tuple[tuple[str, str], ...] = TURN) -> Answer:
        users = open_users(self.store)
        try:
            link = WatchLink(self.store, users, self.clock)
            return link.offer(OperatorAct("", "look_at", role, "west", self.clock.now_ns(), "", values), "somebody")
        finally:
            users.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(20.0)


def said(store: Path) -> list[str]:
    """What the record's findings and the audit chain say of looks."""
    with open_store(store) as reader:
        told = [entry.payload or b"" for entry in reader.entries(kinds=("arrival", "health"))]
        told += [audit.entry.payload or b"" for audit in reader.audits() if audit.entry.kind == "look_at"]
    return [raw.decode(errors="replace") for raw in told if b"look_at" in raw]


def test_a_camera_turns_when_an_operator_says_so_and_that_stands_in_the_record(tmp_path: Path) -> None:
    with onvif_device() as device:
        device.presets = {"7": "gate"}
        with Turning(tmp_path / "store", device) as watch:
            device.notify(message("tns1:RuleEngine/CellMotionDetector/Motion", IsMotion="true"))
            until(lambda: watch.made[0].status().incidents_open, 10.0, "an incident")
            assert "GotoPreset" not in device.asked  # the system itself turns nothing, whatever happens
            answer = watch.look()
            assert answer.seq is not None, answer.reason
            assert device.at_preset == "7" and device.asked.count("GotoPreset") == 1
            until(
                lambda: any("sent to the preset 'gate'" in text for text in said(tmp_path / "store")), 5.0, "an audit"
            )
    with open_store(tmp_path / "store") as reader:
        entry = next(entry for entry in reader.entries(kinds=("act",)) if entry.seq == answer.seq)
    assert entry.payload is not None and b"look_at" in entry.payload and b"operator" in entry.payload


@pytest.mark.parametrize(
    ("role", "values", "why"),
    [
        ("viewer", TURN, "not for the role 'viewer'"),
        ("maintainer", TURN, "not for the role 'maintainer'"),
        ("operator", (("preset", "gate"), ("sensor", "pir-9")), "a sensor of the site"),
        ("operator", (("sensor", "pir-1"),), "neither preset nor at_m"),
        ("operator", (*TURN, ("at_m", "5")), "both preset and at_m"),
        ("operator", (("at_m", "nan"), ("sensor", "pir-1")), "allowed: 0 to 200"),
        ("operator", (("preset", ""), ("sensor", "pir-1")), "allowed: 1 to 100"),
        ("operator", (("preset", "gate"), ("sensor", "pir-2")), "steers nothing now"),
        ("operator", (("preset", "roof"), ("sensor", "pir-1")), "found 'roof'; allowed: gate"),
        ("operator", TURN, "the motor is stuck"),
    ],
)
def test_what_may_not_or_cannot_be_turned_is_refused_with_the_reason(
    stuck: Turning, role: str, values: tuple[tuple[str, str], ...], why: str
) -> None:
    answer = stuck.look(role, values)
    assert answer.seq is None and why in answer.reason, answer
    if why == "the motor is stuck":
        until(lambda: any(why in text and "refused" in text for text in said(stuck.store)), 5.0, "a finding")


@pytest.fixture(scope="module")
def stuck(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turning]:
    """A watch over a camera whose motor is stuck."""
    with onvif_device() as device:
        device.presets, device.stuck = {"7": "gate"}, True
        with Turning(tmp_path_factory.mktemp("stuck") / "store", device) as watch:
            yield watch
        assert device.at_preset == ""
