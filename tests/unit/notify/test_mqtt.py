"""MQTT against a real broker (mosquitto), read by another client."""

import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from linewatch.errors import SiteError
from linewatch.notify.build import build_notifiers
from tests.unit.notify.made import delivering, incident, outage, settled, site, until, writer

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def broker(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A mosquitto on loopback."""
    assert MOSQUITTO, "mosquitto is not installed (Debian package mosquitto)"
    (folder / "mosquitto.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    command = [MOSQUITTO, "-c", str(folder / "mosquitto.conf")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until(lambda: _listens(port), 10.0, "a broker that listens")
            yield process
        finally:
            process.terminate()
            process.wait(10)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
        return True
    return False


class Listener:
    """Another client, which keeps everything that it hears."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.retained: dict[str, bytes] = {}
        self._ready = threading.Event()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(10)

    def _take(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        self.heard.append((message.topic, bytes(message.payload)))
        self.retained[message.topic] = bytes(message.payload)

    def last(self, topic: str) -> bytes:
        return self.retained.get(topic, b"")

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def listener(port: int) -> Iterator[Listener]:
    made = Listener(port)
    try:
        yield made
    finally:
        made.close()


def table(port: int, **more: object) -> dict[str, object]:
    return {"plugin": "mqtt", "url": f"mqtt://127.0.0.1:{port}", **more}


def test_changes_states_and_the_discovery_of_home_assistant_arrive_at_another_client(tmp_path: Path) -> None:
    port = free_port()
    with broker(tmp_path, port), listener(port) as heard, writer(tmp_path / "store") as store:
        with delivering(store, site(table(port))) as delivery:
            store.write(incident("a", 41), outage())
            settled(delivery, store)
            until(lambda: b'"ON"' in heard.last("linewatch/bench/section/main/s01"), what="the section's state")
            state = json.loads(heard.last("linewatch/bench/section/main/s01"))
            assert (state["incident"], state["open"], state["priority"]) == ("ON", 1, 2)
            assert (state["unwatched"], state["unwatched_m"]) == ("ON", 400.0)
            assert json.loads(heard.last("linewatch/bench/incident/a"))["data"]["id"] == "a"
            assert heard.last("linewatch/bench/available") == b"online"
            config = json.loads(heard.last("homeassistant/binary_sensor/linewatch_bench_main_s01_incident/config"))
            assert config["device_class"] == "motion" and config["state_topic"] in heard.retained
            store.write(incident("a", 42, closed_ns=42, state="closed"), outage(end_ns=30))
            settled(delivery, store)
            until(lambda: json.loads(heard.last(config["state_topic"]))["incident"] == "OFF")
            assert heard.last("linewatch/bench/incident/a") == b""
        until(lambda: heard.last("linewatch/bench/available") == b"offline", what="our last word")
        events = [json.loads(body)["type"] for topic, body in heard.heard if topic == "linewatch/bench/event"]
        assert events == ["incident.raised", "outage.began", "incident.closed", "outage.ended"]


def test_a_broker_that_was_stopped_gets_everything_in_order_once_it_is_back(tmp_path: Path) -> None:
    port = free_port()
    with writer(tmp_path / "store") as store, delivering(store, site(table(port))) as delivery:
        with broker(tmp_path, port):
            store.write(incident("a", 41))
            settled(delivery, store)
        for index in range(42, 52):
            store.write(incident("a", index, priority=1 + index % 3))
        delivery.wake()
        until(lambda: not delivery.status()[0].up, what="that the broker is down")
        with broker(tmp_path, port), listener(port) as heard:
            settled(delivery, store)
            until(lambda: sum(topic.endswith("/event") for topic, _ in heard.heard) >= 10, what="ten events")
            times = [json.loads(body)["data"]["updated_ns"] for topic, body in heard.heard if topic.endswith("/event")]
            assert times == [index * 250_000_000 for index in range(42, 52)]


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"url": "http://x"}, "mqtt://HOST"),
        ({"prefix": "a/#"}, "notify 'mqtt' prefix"),
        ({"authority": "no.pem"}, "PEM"),
    ],
)
def test_a_wrong_setting_is_one_clear_error(more: dict[str, object], named: str) -> None:
    with pytest.raises(SiteError) as raised:
        build_notifiers(site(table(1, **more)))
    assert named in str(raised.value)
