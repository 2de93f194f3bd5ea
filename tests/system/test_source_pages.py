"""The pages about sources: their sites work by copy and paste, from bytes on a socket to an incident."""

import re
import socket
import threading
import time
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import httpx
import msgspec
import pytest

from linewatch.app.watching import Around, watch
from linewatch.plugins import load
from linewatch.protocols.cot import CotEvent, to_xml
from linewatch.records import Incident, Record
from linewatch.site.load import check_site, load_site
from linewatch.sources.mqtt.mapping import Mapper, load_map
from tests.brokers import Talker, broker, free_port, until

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = {
    "mqtt": "source-mqtt.md",
    "http": "source-http.md",
    "cot": "source-cot.md",
    "nmea": "source-nmea.md",
    "csv": "source-csv.md",
}


def blocks(page: str, language: str = "toml") -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def lay_out(folder: Path, page: str) -> None:
    """The site of a page, with the course of its line where it shows one."""
    (folder / "site.toml").write_text(blocks(page)[0], encoding="utf-8")
    for course in blocks(page, "json")[:1]:
        (folder / "line.geojson").write_text(course, encoding="utf-8")


@pytest.mark.parametrize("plugin", PAGES)
def test_the_site_of_a_page_has_no_problem_and_its_source_is_the_one_the_card_names(
    plugin: str, tmp_path: Path
) -> None:
    lay_out(tmp_path, PAGES[plugin])
    checked = check_site(tmp_path, {"sources": list(PAGES), "notifiers": []})
    assert checked.problems == ()
    assert load("sources", plugin).card.docs == f"docs/{PAGES[plugin]}"


def test_the_map_of_the_page_reads_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(blocks("source-mqtt.md")[1], encoding="utf-8")
    mapper = Mapper(load_map("mine.toml", tmp_path))
    raw = msgspec.json.encode({"gate": {"open": True}, "at": 1_790_000_000_000, "seq": 4})
    gives = [event.rule.gives for event in mapper.read("yard/north/state", raw, retained=False).events]
    assert gives == ["detection", "health"]


def test_the_unit_and_the_container_start_what_there_is() -> None:
    deploy = DOCS.parent / "deploy"
    unit = (deploy / "linewatch.service").read_text(encoding="utf-8")
    assert "ExecStart=/opt/linewatch/bin/linewatch run " in unit
    assert "WatchdogSec=" in unit
    assert '"run", "/site", "--out"' in (deploy / "Containerfile").read_text(encoding="utf-8")


class Watching:
    """A watch by the wall clock in a thread, over a site in a folder."""

    def __init__(self, folder: Path) -> None:
        self.incidents: list[Incident] = []
        self.port = free_port()
        self.said: list[str] = []
        self._stop = threading.Event()
        self._site = load_site(folder)
        self._store = folder / "store"
        self._thread = threading.Thread(target=self._work)
        self._thread.start()
        until(lambda: any("listening to" in text for text in self.said), 30.0, "the watch")

    def _work(self) -> None:
        around = Around(port=self.port)
        watch(self._site, self._store, around, self.said.append, self._take, self._stop)

    def _take(self, record: Record) -> None:
        if isinstance(record, Incident):
            self.incidents.append(record)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(30.0)


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("GATE_TOKEN", "g" * 32)
    monkeypatch.setenv("PATROL_TOKEN", "p" * 32)
    return "g" * 32


