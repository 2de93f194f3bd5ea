"""A site and a cluster without a common folder, and a bus between them that is killed."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import nats
import pytest

from linewatch.app.cluster import bus, tick_log
from linewatch.app.cluster.bus import Carried, relay
from linewatch.app.cluster.plan import Plan
from linewatch.app.cluster.site_run import replay_on_cluster
from linewatch.app.cluster.tick_log import TickLogReader, TickLogWriter
from linewatch.app.replay import replay
from tests.brokers import free_port
from tests.unit.app.cluster.by_hand import ByHand
from tests.unit.app.cluster.test_same_bytes import chain
from tests.unit.app.cluster.walks import three_sections, walks


class Server:
    """A JetStream server on loopback that syncs every write."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._config = folder / "nats.conf"
        self._config.write_text(
            f'listen: "127.0.0.1:{self.port}"\njetstream {{ store_dir: "{folder}/js", sync_interval: always }}\n'
        )
        self.start()

    def start(self) -> None:
        program = shutil.which("nats-server") or str(Path(sys.executable).with_name("nats-server"))
        self.process = subprocess.Popen(
            [program, "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Relay(threading.Thread):
    """One side of the bus, in a thread."""

    def __init__(self, url: str, run: Path, plan: Plan, *, at_site: bool) -> None:
        super().__init__()
        self._url, self._run_folder, self._plan, self._at_site = url, run, plan, at_site
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self.carried: tuple[Carried, Carried] | None = None

    def run(self) -> None:
        made = relay(self._url, "test", self._run_folder, self._plan.versions, at_site=self._at_site, stop=self._ended)
        self.carried = self._loop.run_until_complete(made)
        self._loop.close()

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self.join()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    made.kill()


def wait_for(log: TickLogReader, tick: int, seconds: float = 20.0) -> bytes:
    end = time.monotonic() + seconds
    while (found := log.get(tick)) is None:
        assert time.monotonic() < end, f"tick {tick} did not come"
        time.sleep(0.01)
    return found


def test_a_bus_that_is_killed_and_comes_back_loses_and_doubles_nothing(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus, "PIECE_BYTES", 1_000)
    monkeypatch.setattr(bus, "CLEAN_FRAMES", 4)
    monkeypatch.setattr(bus, "KEPT_TICKS", 5)
    monkeypatch.setattr(tick_log, "ROLL_BYTES", 2_000)
    _, _, plan = three_sections(tmp_path / "site")
    sides = [Relay(server.url, tmp_path / "site" / "run", plan, at_site=True)]
    sides.append(Relay(server.url, tmp_path / "cluster", plan, at_site=False))
    for side in sides:
        side.start()
    log = TickLogWriter(tmp_path / "site" / "run" / "in", "inputs", {})
    there = TickLogReader(tmp_path / "cluster" / "in")
    frames = {tick: bytes([tick]) * (tick * 83) for tick in range(1, 41)}
    try:
        for tick, payload in frames.items():
            log.append(tick, payload)
            if tick == 10:
                wait_for(there, 5)
                server.kill()
            if tick == 30:
                time.sleep(0.2)
                server.start()
        assert wait_for(there, 40) == frames[40]
    finally:
        for side in sides:
            side.end()
        log.close()
    assert {tick: there.get(tick) for tick in frames} == frames and there.repeats == 0
    sent = sides[0].carried
    assert sent is not None and sent[0].breaks > 0
    # What was carried is gone from the sender's log and from the bus, but for a little.
    kept = TickLogReader(tmp_path / "site" / "run" / "in").after(-1)
    assert kept is not None and 25 < kept[0] <= 35
    assert messages_on(server, "LINEWATCH-test-in") < 40


def messages_on(server: Server, stream: str) -> int:
    async def ask() -> int:
        client = await nats.connect(server.url)
        found = await client.jetstream().stream_info(stream)
        await client.close()
        return found.state.messages

    return asyncio.run(ask())


def test_over_a_bus_the_store_is_the_one_of_one_machine(tmp_path: Path, server: Server) -> None:
    site, settings, plan = three_sections(tmp_path / "site")
    replay(site, [walks(5, 8.0)], out=tmp_path / "alone", settings=settings)
    far = tmp_path / "cluster"
    sides = [Relay(server.url, tmp_path / "site" / "run", plan, at_site=True)]
    sides.append(Relay(server.url, far, plan, at_site=False))
    hand = ByHand(far, plan, site, settings, 5)
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.001):
            hand.turn()

    worker = threading.Thread(target=work)
    for thread in (*sides, worker):
        thread.start()
    try:
        with contextlib.closing(hand):
            replay_on_cluster(
                tmp_path / "site" / "run",
                plan,
                site,
                settings,
                lambda: [walks(5, 8.0)],
                out=tmp_path / "over",
                patience_s=30,
            )
            over.set()
            worker.join()
    finally:
        over.set()
        for side in sides:
            side.end()
    assert chain(tmp_path / "over") == chain(tmp_path / "alone")
