"""Sources of raw samples: their pages work by copy and paste, from bytes on a socket to an incident."""

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import zmq

from linewatch.app.exporting import export
from linewatch.app.replay import replay
from linewatch.evidence.clip_file import read_clip
from linewatch.plugins import load
from linewatch.records import Block
from linewatch.site.load import check_site, load_site
from linewatch.sources.build import build_source
from linewatch.sources.das._frames import write_frame
from linewatch.sources.recording import find_recordings
from linewatch.sources.recording._mseed_files import files_of, scan_file
from tests.brokers import free_port, until
from tests.das_files import write_das
from tests.onvif_device import message, onvif_device
from tests.rtsp_server import rtsp_server, walker, write_clip
from tests.seedlink_server import SeedLinkServer, records_of, seedlink_server
from tests.system.bench import fence
from tests.system.test_source_pages import DOCS, Watching, blocks

if TYPE_CHECKING:
    from linewatch.ports import Item

PAGES = {
    "das": "source-das.md",
    "onvif": "source-onvif.md",
    "seedlink": "source-seedlink.md",
    "video": "source-video.md",
}
S = 10**9


@pytest.mark.parametrize("plugin", PAGES)
def test_the_site_of_a_page_has_no_problem_and_its_source_is_the_one_the_card_names(
    plugin: str, tmp_path: Path
) -> None:
    write_site(tmp_path, PAGES[plugin])
    assert check_site(tmp_path, {"sources": list(PAGES), "notifiers": []}).problems == ()
    assert load("sources", plugin).card.docs == f"docs/{PAGES[plugin]}"