def test_a_row_by_http_becomes_an_incident(tokens: str, tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(blocks("source-http.md")[0], encoding="utf-8")
    watching = Watching(tmp_path)
    try:
        answer = httpx.post(
            f"http://127.0.0.1:{watching.port}/ingest/http/",
            headers={"Authorization": f"Bearer {tokens}"},
            json={"detections": [{"sensor": "gate-1", "id": "4711", "probability": 0.95}]},
            timeout=15.0,
        )
        assert answer.json() == {"accepted": 1, "duplicates": 0, "refused": []}
        until(lambda: watching.incidents, 5.0, "an incident")
    finally:
        watching.close()
    assert watching.incidents[0].sensors == ("gate-1",)


def cry(kind: str, word: str) -> CotEvent:
    now_ns = time.time_ns()
    return CotEvent(
        uid="ANDROID-3f2a-9-1-1",
        type=kind,
        time_ns=now_ns,
        start_ns=now_ns,
        stale_ns=now_ns + 60 * 10**9,
        lat=52.705,
        lon=23.515,
        emergency=word,
    )


def test_an_emergency_by_datagram_becomes_distress_and_taking_it_back_does_not_end_it(tmp_path: Path) -> None:
    lay_out(tmp_path, "source-cot.md")
    port = free_port()
    text = (tmp_path / "site.toml").read_text(encoding="utf-8").replace(":6969", f":{port}")
    (tmp_path / "site.toml").write_text(text, encoding="utf-8")
    watching = Watching(tmp_path)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for kind, word, state in (("b-a-o-tbl", "911 Alert", "raised"), ("b-a-o-can", "cancel", "returned")):

                def told(kind: str = kind, word: str = word, state: str = state) -> bool:
                    sock.sendto(to_xml(cry(kind, word)), ("127.0.0.1", port))
                    return any(incident.state == state for incident in watching.incidents)

                until(told, 10.0, state)
    finally:
        watching.close()
    raised, returned = watching.incidents[0], watching.incidents[-1]
    assert (raised.kind, raised.priority, raised.state) == ("distress", 1, "raised")
    assert "call for help by patrol-1 (911 Alert); the device has not proved who it is" in raised.reason
    assert (returned.id, returned.state, returned.closed_ns) == (raised.id, "returned", None)


def test_a_slow_source_amends_what_a_fast_one_raised_and_never_holds_it_up(tmp_path: Path) -> None:
    """Two devices of one broker see the same mover; the messages of one of them come 20 s late."""
    text = blocks("source-mqtt.md")[0]
    second = '[[sensor]]\nid = "lora-1"\nkind = "geophone"\nat_m = 32.0\nrange_m = 8.0\n\n[[source]]'
    with broker(tmp_path / "broker") as running:
        text = text.replace("[[source]]", second, 1).replace("127.0.0.1:1883", f"127.0.0.1:{running.port}")
        slow = tomllib.loads(text)["source"][0] | {"map": "chirpstack", "sensors": {"00aa": "lora-1"}, "name": "lora"}
        rows = "\n".join(f"{key} = {_toml(value)}" for key, value in slow.items())
        (tmp_path / "site.toml").write_text(
            text.replace(
                "[settings.incident]",
                f"[[source]]\n{rows}\n\n[settings.incident]\nlone_wait_s = 0.0\nlone_detections = 1\n"
                "lone_probability = 0.0",
            ),
            encoding="utf-8",
        )
        watching = Watching(tmp_path)
        talker = Talker(running.port)
        try:
            until(
                lambda: httpx.get(f"http://127.0.0.1:{watching.port}/healthz").text.count('"up":true') == 2,
                20.0,
                "links",
            )
            for moves in ("true", "false", "true"):
                talker.say("zigbee2mqtt/hall/pir-4", f'{{"occupancy":{moves}}}')
            until(lambda: watching.incidents, 2.0, "the incident, within 2 s")
            raised = watching.incidents[0]
            felt = datetime.fromtimestamp(raised.raised_ns // 1_000_000_000 - 20, UTC).isoformat()
            body = {"deduplicationId": "1", "time": felt, "object": {"occupancy": True}}
            talker.say("application/a/device/00aa/event/up", msgspec.json.encode(body))
            said = f"http://127.0.0.1:{watching.port}/metrics"
            until(lambda: 'messages_total{source="lora"} 1' in httpx.get(said).text, 5.0, "the slow one's message")
        finally:
            talker.close()
            watching.close()
    assert raised.sensors == ("pir-4",)
    assert {incident.id for incident in watching.incidents} == {raised.id}


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f'"{key}" = "{inner}"' for key, inner in value.items()) + " }"
    return f'"{value}"'
