"""The streams: what was missed comes again, who is slow is told, and the past plays as it was known then."""

import asyncio
from collections.abc import Iterator

import httpx
import msgspec
import numpy as np
import pytest

from linewatch.app.simulated import site_of
from linewatch.console.frames import UNKNOWN_CODE, Frame, detection_frame, frame_of, gap_frame, mover_codes
from linewatch.console.hub import Hub
from linewatch.console.picture import decoded, picture_at
from linewatch.records import MOVERS, Detections, Incident, Tick
from linewatch.store.reader import open_store
from tests.unit.console.bench import SCENE, Console


def frames_in(raw: bytes) -> Iterator[dict]:
    while raw:
        length = int.from_bytes(raw[:4], "big")
        yield msgspec.msgpack.decode(raw[4 : 4 + length])
        raw = raw[4 + length :]


def read_frames(console: Console, url: str, enough: int) -> list[dict]:
    """The first frames of a stream that may never end."""
    raw = b""
    with console.client.stream("GET", url) as answer:
        assert answer.status_code == 200
        for piece in answer.iter_raw():
            raw += piece
            whole = list(whole_frames(raw))
            if len(whole) >= enough or (whole and whole[-1]["t"] == "end"):
                return whole
    return list(frames_in(raw))


def whole_frames(raw: bytes) -> Iterator[dict]:
    while len(raw) >= 4 and len(raw) >= 4 + (length := int.from_bytes(raw[:4], "big")):
        yield msgspec.msgpack.decode(raw[4 : 4 + length])
        raw = raw[4 + length :]


def test_a_listener_gets_all_that_stands_first_and_the_state_at_least_once_a_second(console: Console) -> None:
    console.sign_in("look1")
    frames = read_frames(console, "/api/feed", 5)
    assert [frame["t"] for frame in frames[:3]] == ["t", "k", "w"]
    assert frames[0]["whole"]
    assert {frame["t"] for frame in frames[3:]} == {"s"}


@pytest.mark.parametrize("asked", ["ffffffff-3", "nonsense", "00000000-999999"])
def test_who_asks_for_what_is_not_kept_is_told_of_a_gap(console: Console, asked: str) -> None:
    console.sign_in("look1")
    assert read_frames(console, f"/api/feed?from={asked}", 1)[0]["t"] == "gap"


def test_a_page_that_comes_back_gets_every_incident_it_missed(console: Console) -> None:
    console.sign_in("look1")
    run, picture = console.services.live.run, console.services.live.picture
    missed = {kept.incident.id for kept in (*picture.open.values(), *picture.closed.values())}
    assert missed
    seen: set[str] = set()
    with console.client.stream("GET", "/api/events", headers={"last-event-id": f"{run}-0"}) as answer:
        name = ""
        for line in answer.iter_lines():
            name = line.removeprefix("event: ") if line.startswith("event: ") else name
            if line.startswith("data: ") and name == "incident":
                seen.add(msgspec.json.decode(line.removeprefix("data: "))["id"])
            if seen == missed:
                break
    assert seen == missed


def test_a_page_of_another_run_is_told_to_begin_anew(console: Console) -> None:
    console.sign_in("look1")
    with console.client.stream("GET", "/api/events", headers={"last-event-id": "ffffffff-7"}) as answer:
        lines = iter(answer.iter_lines())
        assert any(line == "event: reset" for line in (next(lines) for _ in range(20)))


def test_the_past_plays_as_it_was_known_then(console: Console) -> None:
    console.sign_in("look1")
    picture = console.services.live.picture
    end_ms = picture.time_ns // 1_000_000
    frames = read_frames(console, f"/api/replay/feed?from_ms={end_ms - 120_000}&to_ms={end_ms}&speed=0", 100_000)
    assert frames[-1]["t"] == "end"
    last = {frame["incident"]["id"]: frame["incident"] for frame in frames if frame["t"] == "i"}
    assert {key: each["state"] for key, each in last.items() if key in picture.open} == {
        key: kept.incident.state for key, kept in picture.open.items()
    }
    ticks = [frame["tick_ms"] for frame in frames if "tick_ms" in frame]
    assert ticks == sorted(ticks)


def test_a_replay_knows_nothing_of_what_came_later(console: Console) -> None:
    console.sign_in("look1")
    first_ns = min(k.incident.raised_ns for k in console.services.live.picture.open.values())
    before_ms = first_ns // 1_000_000 - 1000
    frames = read_frames(console, f"/api/replay/feed?from_ms={before_ms - 5000}&to_ms={before_ms}&speed=0", 100_000)
    assert frames[-1]["t"] == "end"
    assert not [frame for frame in frames if frame["t"] == "i"]


def test_a_replay_backwards_is_refused(console: Console) -> None:
    console.sign_in("look1")
    assert console.client.get("/api/replay/feed?from_ms=2000&to_ms=1000").status_code == 400


