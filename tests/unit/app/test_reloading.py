"""Another site under a running watch: taken up between two ticks, with all that still holds; or not at all."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linewatch.app.reloading import Change, Reloader, change_of
from linewatch.app.settings_history import history_of
from linewatch.app.supervised import Supervised
from linewatch.app.watch import LiveWatch, WatchStatus
from linewatch.clock import HandClock, monotonic_s
from linewatch.errors import InputError, LinewatchError, StoreError
from linewatch.notify_ports import Notifier
from linewatch.ports import Delivery, SourceStatus
from linewatch.records import Detections, Health, Incident, Outage, Tick, Track, from_bytes
from linewatch.site.model import Line, NotifierSpec, Section, Site, SourceSpec
from linewatch.site.sensor import Sensor
from linewatch.sources.arrivals import point_detection
from linewatch.store import verify
from linewatch.store.reader import open_store
from linewatch.track.carry import LineChange
from tests.brokers import until
from tests.unit.app.test_watch import PERIOD_NS, START_NS, Run, S, Scripted, garden, movement


def described(before: Site, **more: object) -> Site:
    return msgspec.structs.replace(before, **more)


def changing(run: Run, at_tick: int, site: Site) -> Callable[[WatchStatus], None]:
    """Takes up a site after so many ticks; the scripted source goes on."""

    def each(status: WatchStatus) -> None:
        if status.ticks == at_tick:
            change = change_of(run.watch.pipeline, [], site)
            assert isinstance(change, Change)
            run.watch.take_up(change._replace(sources=run.watch.sources))

    return each


def ticks(store: Path) -> list[int]:
    with open_store(store) as reader:
        found = [from_bytes(entry.payload) for entry in reader.entries(kinds=("tick",)) if entry.payload is not None]
    return [tick.index for tick in found if isinstance(tick, Tick)]


def test_new_settings_hold_from_the_next_tick_on_and_stand_in_the_history_and_no_tick_is_missing(
    tmp_path: Path,
) -> None:
    source, site = Scripted(), garden()
    source.waiting = [movement(START_NS + S)]
    run = Run(tmp_path / "store", source, HandClock(START_NS), site)
    new = described(site, settings={"incident": {"unsure_s": 0.0, "return_s": 2.0}})
    run.ticks(20, changing(run, 8, new))
    found = ticks(tmp_path / "store")
    assert found == list(range(found[0], found[0] + 20))
    first, second = history_of(tmp_path / "store")
    assert second.changed == {"incident.return_s": (30.0, 2.0)} and first.settings_id != second.settings_id
    assert {each.id for each in run.of(Incident) if isinstance(each, Incident)} != set()
    assert not verify(tmp_path / "store").breaks
    assert source.started == 1 and source.commits == 20


def test_a_track_goes_on_under_its_name_when_a_sensor_is_added_before_its_own(tmp_path: Path) -> None:
    source, site = Scripted(), garden(("pir-1", "pir-2"))
    moved = [
        point_detection(site.sensor("pir-2"), 200.0, START_NS + n * S // 2, probability=0.95) for n in range(2, 16)
    ]
    source.waiting = list(moved)
    run = Run(tmp_path / "store", source, HandClock(START_NS), site)
    added = Sensor(id="a-new-one", kind="camera", line="main", at_m=150.0, range_m=20.0)
    run.ticks(36, changing(run, 16, described(site, sensors=(added, *site.sensors))))
    seen = [each for each in run.of(Track) if isinstance(each, Track)]
    assert {each.id for each in seen} == {seen[0].id} and seen[-1].sensors == ("pir-2",)
    assert seen[-1].last_ns > START_NS + 6 * S


def test_a_new_sensor_is_heard_from_the_next_tick_on_and_not_before(tmp_path: Path) -> None:
    source, site = Scripted(), garden()
    new = Sensor(id="pir-9", kind="pir", line="main", at_m=150.0, range_m=8.0)
    felt = [point_detection(new, 200.0, START_NS + n * S, probability=0.95) for n in (1, 3)]
    source.waiting = list(felt)
    run = Run(tmp_path / "store", source, HandClock(START_NS), site)
    run.ticks(20, changing(run, 8, described(site, sensors=(*site.sensors, new))))
    said = [each for each in run.of(Health) if isinstance(each, Health) and each.sensor == "pir-9"]
    assert [each.condition for each in said] == ["refused"]
    heard = [batch for batch in run.of(Detections) if isinstance(batch, Detections)]
    assert [batch.sensors for batch in heard] == [("pir-9",)]
    assert int(heard[0].time_ns[0]) == START_NS + 3 * S


def test_what_a_sensor_that_is_taken_out_has_begun_ends_with_its_reason(tmp_path: Path) -> None:
    source, site = Scripted(), garden(("pir-1", "pir-2"))
    source.waiting = [point_detection(site.sensor("pir-2"), 200.0, START_NS + S, probability=0.95)]
    lost = Health("main", "pir-2", START_NS + S, "covered", "failed", "somebody has covered it")
    source.waiting.append(lost)
    run = Run(tmp_path / "store", source, HandClock(START_NS), site)
    run.ticks(12, changing(run, 8, garden(("pir-1",))))
    ended = [each for each in run.of(Track) if isinstance(each, Track) and each.state == "ended"]
    assert "taken out of the site" in ended[0].ended_reason
    outages = [each for each in run.of(Outage) if isinstance(each, Outage)]
    assert outages[0].end_ns is None and outages[-1].id == outages[0].id and outages[-1].end_ns is not None
    with open_store(tmp_path / "store") as reader:
        assert [entry.kind for entry in reader.entries(kinds=("outage",))] == ["outage", "outage"]


def test_a_sensor_that_was_moved_takes_its_open_outage_with_it_nowhere(tmp_path: Path) -> None:
    source, site = Scripted(), garden(("pir-1", "pir-2"))
    source.waiting = [Health("main", "pir-2", START_NS + S, "covered", "failed", "somebody has covered it")]
    run = Run(tmp_path / "store", source, HandClock(START_NS), site)
    elsewhere = tuple(msgspec.structs.replace(each, at_m=(each.at_m or 0.0) + 50.0) for each in site.sensors)
    run.ticks(12, changing(run, 8, described(site, sensors=elsewhere)))
    (opened, ended) = [each for each in run.of(Outage) if isinstance(each, Outage)]
    assert opened.id == ended.id and ended.end_ns == START_NS + 8 * PERIOD_NS


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"name": "Other"}, "site name"),
        ({"timezone": "Europe/Warsaw"}, "site timezone"),
        ({"lines": (Line("main", 300.0, sections=(Section("S01", "main", 0.0, 300.0),)),)}, "line"),
        ({"settings": {"tick": {"period_s": 0.5}}}, "settings.tick"),
        ({"settings": {"incident": {"nonsense": 1}}}, "nonsense"),
        ({"sources": (SourceSpec("asterix", {"sensors": {"1.2": "nobody"}}),)}, "sensors with at_m"),
    ],
)
def test_a_site_that_cannot_be_taken_up_leaves_all_as_it_was_with_one_line(
    more: dict[str, object], named: str, tmp_path: Path
) -> None:
    run = Run(tmp_path / "store", Scripted(), HandClock(START_NS))
    before = run.watch.pipeline
    said: list[str] = []
    reloader = Reloader(run.watch, lambda: described(garden(), **more), said.append)
    taken_up, why_not = reloader.ask()
    assert not taken_up and named in why_not and "\n" not in why_not
    run.ticks(3)
    assert run.watch.pipeline is before and len(said) == 1


def test_the_same_site_again_is_no_change(tmp_path: Path) -> None:
    run = Run(tmp_path / "store", Scripted(), HandClock(START_NS))
    assert change_of(run.watch.pipeline, run.watch.sources, garden()) is None
    run.ticks(1)


def test_a_change_that_the_watch_comes_to_late_is_finished_without_whoever_asked(tmp_path: Path) -> None:
    run = Run(tmp_path / "store", Scripted(), HandClock(START_NS))
    after, said, done = described(garden(), sensors=()), list[str](), threading.Event()
    reloader = Reloader(run.watch, lambda: after, said.append, within_s=0.01)
    reloader.after.append(lambda _: done.set())
    taken_up, why_not = reloader.ask()
    assert not taken_up and "as soon as it can" in why_not
    assert "asked for before" in reloader.ask()[1]
    assert not done.is_set()
    reloader.after_tick()
    assert done.wait(5.0) and run.watch.site is after
    for thread in threading.enumerate():
        if thread.name == "reload":
            thread.join(5.0)
    assert reloader.ask() == (True, "nothing has changed")
    run.ticks(1)


def test_a_name_twice_is_refused_before_anything_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "t" * 32)
    run = Run(tmp_path / "store", Scripted(), HandClock(START_NS))
    spec = SourceSpec("http", {"caller": [{"name": "gate", "token": {"env": "TOKEN"}}]})
    with pytest.raises(InputError, match="twice"):
        change_of(run.watch.pipeline, [], described(garden(), sources=(spec, spec)))
    run.ticks(1)


names = st.lists(st.integers(0, 150).map(lambda n: f"s{n:03d}"), min_size=1, max_size=150, unique=True)


@given(names, names, st.data())
def test_masks_of_sensors_keep_their_meaning_whatever_is_added_and_taken_out(
    before: list[str], after: list[str], data: st.DataObject
) -> None:
    old, new = yard(before), yard(after)
    change = LineChange(old, new, "main")
    seen = data.draw(st.sets(st.sampled_from(before)))
    mask = np.zeros((1, change._old.words), dtype=np.uint64)
    for name in seen:
        number = change._old.index[name]
        mask[0, number // 64] |= np.uint64(1 << (number % 64))
    assert change._old.names(mask[0]) == tuple(sorted(seen))
    assert change._new.names(change._masks(mask)[0]) == tuple(sorted(seen & set(after)))


def yard(sensors: list[str]) -> Site:
    line = Line(id="main", length_m=200.0, sections=(Section("S01", "main", 0.0, 200.0),))
    placed = tuple(Sensor(id=name, kind="pir", line="main", at_m=30.0, range_m=8.0) for name in sorted(sensors))
    return Site("Garden", "UTC", (line,), placed)


def test_what_a_source_that_is_taken_out_still_held_is_counted(tmp_path: Path) -> None:
    source, other = Scripted(), Scripted(name="other")
    source.lateness_s = 0.5
    source.waiting = [movement(START_NS + 2 * S - n) for n in (1, 2, 3)]
    run = Run(tmp_path / "store", source, HandClock(START_NS), garden())

    def each(status: WatchStatus) -> None:
        if status.ticks == 8:  # they are stamped before it and wait half a second for others
            change = change_of(run.watch.pipeline, [], described(garden(), sensors=garden(("pir-1", "pir-2")).sensors))
            assert isinstance(change, Change)
            run.watch.take_up(change._replace(sources=[Supervised(garden(), lambda: other)]))

    run.ticks(12, each)
    (told,) = [h for h in run.of(Health) if isinstance(h, Health) and h.condition == "dropped"]
    assert told.count == 3 and told.text.startswith("scripted was taken out of the site: 3 records held for order")
    assert source.closed and not run.of(Detections)


class Clinging(Scripted):
    """A source that lets go only when it is told to, and hears until then."""

    def __init__(self) -> None:
        super().__init__()
        self.may_go = threading.Event()

    def close(self) -> None:
        self.may_go.wait(5.0)
        super().close()

    def status(self) -> SourceStatus:
        return SourceStatus(up=True, waiting=len(self.waiting))


@pytest.mark.parametrize("delivery", ["ephemeral", "acknowledged"])
def test_no_tick_waits_for_a_source_that_is_slow_to_let_go_and_what_it_hears_until_then_is_taken(
    delivery: Delivery, tmp_path: Path
) -> None:
    source, other = Clinging(), Scripted(delivery)
    source.delivery = delivery
    run = Run(tmp_path / "store", source, HandClock(START_NS), garden())
    took_s: list[float] = []

    def each(status: WatchStatus) -> None:
        if status.ticks == 8:
            begun_s = monotonic_s()
            change = change_of(run.watch.pipeline, [], described(garden(), sensors=garden(("pir-1", "pir-2")).sensors))
            assert isinstance(change, Change)
            run.watch.take_up(change._replace(sources=[Supervised(garden(), lambda: other)]))
            took_s.append(monotonic_s() - begun_s)
        if status.ticks == 12:
            assert not (source.closed or other.started) and not run.watch.status().sources["scripted"].up
            source.waiting = [movement(run.clock.now_ns() + 2 * PERIOD_NS)]
            source.may_go.set()
            until(lambda: source.closed and bool(other.started or delivery == "acknowledged"), 5.0, "letting go")

    run.ticks(18, each)
    assert took_s[0] < 2.0 and other.started == 1 and other.closed
    (batch,) = run.of(Detections)
    assert isinstance(batch, Detections) and len(batch) == 1
    assert run.watch.status().sources["scripted"].up
    assert not [h for h in run.of(Health) if isinstance(h, Health) and h.condition == "dropped"]


def test_what_a_source_that_is_taken_out_hears_until_it_is_closed_is_counted(tmp_path: Path) -> None:
    source, other = Clinging(), Scripted(name="other")
    run = Run(tmp_path / "store", source, HandClock(START_NS), garden())

    def each(status: WatchStatus) -> None:
        if status.ticks == 8:
            change = change_of(run.watch.pipeline, [], described(garden(), sensors=garden(("pir-1", "pir-2")).sensors))
            assert isinstance(change, Change)
            run.watch.take_up(change._replace(sources=[Supervised(garden(), lambda: other)]))
        if status.ticks == 10:
            source.waiting = [movement(run.clock.now_ns() + n) for n in (1, 2)]
            source.may_go.set()
            until(lambda: source.closed, 5.0, "letting go")

    run.ticks(14, each)
    (told,) = [h for h in run.of(Health) if isinstance(h, Health) and h.condition == "dropped"]
    assert told.count == 2 and "0 records held for order and 2 messages not taken yet are lost" in told.text


def test_what_is_lost_with_a_source_that_is_let_go_at_the_very_end_stands_in_the_audit_chain(tmp_path: Path) -> None:
    source, other = Clinging(), Scripted(name="other")
    run = Run(tmp_path / "store", source, HandClock(START_NS), garden())

    def each(status: WatchStatus) -> None:
        if status.ticks == 4:
            change = change_of(run.watch.pipeline, [], described(garden(), sensors=()))
            assert isinstance(change, Change)
            run.watch.take_up(change._replace(sources=[Supervised(garden(), lambda: other)]))
            source.waiting = [movement(run.clock.now_ns())]
            threading.Timer(0.2, source.may_go.set).start()

    run.ticks(4, each)
    with open_store(tmp_path / "store") as reader:
        texts = [each.entry.payload or b"" for each in reader.audits() if each.entry.kind == "dropped"]
    assert len(texts) == 1 and b"1 messages not taken yet are lost" in texts[0]


def told_anew(tmp_path: Path, said: list[str]) -> Run:
    """A watch that has taken up other notifiers, with the thread that finishes it at its end."""
    run = Run(tmp_path / "store", Scripted(), HandClock(START_NS))
    after = described(
        garden(), notifiers=(NotifierSpec("webhook", {"url": "https://127.0.0.1:9/", "secret": {"env": "HOOK"}}),)
    )
    reloader = Reloader(run.watch, lambda: after, said.append, within_s=0.01)
    reloader.ask()
    reloader.after_tick()
    for thread in threading.enumerate():
        if thread.name == "reload":
            thread.join(10.0)
    assert reloader.ask() == (True, "nothing has changed")
    return run


def test_a_store_that_is_busy_when_telling_begins_anew_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls, said = LiveWatch.tell_by, list[int](), list[str]()

    def tell_by(self: LiveWatch, notifiers: Sequence[Notifier]) -> None:
        calls.append(1)
        if len(calls) < 3:
            raise StoreError("the store is busy")
        real(self, ())  # the watch, which is not running yet, would start what stands there once more

    monkeypatch.setattr(LiveWatch, "tell_by", tell_by)
    monkeypatch.setattr("linewatch.app.reloading._AGAIN_S", (0.0, 0.0))
    monkeypatch.setenv("HOOK", "k" * 32)
    told_anew(tmp_path, said).ticks(2)
    assert len(calls) == 3 and "taken up; changed: notifiers" in said[0] and "busy" not in said[0]


def test_a_watch_that_can_tell_nobody_any_more_says_so_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tell_by(self: LiveWatch, notifiers: Sequence[Notifier]) -> None:
        raise StoreError("the store is gone")

    said = list[str]()
    monkeypatch.setattr(LiveWatch, "tell_by", tell_by)
    monkeypatch.setattr("linewatch.app.reloading._AGAIN_S", (0.0, 0.0))
    monkeypatch.setenv("HOOK", "k" * 32)
    run = told_anew(tmp_path, said)
    assert "but nobody can be told anything: StoreError: the store is gone" in said[0]
    with pytest.raises(LinewatchError, match="nobody can be told anything"):
        run.ticks(2)
