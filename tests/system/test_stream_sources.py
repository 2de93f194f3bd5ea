"""Sources of raw samples: their pages work by copy and paste, from bytes on a socket to an incident."""

import time
from pathlib import Path

import numpy as np
import pytest

from linewatch.app.exporting import export
from linewatch.app.replay import replay
from linewatch.evidence.clip_file import read_clip
from linewatch.plugins import load
from linewatch.site.load import check_site, load_site
from linewatch.sources.recording import find_recordings
from linewatch.sources.recording._mseed_files import files_of, scan_file
from tests.brokers import until
from tests.seedlink_server import SeedLinkServer, records_of, seedlink_server
from tests.system.test_source_pages import Watching, blocks

PAGES = {"seedlink": "source-seedlink.md"}
S = 10**9


@pytest.mark.parametrize("plugin", PAGES)
def test_the_site_of_a_page_has_no_problem_and_its_source_is_the_one_the_card_names(
    plugin: str, tmp_path: Path
) -> None:
    (tmp_path / "site.toml").write_text(blocks(PAGES[plugin])[0], encoding="utf-8")
    assert check_site(tmp_path, {"sources": list(PAGES), "notifiers": []}).problems == ()
    assert load("sources", plugin).card.docs == f"docs/{PAGES[plugin]}"


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


def feed_in_time(server: SeedLinkServer, samples: np.ndarray, rate_hz: float) -> None:
    """As if all of it had just been recorded."""
    start_ns = time.time_ns() - round(len(samples) / rate_hz * S)
    server.feed(*records_of(samples, start_ns, rate_hz))
