"""A site edited under a running watch: taken up by `linewatch reload` or SIGHUP between two ticks, or not at all."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from linewatch.app.settings_history import history_of
from linewatch.app.watch_link import reload
from linewatch.errors import StoreError
from linewatch.records import Tick, from_bytes
from linewatch.store import verify
from linewatch.store.reader import open_store
from tests.brokers import free_port, until
from tests.system.bench import linewatch

SITE = """
[site]
name = "yard"
[[line]]
id = "main"
length_m = 600.0
[[sensor]]
id = "gate-1"
kind = "contact"
at_m = 100.0
range_m = 5.0
[[source]]
plugin = "http"
[[source.caller]]
name = "box"
token = { env = "TOKEN" }
sensors = ["gate-1"]
[settings.incident]
unsure_s = 0.0
"""
SECOND = '[[sensor]]\nid = "gate-2"\nkind = "contact"\nat_m = 300.0\nrange_m = 5.0\n[[source]]'


class Watched:
    """`linewatch run`, as a user runs it."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self.process = process
        self._door = f"http://127.0.0.1:{port}/ingest/http/"

    def tell(self, sensor: str) -> int:
        """What a detection of this sensor is answered with."""
        body = {"detections": [{"sensor": sensor, "probability": 0.95}]}
        return httpx.post(
            self._door, headers={"Authorization": "Bearer " + "t" * 32}, json=body, timeout=15
        ).status_code

    def said(self) -> str:
        """The next line that it prints of a reload."""
        assert self.process.stdout is not None
        return next(line for line in self.process.stdout if "the site was" in line or "not taken up" in line)


@contextmanager
def watched(site: Path) -> Iterator[Watched]:
    port = free_port()
    command = [sys.executable, "-m", "linewatch", "run", str(site), "--port", str(port), "--no-console"]
    environment = {**os.environ, "TOKEN": "t" * 32, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            watching = Watched(process, port)
            until(lambda: _is_up(port), 60.0, "a watch")
            yield watching
        finally:
            process.send_signal(signal.SIGTERM)
            rest, _ = process.communicate(timeout=30)
        assert process.returncode == 0, rest


def _is_up(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    except httpx.HTTPError:
        return False


def write(site: Path, text: str) -> None:
    (site / "site.toml").write_text(text, encoding="utf-8")


@pytest.mark.slow
def test_a_site_edited_under_a_running_watch_is_taken_up_or_refused_and_no_tick_is_missed(tmp_path: Path) -> None:
    write(tmp_path, SITE)
    store = tmp_path / "store"
    with watched(tmp_path) as watch:
        assert (watch.tell("gate-1"), watch.tell("gate-2")) == (200, 422)

        write(tmp_path, SITE.replace("[[source]]", SECOND).replace('["gate-1"]', '["gate-1", "gate-2"]'))
        done = linewatch("reload", store, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == {"taken_up": True, "said": "sensors or places, sources"}
        assert "taken up" in watch.said()
        assert (watch.tell("gate-1"), watch.tell("gate-2")) == (200, 200)

        write(tmp_path, SITE.replace("at_m = 100.0", "at_m = -5.0").replace("unsure_s", "nonsense"))
        done = linewatch("reload", store)
        assert done.returncode == 2 and done.stderr.startswith("linewatch reload: all stays as it was: site.toml: ")
        assert done.stderr.count("\n") == 1
        assert "not taken up" in watch.said()
        assert watch.tell("gate-2") == 200

        write(tmp_path, SITE.replace("unsure_s = 0.0", "unsure_s = 0.0\nreturn_s = 7.0"))
        watch.process.send_signal(signal.SIGHUP)
        assert watch.said().rstrip().endswith("changed: settings, sensors or places, sources")
        assert (watch.tell("gate-1"), watch.tell("gate-2")) == (200, 422)
    with pytest.raises(StoreError, match="the store of a running watch"):
        reload(store)
    assert not verify(store).breaks
    with open_store(store) as reader:
        payloads = [entry.payload for entry in reader.entries(kinds=("tick",))]
        sites = [entry.kind for entry in reader.entries(kinds=("site",))]
        told = [audit.entry.kind for audit in reader.audits() if audit.entry.kind in ("reload", "settings")]
    ticks = [tick.index for raw in payloads if raw and isinstance(tick := from_bytes(raw), Tick)]
    assert ticks == list(range(ticks[0], ticks[0] + len(ticks)))
    assert len(sites) == 3 and told.count("reload") == 3
    assert history_of(store)[-1].changed == {"incident.return_s": (30.0, 7.0)}
