"""The HTTP door, over a real socket: who may speak of what, what is answered when, and what is refused."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from linewatch.clock import WallClock
from linewatch.errors import SiteError
from linewatch.records import Detections, Health, KnownMover, Weather
from linewatch.site.model import Line, Section, Site, SourceSpec
from linewatch.site.sensor import Sensor
from linewatch.sources.build import build_source
from linewatch.sources.checks import ANY_SOURCE, Span
from linewatch.sources.http.source import HttpSource
from tests.brokers import free_port, until

TOKEN, OTHER = "a" * 20, "b" * 20


def yard() -> Site:
    line = Line(id="main", length_m=600.0, sections=(Section("S01", "main", 0.0, 600.0),))
    sensors = tuple(Sensor(id=f"s{n}", kind="pir", line="main", at_m=100.0 * n, range_m=10.0) for n in (1, 2))
    callers = [
        {"name": "box", "token": {"env": "BOX"}, "sensors": ["s1"]},
        {"name": "van", "token": {"env": "VAN"}, "sensors": ["s2"], "movers": ["patrol-1"], "weather": True},
    ]
    spec = SourceSpec("http", {"caller": callers})
    return Site("Yard", "UTC", (line,), sensors, sources=(spec,))


def source() -> HttpSource:
    site = yard()
    built = build_source(site, site.sources[0], {"BOX": TOKEN, "VAN": OTHER})
    assert isinstance(built, HttpSource)
    return built


class Served:
    """A source whose door is open, polled and committed four times a second like in a watch."""

    def __init__(self) -> None:
        self.source = source()
        self.items: list[object] = []
        self.holding = False
        self.address = f"http://127.0.0.1:{free_port()}"
        port = int(self.address.rsplit(":", 1)[1])
        config = uvicorn.Config(self.source.asgi, port=port, log_level="critical", lifespan="off")
        self._server = uvicorn.Server(config)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._server.run), threading.Thread(target=self._ticks)]
        for thread in self._threads:
            thread.start()
        until(lambda: self._server.started, 10.0, "the door")

    def post(self, body: Any, token: str = TOKEN) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        if isinstance(body, bytes):
            return httpx.post(self.address + "/", content=body, headers=headers, timeout=15.0)
        return httpx.post(self.address + "/", json=body, headers=headers, timeout=15.0)

    def close(self) -> None:
        self._server.should_exit = True
        self._stop.set()
        for thread in self._threads:
            thread.join(10.0)

    def _ticks(self) -> None:
        while not self._stop.wait(0.05):
            if not self.holding:
                self.items += self.source.poll(WallClock().now_ns())
                self.source.committed(self.source.position())


@pytest.fixture
def served() -> Iterator[Served]:
    one = Served()
    yield one
    one.close()


def detections(served: Served) -> list[Detections]:
    return [item for item in served.items if isinstance(item, Detections)]


def test_a_row_needs_no_more_than_its_sensor(served: Served) -> None:
    assert served.post({"detections": [{"sensor": "s1"}]}).json() == {"accepted": 1, "duplicates": 0, "refused": []}
    (batch,) = detections(served)
    assert (batch.chainage_m[0], batch.from_m[0], batch.to_m[0]) == (100.0, 90.0, 110.0)


def test_a_row_may_say_where_when_and_what(served: Served) -> None:
    moment = datetime.now(UTC).isoformat()
    row = {"sensor": "s1", "time": moment, "chainage_m": 104.5, "chainage_sigma_m": 0.5, "movers": {"person": 0.9}}
    assert served.post({"detections": [row | {"velocity_mps": 1.2, "velocity_sigma_mps": 0.3}]}).status_code == 200
    (batch,) = detections(served)
    assert (batch.chainage_m[0], batch.from_m[0], batch.velocity_mps[0]) == (104.5, 104.5, 1.2)
    assert batch.mover_probabilities[0].argmax() == 0


def test_it_is_answered_only_after_the_commit(served: Served) -> None:
    served.holding = True
    answers: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: answers.append(served.post({"detections": [{"sensor": "s1"}]})))
    thread.start()
    threading.Event().wait(0.5)
    assert answers == []
    served.holding = False
    thread.join(5.0)
    assert answers[0].status_code == 200


def test_a_row_that_is_said_again_is_taken_once(served: Served) -> None:
    body = {"detections": [{"sensor": "s1", "id": "7"}]}
    assert served.post(body).json()["accepted"] == 1
    assert served.post(body).json() == {"accepted": 0, "duplicates": 1, "refused": []}
    assert len(detections(served)) == 1


@pytest.mark.parametrize("token", ["c" * 20, TOKEN[:-1], TOKEN + "a"])
def test_nobody_speaks_without_a_token_that_is_known(served: Served, token: str) -> None:
    assert served.post({"detections": [{"sensor": "s1"}]}, token).status_code == 401
    assert detections(served) == []


def test_a_credential_speaks_only_for_its_own_sensors(served: Served) -> None:
    answer = served.post({"detections": [{"sensor": "s2"}, {"sensor": "s1"}, {"sensor": "s9"}]})
    assert answer.status_code == 200
    assert [(each["row"], each["reason"]) for each in answer.json()["refused"]] == [
        (0, "sensor: found 's2'; allowed: a sensor for which this credential speaks"),
        (2, "sensor: found 's9'; allowed: a sensor of the site"),
    ]
    assert [batch.sensors for batch in detections(served)] == [("s1",)]


def test_a_forged_position_of_own_people_is_refused_and_a_true_one_counts_as_proved(served: Served) -> None:
    forged = served.post({"positions": [{"mover": "patrol-1", "chainage_m": 100.0}]}, TOKEN)
    assert forged.status_code == 422
    true = served.post({"positions": [{"mover": "patrol-1", "chainage_m": 100.0, "count": 2}]}, OTHER)
    assert true.status_code == 200
    (mover,) = [item for item in served.items if isinstance(item, KnownMover)]
    assert (mover.id, mover.count, mover.authenticated) == ("patrol-1", 2, True)


def test_weather_comes_from_whoever_may_report_it(served: Served) -> None:
    assert served.post({"weather": [{"temperature_c": -12.0, "wind_mps": 8.0}]}, TOKEN).status_code == 422
    assert served.post({"weather": [{"temperature_c": 400.0}]}, OTHER).status_code == 422
    assert served.post({"weather": [{"temperature_c": -12.0, "wind_mps": 8.0}]}, OTHER).status_code == 200
    (weather,) = [item for item in served.items if isinstance(item, Weather)]
    assert (weather.from_m, weather.to_m, weather.temperature_c) == (0.0, 600.0, -12.0)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 400, "found no JSON"),
        (b"[1]", 400, "found no object"),
        (b"[" * 100_000, 400, "found no JSON"),
        (b'{"detection": []}', 400, "allowed: lists detections"),
        (b"x" * 1_100_000, 413, "at most"),
        ({"detections": [{"sensor": "s1", "colour": "red"}]}, 422, "unknown field"),
        ({"detections": [{"sensor": "s1", "time": 0}]}, 422, "before it came"),
        ({"detections": [{"sensor": "s1", "time": "2026-01-01"}]}, 422, "with its zone"),
        ({"detections": [{"sensor": "s1", "time": 1e300}]}, 422, "allowed: ISO 8601"),
        ({"detections": [{"sensor": "s1", "probability": 1.5}]}, 422, "allowed: 0 to 1"),
        ({"detections": [{"sensor": "s1", "chainage_m": 700.0}]}, 422, "allowed: 0 to 600"),
        ({"detections": [{"sensor": "s1", "offset_m": 3.0}]}, 422, "above 0 beside offset_m"),
        ({"detections": [{"sensor": "s1", "movers": {"person": 0.9, "animal": 0.9}}]}, 422, "at most 1"),
        ({"detections": [17]}, 422, "Expected"),
    ],
)
def test_what_makes_no_sense_is_answered_with_the_reason(served: Served, body: Any, status: int, said: str) -> None:
    answer = served.post(body)
    assert answer.status_code == status
    assert said in answer.text
    assert detections(served) == []
    until(
        lambda: any(isinstance(item, Health) and item.condition == "refused" for item in served.items), 5.0, "a count"
    )


def test_a_stamp_from_2100_counts_as_now_and_says_so(served: Served) -> None:
    assert served.post({"detections": [{"sensor": "s1", "time": "2100-01-01T00:00:00Z"}]}).status_code == 200
    (batch,) = detections(served)
    assert abs(int(batch.time_ns[0]) - WallClock().now_ns()) < 60 * 10**9


def test_the_schema_is_there_to_read(served: Served) -> None:
    assert "DetectionRow" in httpx.get(served.address + "/schema").text


@pytest.mark.parametrize("check", ANY_SOURCE, ids=lambda check: check.__name__)
def test_it_is_a_sound_source(check: object) -> None:
    now_ns = WallClock().now_ns()
    assert callable(check)
    check(source, Span(now_ns - 10**9, now_ns))


def test_a_short_token_and_one_that_two_share_are_refused(tmp_path: Path) -> None:
    site = yard()
    with pytest.raises(SiteError, match="16 characters"):
        build_source(site, site.sources[0], {"BOX": "short", "VAN": OTHER})
    with pytest.raises(SiteError, match="a token of its own"):
        build_source(site, site.sources[0], {"BOX": OTHER, "VAN": OTHER})