def test_the_picture_of_a_past_moment_is_the_one_drawn_on_the_way(written) -> None:  # noqa: ANN001
    site = site_of(SCENE)
    with open_store(written) as history:
        last = history.last_seq()
        middle = history.seq_of_tick(next(history.entries(kinds=("tick",), from_seq=last // 2)).tick) - 1
        then = picture_at(site, history, middle)
        then.apply(list(decoded(history.entries(from_seq=middle + 1))))
        now = picture_at(site, history, last)
    assert then.open == now.open
    assert then.outages == now.outages
    assert then.tracks == now.tracks
    assert then.time_ns == now.time_ns
    assert then.counters() == now.counters()


def test_the_counters_agree_with_the_incidents(console: Console) -> None:
    console.sign_in("look1")
    said = console.client.get("/api/incidents").json()
    assert said["raised"] == said["shown"] + said["grouped"] + said["shelved"] == len(said["incidents"])


def tick_of(written) -> tuple[Tick, Detections]:  # noqa: ANN001
    with open_store(written) as history:
        tick = None
        for read in decoded(history.entries(kinds=("tick", "arrival", "detections"))):
            if isinstance(read.record, Tick):
                tick = read.record
            elif isinstance(read.record, Detections) and len(read.record) and tick is not None:
                return tick, read.record
    raise AssertionError("no detections in the store")


def test_a_frame_holds_the_detections_as_they_are_in_the_record(written) -> None:  # noqa: ANN001
    tick, batch = tick_of(written)
    (frame,) = frames_in(detection_frame(7, tick, batch).raw)
    assert (frame["t"], frame["seq"], frame["tick_ms"]) == ("d", 7, tick.time_ns // 1_000_000)
    np.testing.assert_array_equal(np.frombuffer(frame["c"], "<f4"), batch.chainage_m.astype("<f4"))
    assert [frame["sensor"][i] for i in np.frombuffer(frame["s"], "<u2")] == [
        batch.sensor_of(row) for row in range(len(batch))
    ]
    codes = mover_codes(batch)
    assert all(code == UNKNOWN_CODE or code < len(MOVERS) for code in codes)


def test_who_is_too_slow_is_told_and_gets_the_newest() -> None:
    async def slow() -> list[dict]:
        hub = Hub(lambda seq, lost: gap_frame(seq, f"{lost} left out"))
        listener = hub.listen()
        for number in range(20):
            hub.publish([Frame(number, frame_of(number, {"t": "x", "pad": b"0" * 500_000}).raw)])
        return list(frames_in(await listener.take(1.0)))

    frames = asyncio.run(slow())
    assert frames[0]["t"] == "gap"
    assert len(frames) < 10


def test_a_hub_gives_again_what_it_keeps_and_admits_what_it_does_not() -> None:
    async def use() -> tuple[list[Frame] | None, list[Frame] | None]:
        hub = Hub(lambda seq, lost: gap_frame(seq, f"{lost} left out"))
        hub.begin(10)
        hub.publish([frame_of(number, {"t": "x"}) for number in range(11, 15)])
        return hub.since(12), hub.since(9)

    kept, gone = asyncio.run(use())
    assert kept is not None
    assert [frame.seq for frame in kept] == [13, 14]
    assert gone is None


def test_a_closed_door_ends_no_stream_of_others(console: Console) -> None:
    console.sign_in("look1")
    with httpx.Client(base_url=console.address, cookies=dict(console.client.cookies), timeout=20) as other:
        with other.stream("GET", "/api/feed") as answer:
            next(answer.iter_raw())
        assert read_frames(console, "/api/feed", 4)


def test_an_incident_is_told_in_every_detail(console: Console) -> None:
    console.sign_in("watch1")
    key = next(iter(console.services.live.picture.open))
    detail = console.client.get(f"/api/incidents/{key}").json()
    assert detail["timeline"][0]["what"].startswith("raised")
    assert detail["sensors_saw"] == detail["sensors"]
    assert not set(detail["sensors_saw"]) & {sensor["id"] for sensor in detail["sensors_should"]}
    assert "acknowledge" in {move["move"] for move in detail["allowed"]}
    assert isinstance(console.services.live.picture.open[key].incident, Incident)


def test_pages_go_back_through_all_incidents(console: Console) -> None:
    console.sign_in("look1")
    seen: list[str] = []
    before = ""
    while page := console.client.get(f"/api/incidents?state=all&limit=2{before}").json()["incidents"]:
        seen += [each["id"] for each in page if each["id"] not in seen]
        before = f"&before={page[-1]['raised_ms'] + (len(page) > 1 and page[0]['raised_ms'] == page[-1]['raised_ms'])}"
        if page[-1]["raised_ms"] == page[0]["raised_ms"] and len(page) < 2:
            break
    assert set(console.services.live.picture.open) <= set(seen)
