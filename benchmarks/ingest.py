"""How much comes in and whether any of it is lost: `python -m benchmarks.ingest --json`.

A mosquitto on loopback (quality of service 1, its store on disk), a publisher of `--rate` messages of JSON a second
from 1,000 devices, and a watch of its own process that maps, journals and acknowledges them. In the middle the broker
is stopped and started, and the watch is killed with `kill -9` and started again. Each message has a stamp of its own,
so that the journal tells which are missing (`mqtt_lost`) and which stand in it twice (`mqtt_doubled`). `mqtt_per_s` is
all messages over the time from the first one published to the last one committed, breaks and the start of a new watch
included; `mqtt_steady_per_s` is what was committed before the first break over that time. `hop_median_ms` is from a
publisher's call to a source's hands, one message at a time. `link_us` is the processor time that a message takes from
the broker's socket to the source's buffer and its acknowledgement, of messages that lie at the broker (`link_per_s`:
how many of them a second). SAPIENT figures are null: they are not measured here.
"""

import argparse
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import paho.mqtt.client as paho

from benchmarks.reporting import Figures, answer
from linewatch.errors import StoreError
from linewatch.ports import Heard
from linewatch.records import Detections, from_bytes
from linewatch.site.load import load_site
from linewatch.sources.build import build_source
from linewatch.sources.worked import WorkedSource
from linewatch.store.reader import open_store
from tests.brokers import Mosquitto, broker

DEVICES, LENGTH_M = 1_000, 200_000.0
MAP = """\
title = "benchmark"
subscribe = ["bench/#"]
[[rule]]
topic = "bench/{device}"
gives = "detection"
time = "t"
probability = 0.2
"""


def write_site(folder: Path, url: str) -> None:
    """A long straight line with many event sensors."""
    rows = "".join(f"d{n},pir,{(n + 0.5) * LENGTH_M / DEVICES:.1f},12\n" for n in range(DEVICES))
    (folder / "sensors.csv").write_text(f"id,kind,at_m,range_m\n{rows}", encoding="utf-8")
    (folder / "bench.toml").write_text(MAP, encoding="utf-8")
    sections = "".join(
        f'[[section]]\nname = "S{n:02d}"\nfrom_m = {n * 4000.0}\nto_m = {(n + 1) * 4000.0}\n' for n in range(50)
    )
    (folder / "site.toml").write_text(
        f'[site]\nname = "bench"\nsensors = "sensors.csv"\n[[line]]\nid = "main"\nlength_m = {LENGTH_M}\n{sections}'
        f'[[source]]\nplugin = "mqtt"\nname = "bench"\nurl = "{url}"\nmap = "bench.toml"\n',
        encoding="utf-8",
    )