def write_site(folder: Path, page: str, *changes: tuple[str, str]) -> None:
    """The site of a page, with what else the page has for it."""
    text = blocks(page)[0]
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    (folder / "site.toml").write_text(text, encoding="utf-8")
    for raw in re.findall(r"```json\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), flags=re.DOTALL):
        (folder / "line.geojson").write_text(raw, encoding="utf-8")


def walk(folder: Path) -> tuple[np.ndarray, float]:
    """Somebody walks past a real geophone: counts, and their rate."""
    with np.load(min((folder / "geophone_footsteps" / "walker_a" / "slow_500hz").glob("*.npz"))) as arrays:
        packets, sent_us = arrays["data"], arrays["send_time"].astype(np.float64)
    return packets.ravel().astype(np.int32), packets.shape[1] / (float(np.median(np.diff(sent_us))) / 1e6)


def test_steps_past_a_geophone_become_an_incident(shared_data: Path, tmp_path: Path) -> None:
    samples, rate_hz = walk(shared_data)
    with seedlink_server(version=3) as server:
        text = blocks(PAGES["seedlink"])[0].replace("127.0.0.1:18000", f"127.0.0.1:{server.port}")
        (tmp_path / "site.toml").write_text(text, encoding="utf-8")
        watching = Watching(tmp_path)
        try:
            until(lambda: any(line == "END" for line in server.asked), 10.0, "the link")
            time.sleep(3.0)  # what is told of the time before the watch began is too late
            feed_in_time(server, samples[: round(17.0 * rate_hz)], rate_hz)
            until(lambda: watching.incidents, 10.0, "an incident")
        finally:
            watching.close()
    assert watching.incidents[0].sensors == ("geo-1",)
    assert abs(watching.incidents[0].chainage_m - 120.0) <= 15.0


def test_a_walk_in_miniseed_is_replayed_and_exported_as_miniseed_with_every_sample(
    shared_data: Path, tmp_path: Path
) -> None:
    samples, rate_hz = walk(shared_data)
    (tmp_path / "site.toml").write_text(blocks(PAGES["seedlink"])[0], encoding="utf-8")
    (tmp_path / "walk.mseed").write_bytes(b"".join(records_of(samples, 1_790_000_000 * S, rate_hz)))
    (tmp_path / "recording.toml").write_text('sensor = "geo-1"\ndata = ["walk.mseed"]\nformat = "miniseed"\n')
    site = load_site(tmp_path)
    found = replay(site, find_recordings([tmp_path], site), out=tmp_path / "out").incidents
    assert found[0].sensors == ("geo-1",)
    export(tmp_path / "out", found[0].id, tmp_path / "bundle")
    (kept,) = (tmp_path / "bundle" / "clips").glob("*.mseed")
    (clip,) = (tmp_path / "bundle" / "clips").glob("*.h5")
    (run,) = scan_file(kept).streams.values()
    again = np.concatenate([file.view() for file in files_of(run)])
    original = np.concatenate([block.samples for _, block in read_clip(clip).blocks])
    np.testing.assert_array_equal(again, original)


def test_a_file_put_into_the_watched_folder_becomes_an_incident(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(blocks(PAGES["das"])[0], encoding="utf-8")
    (tmp_path / "das").mkdir()
    write_das(tmp_path / "other.h5", fence(0.1), time.time_ns())  # whoever writes the first file waits for dascore
    watching = Watching(tmp_path)
    try:
        time.sleep(1.0)  # as above
        write_das(tmp_path / "das" / "now.h5", fence(4.0, event=(2.9, 3.9)), time.time_ns() - 4 * S)
        until(lambda: watching.incidents, 15.0, "an incident")
    finally:
        watching.close()
    assert watching.incidents[0].sensors == ("fence-1",)
    assert 38.0 <= watching.incidents[0].chainage_m <= 62.0


def test_frames_of_a_stream_become_an_incident(tmp_path: Path) -> None:
    with zmq.Context() as context, context.socket(zmq.XPUB) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        port = socket.bind_to_random_port("tcp://127.0.0.1")
        text = blocks(PAGES["das"])[0].replace('folder = "das"', f'stream = "tcp://127.0.0.1:{port}"')
        (tmp_path / "site.toml").write_text(text, encoding="utf-8")
        watching = Watching(tmp_path)
        try:
            assert socket.poll(10_000), "nobody subscribes"
            time.sleep(2.0)  # as above
            samples, start_ns = fence(4.0, event=(2.9, 3.9)), time.time_ns() - 4 * S
            for seq in range(40):
                part = samples[seq * 100 : (seq + 1) * 100]
                socket.send_multipart(write_frame(part, start_ns + seq * S // 10, 1000.0, seq))
            until(lambda: watching.incidents, 10.0, "an incident")
        finally:
            watching.close()
    assert watching.incidents[0].sensors == ("fence-1",)


def test_the_publisher_of_the_page_is_heard(tmp_path: Path) -> None:
    port = free_port()
    text = blocks(PAGES["das"])[0].replace('folder = "das"', f'stream = "tcp://127.0.0.1:{port}"')
    (tmp_path / "site.toml").write_text(text, encoding="utf-8")
    script = re.findall(r"```python\n(.*?)```", (DOCS / PAGES["das"]).read_text(encoding="utf-8"), flags=re.DOTALL)[0]
    site = load_site(tmp_path)
    source = build_source(site, site.sources[0])
    publisher = subprocess.Popen([sys.executable, "-c", script.replace("5555", str(port))])
    given: list[Item] = []
    try:
        source.start()  # type: ignore[attr-defined]
        until(lambda: given.extend(source.poll(time.time_ns() + S)) or len(given) > 3, 10.0, "frames")
    finally:
        source.close()
        publisher.wait(10.0)
    assert all(isinstance(item, Block) and item.samples.shape[1] == 96 for item in given)


def test_somebody_who_walks_past_a_camera_becomes_an_incident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAM_1_PASSWORD", "p" * 12)
    write_clip(tmp_path / "cam.mp4", walker(75))
    with rtsp_server(tmp_path) as server:
        at_once = "[settings.incident]\nunsure_s = 0.0\n\n[settings.video]"
        address = ("rtsp://127.0.0.1:8554/cam-1", server.url("cam.mp4"))
        write_site(tmp_path, PAGES["video"], address, ("[settings.video]", at_once))
        watching = Watching(tmp_path)
        try:
            until(lambda: watching.incidents, 20.0, "an incident")
        finally:
            watching.close()
    assert watching.incidents[0].sensors == ("cam-1",)


def test_motion_that_a_camera_reports_becomes_an_incident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAM_1_PASSWORD", "p" * 12)
    with onvif_device("p" * 12) as device:
        write_site(tmp_path, PAGES["onvif"], ("http://127.0.0.1:8000/onvif/device_service", device.url))
        watching = Watching(tmp_path)
        try:
            until(lambda: "PullMessages" in device.asked, 10.0, "a subscription")
            device.notify(message("tns1:RuleEngine/CellMotionDetector/Motion", IsMotion="true"))
            until(lambda: watching.incidents, 10.0, "an incident")
        finally:
            watching.close()
    assert watching.incidents[0].sensors == ("cam-1",)


def feed_in_time(server: SeedLinkServer, samples: np.ndarray, rate_hz: float) -> None:
    """As if all of it had just been recorded."""
    start_ns = time.time_ns() - round(len(samples) / rate_hz * S)
    server.feed(*records_of(samples, start_ns, rate_hz))
