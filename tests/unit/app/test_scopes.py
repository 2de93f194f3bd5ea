"""Scopes over the watch's socket: opened by asking, bounded, refused with the reason, ended by silence."""

import pytest

from linewatch.app import scopes as scopes_module
from linewatch.app.pipeline import Pipeline
from linewatch.app.scopes import MOST, Scopes
from linewatch.app.settings import settings_of
from linewatch.records import Block
from tests.unit.detect.test_suppression import RATE_HZ, SITE, T0_NS, fence, tick


class Bench:
    """A pipeline that hears a quiet fence, a second at a time, and the scopes that look into it."""

    def __init__(self) -> None:
        self.scopes = Scopes()
        self.pipeline = Pipeline(SITE, settings_of(SITE))
        self._signals: dict[str, object] = {}
        self._second = 0

    def second(self) -> None:
        rows = round(RATE_HZ)
        block = Block("main", "f1", T0_NS, self._second * rows, RATE_HZ, fence(1.0, self._second))
        self._second += 1
        self.scopes.put_into(self.pipeline)
        self._signals, _ = self.pipeline.detect(self._signals, "cable", [block], tick(self._second))
        self.scopes.take_from(self.pipeline)

    def seen(self, channel: int, after_ns: int = 0) -> tuple[str, list[int]]:
        said, why_not = self.scopes.ask(SITE, "f1", channel, after_ns)
        assert not why_not
        return said["basis"], [frame["time_ns"] for frame in said["frames"]]


def test_a_scope_shows_each_frame_once_from_the_moment_it_is_opened() -> None:
    bench = Bench()
    bench.second()
    assert bench.seen(3) == ("none", [])
    bench.second()
    basis, first = bench.seen(3)
    assert basis == "frames" and len(first) == 20
    bench.second()
    assert bench.seen(3, first[-1]) == ("frames", [first[-1] + k * 50_000_000 for k in range(1, 21)])


def test_a_scope_that_nobody_asks_for_is_closed_and_the_detector_keeps_nothing_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = [100.0]
    monkeypatch.setattr(scopes_module, "monotonic_s", lambda: now_s[0])
    bench = Bench()
    bench.seen(3)
    bench.second()
    now_s[0] += scopes_module.LEASE_S + 0.1
    assert bench.scopes.open() == 0
    bench.second()
    assert bench.seen(3) == ("none", [])


def test_a_sensor_of_which_no_samples_come_has_no_levels_and_none_are_made_up() -> None:
    bench = Bench()
    bench.scopes.ask(SITE, "c1", 0, 0)
    bench.second()
    said, _ = bench.scopes.ask(SITE, "c1", 0, 0)
    assert said == {"basis": "none", "frames": []}


def test_what_cannot_be_looked_at_is_refused_with_the_reason() -> None:
    scopes = Scopes()
    assert "allowed: one of the site" in scopes.ask(SITE, "f9", 0, 0)[1]
    assert "allowed: 0 to 119" in scopes.ask(SITE, "f1", 120, 0)[1]
    for channel in range(MOST):
        assert scopes.ask(SITE, "f1", channel, 0)[1] == ""
    assert "looked at already" in scopes.ask(SITE, "f1", MOST, 0)[1]
    assert scopes.ask(SITE, "f1", 0, 0)[1] == ""
