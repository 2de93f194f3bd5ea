"""The live watch: ticks of a clock, sources that fail, stops, crashes, changed sites, people's acts."""

import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import httpx
import msgspec
import pytest

from linewatch.app.service import Heartbeat, Systemd
from linewatch.app.watch import MOST_BEHIND_S, LiveWatch, WatchStatus
from linewatch.app.watch_link import WatchLink
from linewatch.app.watch_port import WatchPort, metrics_text
from linewatch.clock import Clock, HandClock, WallClock
from linewatch.errors import InputError
from linewatch.ports import Delivery, Item, Source, SourceStatus
from linewatch.records import Detection, Detections, Health, Incident, OperatorAct, Outage, Record
from linewatch.site.model import Line, Section, Site
from linewatch.site.sensor import Sensor
from linewatch.sources.arrivals import point_detection
from linewatch.store import verify
from linewatch.store.reader import open_store
from linewatch.store.users import open_users
from tests.brokers import free_port, until

S = 1_000_000_000
START_NS = 1_790_000_000 * S
PERIOD_NS = S // 4


def garden(sensors: Sequence[str] = ("pir-1",)) -> Site:
    line = Line(id="main", length_m=200.0, sections=(Section("S01", "main", 0.0, 200.0),))
    placed = tuple(
        Sensor(id=name, kind="pir", line="main", at_m=30.0 + 40.0 * n, range_m=8.0) for n, name in enumerate(sensors)
    )
    return Site("Garden", "UTC", (line,), placed, settings={"incident": {"unsure_s": 0.0}})


class Scripted:
    """A source that gives what a test puts in."""

    lateness_s = 0.0

    def __init__(self, delivery: Delivery = "ephemeral", name: str = "scripted") -> None:
        self.name = name
        self.delivery: Delivery = delivery
        self.sensors = ("pir-1",)
        self.waiting: list[Item] = []
        self.started = 0
        self.commits = 0
        self.raising: Exception | None = None
        self.closed = False

    def start(self) -> None:
        self.started += 1

    def poll(self, until_ns: int) -> list[Item]:
        if self.raising is not None:
            raise self.raising
        due = [item for item in self.waiting if item.time_ns < until_ns]  # type: ignore[union-attr]
        self.waiting = [item for item in self.waiting if item not in due]
        return due

    def position(self) -> str:
        return "here"

    def seek(self, position: str) -> None:
        assert position == "here"

    def committed(self, position: str) -> None:
        self.commits += 1

    def close(self) -> None:
        self.closed = True

    def status(self) -> SourceStatus:
        return SourceStatus(up=True)


class Run:
    """A watch under a clock moved by hand: each wait for a tick moves it there."""

    def __init__(self, store: Path, source: Scripted, clock: HandClock, site: Site | None = None) -> None:
        self.out: list[Record] = []
        self.clock = clock
        self.store = store
        self.watch = LiveWatch(site or garden(), store, clock, self.out.append, [lambda: source])

    def ticks(self, count: int, each: Callable[[WatchStatus], None] = lambda _: None) -> "Run":
        stop = _Moving(self.clock)
        left = [count]

        def after(status: WatchStatus) -> None:
            each(status)
            left[0] -= 1
            if left[0] <= 0:
                stop.set()

        self.watch.run(stop, after)
        return self

    def of(self, kind: type[Record]) -> list[Record]:
        return [record for record in self.out if isinstance(record, kind)]


