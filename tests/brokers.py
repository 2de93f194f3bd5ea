"""A real MQTT broker on loopback, for tests: mosquitto, with a store of its own, that can be stopped and started."""

import getpass
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from linewatch.clock import monotonic_s

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def until(holds: Callable[[], object], within_s: float, what: str) -> None:
    """Wait until something holds, and fail the test when it does not in time."""
    end_s = monotonic_s() + within_s
    while not holds():
        if monotonic_s() > end_s:
            pytest.fail(f"waited {within_s:g} s in vain for {what}")
        threading.Event().wait(0.02)


class Mosquitto:
    """One broker."""

    def __init__(self, folder: Path, port: int, extra: str = "") -> None:
        assert MOSQUITTO, "mosquitto is not installed (Debian package mosquitto)"
        self.port = port
        self.url = f"mqtt://127.0.0.1:{port}"
        self._config = folder / "mosquitto.conf"
        # As root it would become another user, who may not write its store here.
        self._config.write_text(
            f"user {getpass.getuser()}\nlistener {port} 127.0.0.1\nallow_anonymous true\n"
            f"persistence true\npersistence_location {folder}/\nautosave_interval 1\n"
            f"max_queued_messages 0\nset_tcp_nodelay true\n{extra}"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [str(MOSQUITTO), "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(self._listens, 10.0, "a broker that listens")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0):
            return True
        return False


@contextmanager
def broker(folder: Path, extra: str = "") -> Iterator[Mosquitto]:
    """A broker that runs, and is stopped at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    running = Mosquitto(folder, free_port(), extra)
    running.start()
    try:
        yield running
    finally:
        running.stop()


class Talker:
    """Another client of the broker: publishes, and keeps what it hears."""

    def __init__(self, port: int, topics: str = "") -> None:
        self.heard: list[tuple[str, bytes]] = []
        self._ready = threading.Event()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self._client.max_inflight_messages_set(1000)
        self._client.max_queued_messages_set(0)
        self._client.on_connect = lambda client, *_: client.subscribe(topics, qos=1) if topics else self._ready.set()
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = lambda _c, _u, message: self.heard.append((message.topic, message.payload))
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(10.0)

    def say(self, topic: str, payload: str | bytes, *, retain: bool = False) -> None:
        """Publish, and wait until the broker has it."""
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(10.0)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
