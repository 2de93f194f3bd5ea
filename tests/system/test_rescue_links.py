"""A cry for help, calls to contacts one after the other, and the link that one of them presses: real processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from linewatch.protocols.cot import CotEvent, to_xml
from linewatch.store.notes import decode_note
from linewatch.store.reader import open_store
from tests.brokers import free_port, until
from tests.system.test_source_pages import lay_out
from tests.unit.notify.made import WebServer, web_server

RESCUE = """
[[notify]]
plugin = "rescue"
ack_within_s = 1.0
rounds = 1
link = "http://127.0.0.1:{port}/ack"
link_secret = {{ env = "LINK_SECRET" }}
contacts = [
  {{ role = "desk", to = {{ env = "DESK" }} }},
  {{ role = "county", to = {{ env = "COUNTY" }} }},
]
"""


@contextmanager
def running(site: Path, port: int, console_port: int, environment: dict[str, str]) -> Iterator[None]:
    """`linewatch run` with its console, as a user runs it, from when both can be reached."""
    command = [sys.executable, "-m", "linewatch", "run", str(site), "--port", str(port)]
    command += ["--console-port", str(console_port)]
    kept = {**os.environ, **environment}
    with subprocess.Popen(command, env=kept, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            until(lambda: _answers(port) and _answers(console_port), 60.0, "a watch and its console")
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=30)
        assert process.returncode == 0, said.decode()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code in (200, 404)
    except httpx.HTTPError:
        return False


def cry(port: int, uid: str) -> None:
    now_ns = time.time_ns()
    said = CotEvent(
        uid=f"{uid}-9-1-1",
        type="b-a-o-tbl",
        time_ns=now_ns,
        start_ns=now_ns,
        stale_ns=now_ns + 60 * 10**9,
        lat=52.705,
        lon=23.515,
        emergency="911 Alert",
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(to_xml(said), ("127.0.0.1", port))


def links(server: WebServer) -> list[str]:
    """The link at the end of each message that a contact got."""
    return [str(json.loads(body)["message"]).rsplit(" ", 1)[1] for _, body in server.posts]


def rescue_audits(store: Path) -> list[str]:
    with open_store(store) as reader:
        return [
            decode_note(audit.entry.payload).text
            for audit in reader.audits()
            if audit.entry.kind == "rescue" and audit.entry.payload is not None
        ]


@pytest.mark.slow
def test_who_presses_the_button_stops_the_calls_and_who_does_not_is_followed_by_the_next(tmp_path: Path) -> None:
    lay_out(tmp_path, "source-cot.md")
    udp, port, console_port = free_port(), free_port(), free_port()
    store = tmp_path / "store"
    text = (tmp_path / "site.toml").read_text(encoding="utf-8").replace(":6969", f":{udp}")
    (tmp_path / "site.toml").write_text(text + RESCUE.format(port=port), encoding="utf-8")
    with web_server() as desk, web_server() as county:
        secrets = {"LINK_SECRET": "s" * 20, "DESK": desk.url, "COUNTY": county.url}
        secrets |= {name: secrets[name].replace("http://", "json://") for name in ("DESK", "COUNTY")}
        with running(tmp_path, port, console_port, secrets):
            cry(udp, "first")
            until(lambda: links(desk), 10.0, "a call to the desk")
            (link,) = links(desk)
            assert "I take this call" in httpx.get(link).text
            until(lambda: rescue_audits(store), 5.0, "the record of the call")
            assert httpx.post(link[:-1] + "x").status_code == 404
            assert "It is recorded" in httpx.post(link).text
            until(lambda: len(rescue_audits(store)) == 2, 5.0, "the record of the acknowledgement")
            cry(udp, "second")
            until(lambda: links(county), 10.0, "a call to the county, since the desk took no notice")
            (other,) = links(county)
            answer = httpx.post(other.replace(f":{port}/", f":{console_port}/"))
            assert "It is recorded" in answer.text
            assert answer.headers.get_list("content-security-policy")[0].endswith("form-action 'self'")
            until(lambda: len(rescue_audits(store)) == 5, 5.0, "its record")
    said = [" ".join(each.split(" ")[0::2]) for each in rescue_audits(store)]
    assert said == ["called desk", "acknowledged desk", "called desk", "called county", "acknowledged county"]
    assert len(desk.posts) == 2 and len(county.posts) == 1