class _Moving(threading.Event):
    """Waiting for a tick moves the clock by as much."""

    def __init__(self, clock: HandClock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.wait_until_ns(self._clock.now_ns() + round((timeout or 0.0) * S) + 1)
        return self.is_set()


def movement(time_ns: int, sensor: str = "pir-1") -> Detection:
    site = garden()
    return point_detection(site.sensor(sensor), 200.0, time_ns, probability=0.95)


def test_a_movement_raises_an_incident_at_the_next_tick(tmp_path: Path) -> None:
    source, clock = Scripted(), HandClock(START_NS)
    source.waiting = [movement(START_NS + S)]
    run = Run(tmp_path / "store", source, clock).ticks(8)
    (incident, *_) = run.of(Incident)
    assert isinstance(incident, Incident)
    assert incident.raised_ns == START_NS + S + PERIOD_NS
    assert source.started == 1
    assert source.commits == 8
    assert source.closed
    assert not verify(tmp_path / "store").breaks


def test_a_watch_goes_on_where_it_was_and_says_how_long_nobody_listened(tmp_path: Path) -> None:
    clock = HandClock(START_NS)
    source = Scripted()
    source.waiting = [movement(START_NS + S)]
    first = Run(tmp_path / "store", source, clock).ticks(8)
    raised = {record.id for record in first.of(Incident)}  # type: ignore[union-attr]
    last_ns = first.watch.status().tick_ns

    clock.wait_until_ns(clock.now_ns() + 60 * S)
    again = Run(tmp_path / "store", Scripted(), clock)
    again.ticks(4)
    (opened, closed) = again.of(Outage)
    assert isinstance(opened, Outage)
    assert isinstance(closed, Outage)
    assert (opened.start_ns, opened.cause) == (last_ns, "gap")
    assert closed.end_ns is not None
    assert 59 * S < closed.end_ns - opened.start_ns < 62 * S
    with open_store(tmp_path / "store") as reader:
        assert {incident.id for incident in reader.incidents()} >= raised
    assert not verify(tmp_path / "store").breaks


def test_a_source_whose_sender_repeats_has_no_outage_after_a_stop(tmp_path: Path) -> None:
    clock = HandClock(START_NS)
    Run(tmp_path / "store", Scripted("acknowledged"), clock).ticks(4)
    clock.wait_until_ns(clock.now_ns() + 60 * S)
    assert Run(tmp_path / "store", Scripted("acknowledged"), clock).ticks(4).of(Outage) == []


def test_a_watch_that_was_held_up_never_lags_by_more_than_it_may(tmp_path: Path) -> None:
    source, clock = Scripted(), HandClock(START_NS)
    run = Run(tmp_path / "store", source, clock)
    held_up_ns = START_NS + 2 * S

    def hold_up(status: WatchStatus) -> None:
        if status.ticks == 4:
            source.waiting = [movement(held_up_ns)]
            clock.wait_until_ns(clock.now_ns() + 20 * S)

    run.ticks(10, hold_up)
    status = run.watch.status()
    assert status.left_out >= 70
    assert clock.now_ns() - status.tick_ns < MOST_BEHIND_S * S
    assert [record.text for record in run.of(Health) if record.condition == "late" and "left out" in record.text]  # type: ignore[union-attr]
    held = [record for record in run.out if isinstance(record, Detections)]
    assert [batch.time_ns[0] for batch in held] == [held_up_ns]  # what came meanwhile is late, and not left out


def test_a_source_that_raises_is_told_made_anew_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Scripted] = []

    def build() -> Source:
        made.append(Scripted())
        return made[-1]

    monkeypatch.setattr("linewatch.app.supervised.FIRST_RETRY_S", 0.0)
    clock = HandClock(START_NS)
    out: list[Record] = []
    watch = LiveWatch(garden(), tmp_path / "store", clock, out.append, [build])
    for source in watch.sources:
        source._wait_s = 0.0  # made anew at once
    stop = _Moving(clock)

    def after(status: WatchStatus) -> None:
        if status.ticks == 4:
            made[0].raising = RuntimeError("a plug-in's own mistake")
        if status.ticks == 12:
            stop.set()

    watch.run(stop, after)
    texts = [(record.condition, record.text) for record in out if isinstance(record, Health)]
    assert ("link_lost", "scripted: RuntimeError: a plug-in's own mistake") in texts
    assert ("recovered", "scripted: made anew") in texts
    assert len(made) == 2
    assert made[0].closed
    assert made[1].started == 1


def test_incidents_outlive_a_change_of_the_site(tmp_path: Path) -> None:
    clock = HandClock(START_NS)
    source = Scripted()
    source.waiting = [movement(START_NS + S)]
    Run(tmp_path / "store", source, clock).ticks(8)
    run = Run(tmp_path / "store", Scripted(), clock, garden(("pir-1", "pir-2")))
    assert run.watch.status().incidents_open == 0  # before the first tick nothing is said
    seen: list[int] = []
    run.ticks(4, lambda status: seen.append(status.incidents_open))
    assert seen[-1] == 1
    third = Run(tmp_path / "store", Scripted(), clock, garden(("pir-1", "pir-2")))
    third.ticks(4, lambda status: seen.append(status.incidents_open))
    assert seen[-1] == 1
    assert not verify(tmp_path / "store").breaks


def test_a_clock_that_is_set_is_told(tmp_path: Path) -> None:
    source, clock = Scripted(), HandClock(START_NS)
    run = Run(tmp_path / "store", source, clock)
    run.ticks(3, lambda status: clock.wait_until_ns(clock.now_ns() + 3 * S) if status.ticks == 1 else None)
    assert any("was set by" in record.text for record in run.of(Health))  # type: ignore[union-attr]


