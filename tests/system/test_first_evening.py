"""The stranger's test: the page for the first evening, followed word for word, against a real broker."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from linewatch.clock import monotonic_s
from tests.brokers import Mosquitto, Talker, broker, free_port, until

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = (CHECKOUT / "docs" / "first-evening.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL) for line in block.splitlines()]
NOTIFY = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)[-1]


class Stranger:
    """Types what the page says; the port and the minute of listening are the test's own."""

    def __init__(self, folder: Path, running: Mosquitto) -> None:
        self.folder = folder
        self.port = running.port
        self.talker = Talker(running.port, "linewatch/#")
        self.metrics = free_port()

    def here(self, text: str) -> str:
        return text.replace("127.0.0.1:1883", f"127.0.0.1:{self.port}")

    def words(self, command: str) -> list[str]:
        assert command in COMMANDS, f"the page does not say {command!r}"
        verb = shlex.split(self.here(command).replace("--seconds 60", "--seconds 3"))
        assert verb[0] == "linewatch"
        more = ["--port", str(self.metrics)] if verb[1] == "run" else []
        return [sys.executable, "-m", "linewatch", *verb[1:], *more]

    def types(self, command: str) -> str:
        done = subprocess.run(
            self.words(command), capture_output=True, text=True, cwd=self.folder, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def begins(self, command: str) -> "subprocess.Popen[str]":
        out = (self.folder / "said.txt").open("w", encoding="utf-8")
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        with out:
            return subprocess.Popen(
                self.words(command), stdout=out, stderr=subprocess.STDOUT, text=True, cwd=self.folder, env=environment
            )

    def said(self) -> str:
        return (self.folder / "said.txt").read_text(encoding="utf-8")

    def plays_the_sensor(self, command: str) -> None:
        assert command in COMMANDS, f"the page does not say {command!r}"
        _, _, topic, _, message = shlex.split(command)
        self.talker.say(topic, message)


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[Stranger]:
    with broker(tmp_path / "broker") as running:
        one = Stranger(tmp_path, running)
        yield one
        one.talker.close()


QUIET = """mosquitto_pub -t zigbee2mqtt/hall/pir-4 -m '{"occupancy": false, "battery": 97}'"""
MOVES = """mosquitto_pub -t zigbee2mqtt/hall/pir-4 -m '{"occupancy": true, "battery": 97}'"""


def test_one_motion_sensor_is_enough_to_see_an_incident_within_a_minute_of_the_machine(stranger: Stranger) -> None:
    begun_s = monotonic_s()
    assert "sources: mqtt" in stranger.types("linewatch plugins")

    listening = stranger.begins("linewatch init garden --mqtt mqtt://127.0.0.1:1883 --seconds 60")
    until(lambda: "listening to" in stranger.said(), 30.0, "the minute of listening")
    until(lambda: stranger.plays_the_sensor(QUIET) or listening.poll() is not None, 30.0, "the end of it")
    assert listening.returncode == 0, stranger.said()
    assert "zigbee2mqtt: hall/pir-4: pir" in stranger.said()

    site = stranger.folder / "garden" / "site.toml"
    site.write_text(f"{site.read_text(encoding='utf-8')}\n{stranger.here(NOTIFY)}", encoding="utf-8")
    watching = stranger.begins("linewatch run garden")
    try:
        until(lambda: "listening to mqtt:zigbee2mqtt" in stranger.said(), 30.0, "the watch")
        until(lambda: any("zigbee2mqtt/available" in topic for topic, _ in stranger.talker.heard), 10.0, "its link")
        stranger.plays_the_sensor(QUIET)
        stranger.plays_the_sensor(MOVES)
        moved_s = monotonic_s()
        until(lambda: "one infra-red sensor" in stranger.said(), 10.0, "the incident, printed")
        printed_s = monotonic_s() - moved_s
        until(lambda: any(topic.endswith("/event") for topic, _ in stranger.talker.heard), 10.0, "the incident, told")
    finally:
        watching.send_signal(signal.SIGTERM)
        watching.wait(20)
    assert watching.returncode == 0, stranger.said()
    assert printed_s < 3.0
    assert monotonic_s() - begun_s < 60.0
    done = [sys.executable, "-m", "linewatch", "verify", "garden/store"]
    assert subprocess.run(done, cwd=stranger.folder, check=False, capture_output=True).returncode == 0


def test_the_sensor_is_listened_to_beside_a_watch(stranger: Stranger) -> None:
    (stranger.folder / "garden").mkdir()
    (stranger.folder / "garden" / "site.toml").write_text(
        f"""
[site]
name = "Garden"
[[line]]
id = "main"
length_m = 20.0
[[sensor]]
id = "pir-4"
kind = "pir"
at_m = 10.0
[[source]]
plugin = "mqtt"
url = "mqtt://127.0.0.1:{stranger.port}"
map = "zigbee2mqtt"
sensors = {{ "hall/pir-4" = "pir-4" }}
""",
        encoding="utf-8",
    )
    listening = stranger.begins("linewatch listen garden")
    try:
        until(
            lambda: stranger.plays_the_sensor(QUIET) or "nothing happened by it" in stranger.said(), 30.0, "a message"
        )
        stranger.plays_the_sensor(MOVES)
        stranger.talker.say("zigbee2mqtt/elsewhere", '{"occupancy": true}')
        until(lambda: "detection by pir-4, main" in stranger.said(), 10.0, "what it became")
        until(lambda: "elsewhere is no sensor of the site" in stranger.said(), 10.0, "why another became nothing")
    finally:
        listening.terminate()  # an interrupt is ignored by what a shell has put in the background
        listening.wait(20)
    assert "elsewhere is no sensor of the site" in stranger.said()