def publish(port: int, rate: float, seconds: float, told: "multiprocessing.Queue[int]") -> None:
    """Publish at this rate; every message has a stamp of its own, in whole microseconds."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="bench-publisher", clean_session=False)
    client.max_inflight_messages_set(2_000)
    client.max_queued_messages_set(0)
    client.reconnect_delay_set(1, 1)
    client.connect("127.0.0.1", port)
    client.loop_start()
    begun_ns, sent, last_us = time.time_ns(), 0, 0
    total = int(rate * seconds)
    while sent < total:
        due = min(total, int((time.time_ns() - begun_ns) / 1e9 * rate))
        while sent < due:
            last_us = max(last_us + 1, time.time_ns() // 1000)
            payload = f'{{"t": {last_us / 1e6:.6f}, "battery": 97, "linkquality": 118, "voltage": 3015, "n": {sent}}}'
            client.publish(f"bench/d{sent % DEVICES}", payload, qos=1)
            sent += 1
        time.sleep(0.005)
    while client._out_messages:  # noqa: SLF001 - paho has no other word for what the broker has not taken yet
        time.sleep(0.05)
    told.put(sent)
    client.disconnect()
    client.loop_stop()


def start_watch(folder: Path) -> "subprocess.Popen[bytes]":
    """A watch in a process of its own, that listens."""
    words = [
        sys.executable,
        "-m",
        "linewatch",
        "run",
        str(folder),
        "--out",
        str(folder / "store"),
        "--no-port",
        "--json",
    ]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL)  # noqa: S603 - this package's own verb


def stamps_in(store: Path, from_seq: int = 0) -> tuple[np.ndarray, int]:
    """The stamps of all detections that the journal holds from an entry on, and the next entry."""
    found = [np.empty(0, np.int64)]
    with open_store(store) as reader:
        last = reader.last_seq()
        for entry in reader.entries(kinds=("arrival",), from_seq=from_seq):
            record = None if entry.payload is None else from_bytes(entry.payload)
            if isinstance(record, Detections):
                found.append(record.time_ns)
    return np.concatenate(found), last + 1


def wait_for(folder: Path, count: int, patience_s: float) -> tuple[np.ndarray, float]:
    """All stamps once so many are there, or nothing more has come for so long; and when the last one had come."""
    stamps, next_seq = np.empty(0, np.int64), 0
    came_s = time.time()
    while True:
        more, next_seq = stamps_in(folder / "store", next_seq)
        if len(more):
            stamps, came_s = np.concatenate([stamps, more]), time.time()
        if len(np.unique(stamps)) >= count or time.time() > came_s + patience_s:
            return stamps, came_s
        time.sleep(0.5)


def storm(folder: Path, running: Mosquitto, rate: float, seconds: float) -> Figures:
    """The load, with a broker that restarts and a watch that is killed."""
    write_site(folder, running.url)
    watch = start_watch(folder)
    told: multiprocessing.Queue[int] = multiprocessing.Queue()
    while not (folder / "store" / "linewatch.sqlite").exists() or not _ticks(folder):
        time.sleep(0.2)
    time.sleep(2.0)
    begun_s = time.time()
    publisher = multiprocessing.Process(target=publish, args=(running.port, rate, seconds, told))
    publisher.start()
    time.sleep(seconds / 3)
    steady, _ = stamps_in(folder / "store")
    steady_s = time.time() - begun_s
    running.stop()
    time.sleep(1.0)
    running.start()
    time.sleep(seconds / 3)
    os.kill(watch.pid, signal.SIGKILL)
    watch.wait()
    time.sleep(1.0)
    watch = start_watch(folder)
    sent = told.get(timeout=seconds * 10 + 300)
    publisher.join()
    stamps, ended_s = wait_for(folder, sent, 30.0)
    watch.send_signal(signal.SIGTERM)
    watch.wait(30)
    unique = len(np.unique(stamps))
    return {
        "mqtt_messages": sent,
        "mqtt_per_s": sent / (ended_s - begun_s) if unique == sent else unique / (ended_s - begun_s),
        "mqtt_steady_per_s": len(steady) / steady_s,
        "mqtt_offered_per_s": rate,
        "mqtt_lost": sent - unique,
        "mqtt_doubled": len(stamps) - unique,
    }


def _ticks(folder: Path) -> bool:
    try:
        with open_store(folder / "store") as reader:
            return reader.last_seq() > 3
    except StoreError:  # it is being made
        return False


def hop(folder: Path, running: Mosquitto, count: int) -> Figures:
    """From a publisher's call into a source's hands, one message at a time."""
    write_site(folder, running.url)
    site = load_site(folder)
    source = build_source(site, site.sources[0], only_listening=True)
    took_ms: list[float] = []
    came = threading.Event()

    def listen(heard: Heard) -> None:
        took_ms.append((heard.time_ns - sent_ns[0]) / 1e6)
        came.set()

    sent_ns = [0]
    source.listen(listen)  # type: ignore[attr-defined]
    source.start()  # type: ignore[attr-defined]
    while not source.status().up:  # type: ignore[attr-defined]
        time.sleep(0.05)
    time.sleep(0.5)
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", running.port)
    client.loop_start()
    for number in range(count):
        came.clear()
        sent_ns[0] = time.time_ns()
        client.publish(f"bench/d{number % DEVICES}", f'{{"t": {time.time():.6f}}}', qos=1)
        came.wait(5.0)
        time.sleep(0.01)
    client.disconnect()
    client.loop_stop()
    source.close()
    return {"hop_median_ms": float(np.median(took_ms)), "hop_p99_ms": float(np.percentile(took_ms, 99))}


def link(folder: Path, running: Mosquitto, count: int) -> Figures:
    """What lies at the broker is taken by a source alone, as fast as it can."""
    write_site(folder, running.url)
    site = load_site(folder)

    def connected() -> WorkedSource:
        source = build_source(site, site.sources[0])
        assert isinstance(source, WorkedSource)
        source.start()
        while not source.status().up:
            time.sleep(0.01)
        return source

    connected().close()
    told: multiprocessing.Queue[int] = multiprocessing.Queue()
    publisher = multiprocessing.Process(target=publish, args=(running.port, 1e6, count / 1e6, told))
    publisher.start()
    publisher.join()
    begun_s, begun_cpu_s, taken = time.monotonic(), time.process_time(), 0
    source = connected()
    while taken < count and time.monotonic() - begun_s < 60.0:
        time.sleep(0.1)
        items = source.poll(time.time_ns())
        taken += sum(len(item) for item in items if isinstance(item, Detections))
        source.committed(source.position())
    took_s = time.monotonic() - begun_s
    source.close()
    return {"link_us": (time.process_time() - begun_cpu_s) / max(taken, 1) * 1e6, "link_per_s": taken / took_s}


def measure(args: argparse.Namespace) -> Figures:
    """Both parts."""
    seconds = min(args.seconds, 15.0) if args.quick else args.seconds
    with tempfile.TemporaryDirectory(prefix="linewatch-ingest-") as place:
        folder = Path(place)
        with broker(folder / "broker") as running:
            (folder / "hop").mkdir()
            figures = hop(folder / "hop", running, 100 if args.quick else 1_000)
            (folder / "link").mkdir()
            figures |= link(folder / "link", running, 5_000 if args.quick else 20_000)
            if args.link_only:
                return figures
            (folder / "storm").mkdir()
            figures |= storm(folder / "storm", running, args.rate, seconds)
    return {**figures, "sapient_nodes": None, "sapient_register_s": None, "sapient_lost": None}


def _more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rate", type=float, default=5_000.0, help="messages a second")
    parser.add_argument("--link-only", action="store_true", help="leave out the load with its breaks")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long they are published")


def main() -> None:
    """Run as a command."""
    answer(measure, __doc__, more=_more)


if __name__ == "__main__":
    main()