def test_two_sources_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a name of its own"):
        LiveWatch(garden(), tmp_path / "store", HandClock(START_NS), None, [Scripted, Scripted])


class Live:
    """A watch by the wall clock, in a thread."""

    def __init__(self, store: Path, source: Scripted) -> None:
        self.clock: Clock = WallClock()
        self.stop = threading.Event()
        self.made: list[LiveWatch] = []

        def work() -> None:  # a store is written by the thread that opened it
            self.made.append(LiveWatch(garden(), store, self.clock, None, [lambda: source]))
            self.made[0].run(self.stop)

        self.thread = threading.Thread(target=work)
        self.thread.start()
        until(lambda: self.made and self.watch.status().ticks > 0, 30.0, "the first tick")

    @property
    def watch(self) -> LiveWatch:
        return self.made[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(20.0)


def test_an_act_is_answered_after_its_commit_and_stands_in_both_chains(tmp_path: Path) -> None:
    source = Scripted()
    with Live(tmp_path / "store", source) as live:
        source.waiting = [movement(live.clock.now_ns())]
        until(lambda: live.watch.status().incidents_open == 1, 10.0, "an incident")
        with open_store(tmp_path / "store") as reader:
            (incident,) = reader.incidents()
        users = open_users(tmp_path / "store")
        link = WatchLink(tmp_path / "store", users, live.clock)
        act = OperatorAct(incident.id, "acknowledge", "operator", "west", live.clock.now_ns())
        answer = link.offer(act, "somebody")
        assert answer.seq is not None, answer.reason
        assert link.offer(msgspec.structs.replace(act, incident="none"), "somebody").seq is None
        assert link.pulse().up
        users.close()
    with open_store(tmp_path / "store") as reader:
        assert next(entry.kind for entry in reader.entries(from_seq=answer.seq)) == "act"
    assert not verify(tmp_path / "store").breaks


def test_the_socket_is_for_its_owner_alone(tmp_path: Path) -> None:
    with Live(tmp_path / "store", Scripted()):
        assert (tmp_path / "store" / "watch.sock").stat().st_mode & 0o777 == 0o600


def test_its_port_says_whether_it_is_well_and_how_much_it_did(tmp_path: Path) -> None:
    with Live(tmp_path / "store", Scripted()) as live:
        port = WatchPort(live.watch.status, live.clock, {}, port=free_port())
        address = port.start()
        well = httpx.get(f"http://{address}/healthz")
        assert (well.status_code, well.json()["ok"]) == (200, True)
        metrics = httpx.get(f"http://{address}/metrics").text
        assert 'linewatch_source_up{source="scripted"} 1' in metrics
        port.stop()


def test_a_watch_without_ticks_is_ill(tmp_path: Path) -> None:
    status = WatchStatus(4, START_NS, 0.0, 0.0, 4, 0, 0, {})
    port = WatchPort(lambda: status, HandClock(START_NS + 11 * S), {}, port=free_port())
    address = port.start()
    assert httpx.get(f"http://{address}/healthz").status_code == 503
    port.stop()


def test_a_port_that_is_taken_and_one_open_to_all_without_tls_are_refused() -> None:
    status = WatchStatus(0, 0, 0.0, 0.0, 0, 0, 0, {})
    with pytest.raises(InputError, match="without TLS"):
        WatchPort(lambda: status, HandClock(), {}, host="0.0.0.0")  # noqa: S104 - it is refused
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = WatchPort(lambda: status, HandClock(), {}, port=taken.getsockname()[1])
        with pytest.raises(InputError, match="a free port"):
            port.start()


def test_names_in_metrics_cannot_break_out_of_their_quotes() -> None:
    status = WatchStatus(0, 0, 0.0, 0.0, 0, 0, 0, {'a"}\n': SourceStatus(up=True)})
    assert 'linewatch_source_up{source="a\\"}\\n"} 1' in metrics_text(status)


def test_the_service_manager_hears_of_readiness_life_and_the_end(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        systemd = Systemd(str(tmp_path / "notify"))
        systemd.ready()
        systemd.alive()
        systemd.alive()  # too soon to be said again
        systemd.stopping()
        said = [manager.recv(100) for _ in range(3)]
    assert said == [b"READY=1\nSTATUS=watching", b"WATCHDOG=1", b"STOPPING=1"]
    Systemd("").ready()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "monitor", "http://"])
def test_a_heartbeat_goes_to_a_web_address_only(url: str) -> None:
    with pytest.raises(InputError, match="http://"):
        Heartbeat(url, 60.0, lambda: True)
