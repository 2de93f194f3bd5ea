"""From bytes on a socket to an incident, and from the incident to bytes on sockets that other sides' libraries read."""

import base64
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from asterix import generated
from lxml import etree
from sapient_msg.bsi_flex_335_v2_0.sapient_message_pb2 import SapientMessage
from standardwebhooks import Webhook as OtherSide

from linewatch.app.delivery import Delivery
from linewatch.app.replay import journal_of
from linewatch.notify.build import build_notifiers
from linewatch.protocols.sapient import node_id_of
from linewatch.protocols.sapient_node import Seen, detection, registration
from linewatch.site.load import load_site
from linewatch.store.reader import open_store
from tests.system.bench import SITE, fence, incidents, linewatch, write_bench
from tests.unit.notify.made import HASTY, until, web_server

KEY = "whsec_" + base64.b64encode(bytes(range(32))).decode()
NODE = node_id_of("a camera")
COURSE = {"type": "LineString", "coordinates": [[23.50, 52.70], [23.53, 52.71], [23.56, 52.70]]}
DAY_NS = 86_400 * 10**9


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def written_site(folder: Path, sapient_port: int, radar_port: int, hook: str, cot_port: int) -> Path:
    folder.mkdir()
    (folder / "line.geojson").write_text(json.dumps({"type": "Feature", "properties": {}, "geometry": COURSE}))
    (folder / "site.toml").write_text(
        f"""
[site]
name = "bench"
[[line]]
id = "main"
geometry = "line.geojson"
[[sensor]]
id = "cam-1"
kind = "camera"
at_m = 600.0
range_m = 200.0
[[sensor]]
id = "radar-1"
kind = "radar"
at_m = 3000.0
range_m = 1000.0
[[source]]
plugin = "sapient"
listen = "127.0.0.1:{sapient_port}"
sensors = {{ "{NODE}" = "cam-1" }}
[[source]]
plugin = "asterix"
listen = "127.0.0.1:{radar_port}"
sensors = {{ "1.2" = "radar-1" }}
[[notify]]
plugin = "webhook"
url = "{hook}"
secret = {{ env = "HOOK" }}
least_priority = 5
[[notify]]
plugin = "cot"
url = "udp://127.0.0.1:{cot_port}"
tracks = false
least_priority = 5
"""
    )
    return folder


@contextmanager
def watching(site: Path, store: Path) -> Iterator[None]:
    """`linewatch run`, as a user runs it."""
    command = [sys.executable, "-m", "linewatch", "run", str(site), "--out", str(store), "--no-port", "--no-console"]
    environment = {**os.environ, "HOOK": KEY}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=30)
        assert process.returncode == 0, said.decode()


def connected(port: int) -> socket.socket:
    made: list[socket.socket] = []

    def reached() -> bool:
        try:
            made.append(socket.create_connection(("127.0.0.1", port), 2.0))
        except OSError:
            return False
        return True

    until(reached, 60.0, "a door that listens")
    return made[0]


def framed(message: SapientMessage) -> bytes:
    body = message.SerializeToString()
    return struct.pack("<I", len(body)) + body


def plot(offset_m: float) -> bytes:
    """One target report of category 048, made by the codec itself."""
    spec = generated.manifest["CATS"][48][-1]
    values = {
        "010": (("SAC", 1), ("SIC", 2)),
        "140": ((time.time_ns() % DAY_NS) / 1e9, "s"),
        "040": (("RHO", (offset_m / 1852.0, "NM")), ("THETA", (30.0, "°"))),
        "161": (0, ("TRN", 7)),
    }
    return bytes(spec.create([spec.cv_record.create(values)]).unparse().to_bytes())


def sensors_told(posts: list[tuple[dict[str, str], bytes]]) -> set[str]:
    return {sensor for headers, body in posts for sensor in OtherSide(KEY).verify(body, headers)["data"]["sensors"]}


@pytest.mark.slow
def test_a_camera_over_sapient_and_a_radar_over_asterix_become_incidents_that_others_read(tmp_path: Path) -> None:
    sapient_port, radar_port = free_port(), free_port(socket.SOCK_DGRAM)
    with (
        web_server() as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tak,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as radar,
    ):
        tak.bind(("127.0.0.1", 0))
        tak.settimeout(5.0)
        site = written_site(tmp_path / "site", sapient_port, radar_port, server.url, tak.getsockname()[1])
        with watching(site, tmp_path / "store"), connected(sapient_port) as node:
            node.sendall(framed(registration(NODE, time.time_ns(), "camera", "1", 1.0)))
            for step in range(300):
                seen = Seen("m1", 23.508, 52.70285 + 1e-5 * (30 - step % 30), 3.0, 0.95, (("Human", 0.95),))
                node.sendall(framed(detection(NODE, time.time_ns(), seen)))
                radar.sendto(plot(120.0 - step % 60), ("127.0.0.1", radar_port))
                if {"cam-1", "radar-1"} <= sensors_told(server.posts):
                    break
                time.sleep(0.2)
            assert {"cam-1", "radar-1"} <= sensors_told(server.posts)
            marker = etree.fromstring(tak.recv(65536))
            assert marker.get("type") == "b-m-p-s-m" and 52.69 < float(marker.find("point").get("lat")) < 52.72


@pytest.mark.slow
def test_the_store_that_a_replay_left_is_told_from_its_beginning(tmp_path: Path) -> None:
    with web_server() as server:
        table = f'[[notify]]\nplugin = "webhook"\nurl = "{server.url}"\nsecret = {{ env = "HOOK" }}\n'
        recording = write_bench(tmp_path, fence(3.0), SITE + table + "from_start = true\nleast_priority = 5\n")
        (found,) = incidents(linewatch("replay", tmp_path, recording, "--json", "--out", tmp_path / "out"))
        site = load_site(tmp_path)
        with open_store(tmp_path / "out") as reader:
            meta = reader.meta()
        with journal_of(tmp_path / "out", site, meta["settings_id"], meta["inputs_id"]) as journal:
            delivery = Delivery(tmp_path / "out", build_notifiers(site, {"HOOK": KEY}), settings=HASTY)
            delivery.start()
            until(lambda: delivery.idle() or delivery.broken is not None, 20.0, "all that was to tell")
            delivery.stop()
            delivery.flush(journal, now=True)
        told = [OtherSide(KEY).verify(body, headers) for headers, body in server.posts]
        assert told[0]["type"] == "incident.raised" and {each["data"]["id"] for each in told} == {found["id"]}
        with open_store(tmp_path / "out") as reader:
            assert reader.outbox("webhook") == []
