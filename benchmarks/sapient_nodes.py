"""Five hundred SAPIENT edge nodes at one door: how fast they register, and whether any report is lost.

    python -m benchmarks.sapient_nodes --json [--quick]

The nodes are separate TCP links in a process of their own; all begin to connect at once. `sapient_register_s` is from
the first connection to the last acceptance. Then each reports one detection a second for a minute (`--quick`: for five
seconds). `sapient_lost` is what was reported and did not become a detection in the source; `sapient_hop_median_ms` the
time from writing a message to its acknowledgement on one more, idle link.
"""

import asyncio
import multiprocessing
import statistics
import time
from multiprocessing.connection import Connection
from typing import Any, Final

from benchmarks.reporting import answer
from linewatch.protocols.sapient import Frames, frame, node_id_of
from linewatch.protocols.sapient_node import Seen, alert, detection, registration
from linewatch.records import Detections
from linewatch.site.model import Line, Section, Site, SourceSpec
from linewatch.site.sensor import Sensor
from linewatch.sources.build import build_source
from linewatch.sources.sapient.source import SapientSource

NODES: Final = 500
_SECONDS: Final = 60
_QUICK_SECONDS: Final = 5
_HOPS: Final = 200
_POLL_S: Final = 0.25


def node_name(number: int) -> str:
    """Id of a node."""
    return node_id_of("benchmark", number)


def bench_site() -> Site:
    """A line of some 68 km, due east, with one camera for each node and one more."""
    line = Line(
        id="main",
        length_m=67_000.0,
        coordinates_deg=((23.0, 52.7), (24.0, 52.7)),
        sections=(Section("S01", "main", 0.0, 67_000.0),),
    )
    cameras = tuple(
        Sensor(id=f"cam-{n}", kind="camera", line="main", at_m=100.0 * (n + 1), range_m=100.0) for n in range(NODES + 1)
    )
    return Site(name="bench", timezone="UTC", lines=(line,), sensors=cameras)


async def _accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
    writer.write(frame(registration(node_name(number), time.time_ns(), "bench", "1", 1.0)))
    frames = Frames()
    while not frames.feed(await reader.read(65_536)):
        pass


async def _node(number: int, port: int, seconds: int, all_in: asyncio.Barrier) -> int:
    """One node: register, wait for all others, report once a second. Gives the number of its reports."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await _accepted(reader, writer, number)
    await all_in.wait()
    await asyncio.sleep(number / NODES)
    lon = 23.0 + 0.9 * number / NODES
    for second in range(seconds):
        seen = Seen(f"{number}", lon, 52.7, 5.0, 0.9, (("Human", 0.9),))
        writer.write(frame(detection(node_name(number), time.time_ns(), seen)))
        await writer.drain()
        if second + 1 < seconds:
            await asyncio.sleep(1.0)
    writer.write_eof()
    await reader.read()
    writer.close()
    return seconds


async def _all_nodes(port: int, seconds: int) -> tuple[float, int]:
    all_in = asyncio.Barrier(NODES + 1)
    began_s = time.perf_counter()
    tasks = [asyncio.create_task(_node(number, port, seconds, all_in)) for number in range(NODES)]
    await all_in.wait()
    register_s = time.perf_counter() - began_s
    return register_s, sum(await asyncio.gather(*tasks))


def _nodes(port: int, seconds: int, answer: Connection) -> None:
    """The process of the nodes."""
    answer.send(asyncio.run(_all_nodes(port, seconds)))


async def _hops(port: int) -> list[float]:
    """Times from an alert to its acknowledgement, in milliseconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await _accepted(reader, writer, NODES)
    frames, found = Frames(), []
    for number in range(_HOPS):
        made = alert(
            node_name(NODES),
            time.time_ns(),
            f"{number}",
            text="bench",
            priority=3,
            confidence=0.5,
            over=False,
            lon=23.5,
            lat=52.7,
            sigma_m=5.0,
        )
        began_s = time.perf_counter()
        writer.write(frame(made))
        while not frames.feed(await reader.read(65_536)):
            pass
        found.append(1000.0 * (time.perf_counter() - began_s))
    writer.close()
    return found


def _drain(source: SapientSource) -> int:
    return sum(len(item) for item in source.poll(time.time_ns() + 10**9) if isinstance(item, Detections))


def measure(*, quick: bool) -> dict[str, Any]:
    """Run it."""
    seconds = _QUICK_SECONDS if quick else _SECONDS
    nodes = {node_name(number): f"cam-{number}" for number in range(NODES + 1)}
    source = build_source(bench_site(), SourceSpec("sapient", {"listen": "127.0.0.1:0", "sensors": nodes}))
    assert isinstance(source, SapientSource)
    source.start()
    try:
        hops = asyncio.run(_hops(source.address[1]))
        _drain(source)
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(
            target=_nodes, args=(source.address[1], seconds, theirs), daemon=True
        )
        process.start()
        taken = 0
        while not ours.poll(_POLL_S):
            taken += _drain(source)
            if not process.is_alive() and not ours.poll():
                raise RuntimeError("the process of the nodes has ended without an answer")
        register_s, sent = ours.recv()
        process.join(10.0)
        time.sleep(_POLL_S)
        taken += _drain(source)
    finally:
        source.close()
    return {
        "sapient_nodes": NODES,
        "sapient_register_s": round(register_s, 3),
        "sapient_lost": sent - taken,
        "sapient_reports": sent,
        "sapient_hop_median_ms": round(statistics.median(hops), 3),
    }


if __name__ == "__main__":
    answer(lambda args: measure(quick=args.quick), __doc__)
