"""The console under load: 1,000 tracks and 20,000 detections a second on the reference line, a browser, 50 readers.

The record is written by a process of its own without a watch (`benchmarks.console_load`), so that what is measured is
the console. `queue_s`, `map_s`: from asking for the page until queue and strip, and the map, can be used.
`commit_to_pixel_p99_ms`: from the commit of a new incident until the frame after its row stands in the page.
`fps_rest`, `fps_pan`: frames a second of the page at rest and while the strip is dragged. `feed_lag_s`: p99 from tick
to arrival over 50 readers, one of whom reads nothing (`slow_told`: that one was told or cut off). `memory_growth_mb`:
growth of the page's heap over `memory_minutes` of load. `wheel_mb`: size of the wheel. `next_run_s`: from
`linewatch demo` until its address is printed. `first_run_s`: the same for `make run` in a fresh clone, only with
`--first-run`.
"""

import argparse
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
from playwright.sync_api import Page, sync_playwright

from benchmarks.reporting import Figures, answer
from linewatch.console.server import PAGE
from linewatch.store.users import open_users

ROOT = Path(__file__).resolve().parents[1]
NAME = "measure"
TRACKS, DETECTIONS_PER_S, LISTENERS = 1000, 20_000, 50
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic", "--no-first-run"),
    "--disable-sync",
)
# When a row of the queue appears, the time of the frame after it is kept: that is when its pixels are there.
WATCH_ROWS = """
() => {
  window.shownAt = {};
  const look = () => {
    for (const row of document.querySelectorAll('[data-testid=queue-row]')) {
      const id = row.dataset.id;
      if (id in window.shownAt) continue;
      window.shownAt[id] = 0;
      requestAnimationFrame(() => requestAnimationFrame(() => { window.shownAt[id] = Date.now(); }));
    }
  };
  look();
  new MutationObserver(look).observe(document.body, {childList: true, subtree: true, attributes: true});
}
"""
COUNT_FRAMES = """
async (seconds) => {
  let frames = 0;
  const begun = performance.now();
  await new Promise((done) => {
    const step = () => { frames += 1; performance.now() - begun < seconds * 1000 ? requestAnimationFrame(step) : done();
    };
    requestAnimationFrame(step);
  });
  return frames * 1000 / (performance.now() - begun);
}
"""


def measure(args: argparse.Namespace) -> Figures:
    """All of it; what needs a browser is null where there is none."""
    seconds = 12.0 if args.quick else 60.0
    figures: Figures = dict.fromkeys(
        ("queue_s", "map_s", "commit_to_pixel_p99_ms", "fps_rest", "fps_pan", "feed_lag_s", "memory_growth_mb")
    )
    with tempfile.TemporaryDirectory(prefix="linewatch-console-") as folder:
        store = Path(folder) / "store"
        with _writing(store, seconds * 3 + 300.0) as log, _console(store) as (address, console):
            cookie = _cookie(address, store)
            if PAGE.joinpath("index.html").is_file() and _browser() is not None:
                figures |= _in_a_browser(address, _password(store), log, seconds)
            figures |= _feeds(address, cookie, console, seconds)
    figures["wheel_mb"] = _wheel_mb()
    figures["next_run_s"] = (
        None if args.quick else _run_s([sys.executable, "-m", "linewatch", "demo", "--port", "0"], ROOT)
    )
    figures["first_run_s"] = _first_run_s() if args.first_run else None
    return figures


def _browser() -> str | None:
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@contextlib.contextmanager
def _writing(store: Path, seconds: float) -> Iterator[Path]:
    log = store.with_name("commits.jsonl")
    words = [sys.executable, "-m", "benchmarks.console_load", "write", str(store)]
    words += [str(seconds), str(TRACKS), str(DETECTIONS_PER_S)]
    with log.open("w") as out:
        writer = subprocess.Popen(words, cwd=ROOT, stdout=out)  # noqa: S603 - our own words
    try:
        until = time.monotonic() + 120.0
        while not log.stat().st_size:
            if writer.poll() is not None or time.monotonic() > until:
                raise RuntimeError("nothing was written")
            time.sleep(0.1)
        yield log
    finally:
        writer.kill()
        writer.wait()


@contextlib.contextmanager
def _console(store: Path) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    users = open_users(store)
    users.add(NAME, "supervisor", _password(store), must_change=False, now_ns=time.time_ns())
    users.close()
    words = [sys.executable, "-m", "linewatch", "console", "reference", "--store", str(store), "--port", "0"]
    console = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own words
    try:
        assert console.stdout is not None
        for line in console.stdout:
            if line.startswith("console: "):
                yield line.removeprefix("console: ").strip(), console
                break
    finally:
        console.kill()
        console.wait()


def _password(store: Path) -> str:
    path = store.with_name("password")
    if not path.exists():
        path.write_text(secrets.token_urlsafe(16))
    return path.read_text()


def _cookie(address: str, store: Path) -> str:

    said = httpx.post(f"{address}/api/login", json={"name": NAME, "password": _password(store)}, timeout=30)
    said.raise_for_status()
    return said.cookies["lw_session"]


def _in_a_browser(address: str, password: str, log: Path, seconds: float) -> Figures:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_browser(), args=list(ARGUMENTS))
        context = browser.new_context(viewport={"width": 1920, "height": 1080})
        figures: Figures = {}
        page = context.new_page()
        page.set_default_timeout(180_000)
        page.goto(address)
        page.locator("[data-testid=login] input[name=name]").fill(NAME)
        page.locator("[data-testid=login] input[name=password]").fill(password)
        page.keyboard.press("Enter")
        page.get_by_test_id("queue-row").first.wait_for()
        begun = time.monotonic()
        page.goto(address, wait_until="commit")
        page.get_by_test_id("queue-row").first.wait_for()
        page.get_by_test_id("strip").wait_for()
        figures["queue_s"] = round(time.monotonic() - begun, 3)
        page.locator("[data-testid=map][data-state=ready]").wait_for()
        figures["map_s"] = round(time.monotonic() - begun, 3)
        page.evaluate(WATCH_ROWS)
        heap_mb = _heap_mb(page)
        since_ns = time.time_ns()
        figures["fps_rest"] = round(page.evaluate(COUNT_FRAMES, 5), 1)
        figures["fps_pan"] = round(_fps_while_dragging(page), 1)
        page.wait_for_timeout(seconds * 1000.0)
        figures |= _to_pixel(page, log, since_ns)
        figures["memory_growth_mb"] = round(_heap_mb(page) - heap_mb, 1)
        figures["memory_minutes"] = round((time.time_ns() - since_ns) / 60e9, 2)
        browser.close()
    return figures


def _to_pixel(page: Page, log: Path, since_ns: int) -> Figures:
    shown_ms = page.evaluate("() => window.shownAt")
    lags_ms = [
        shown_ms[commit["id"]] - commit["commit_ns"] / 1e6
        for commit in map(json.loads, log.read_text().splitlines())
        if commit["commit_ns"] > since_ns and shown_ms.get(commit["id"])
    ]
    if not lags_ms:
        return {"commit_to_pixel_p99_ms": None}
    return {
        "commit_to_pixel_p99_ms": round(float(np.percentile(lags_ms, 99)), 1),
        "commit_to_pixel_median_ms": round(float(np.median(lags_ms)), 1),
        "commits": len(lags_ms),
    }


def _fps_while_dragging(page: Page) -> float:
    box = page.get_by_test_id("strip").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    for _ in range(6):
        page.mouse.wheel(0, -240)
    page.evaluate(f"() => {{ window.counted = ({COUNT_FRAMES})(4); }}")
    page.mouse.down()
    until, step = time.monotonic() + 4.0, 0
    while time.monotonic() < until:
        step += 1
        page.mouse.move(box["x"] + box["width"] / 2 + 300 * np.sin(step / 9.0), box["y"] + box["height"] / 2)
    page.mouse.up()
    return float(page.evaluate("() => window.counted"))


def _heap_mb(page: Page) -> float:
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    return metrics["JSHeapUsedSize"] / 1e6


def _feeds(address: str, cookie: str, console: "subprocess.Popen[str]", seconds: float) -> Figures:
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.sendall(f"GET /api/feed HTTP/1.1\r\nhost: {host}\r\ncookie: lw_session={cookie}\r\n\r\n".encode())
        words = [sys.executable, "-m", "benchmarks.console_load", "read", address, cookie, str(LISTENERS)]
        before_s, begun = _cpu_s(console.pid), time.monotonic()
        done = subprocess.run([*words, str(seconds)], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - our own words
        share = (_cpu_s(console.pid) - before_s) / (time.monotonic() - begun)
        told = _told(lazy)
    lags_s = json.loads(done.stdout)
    return {
        "feed_lag_s": round(float(np.percentile(lags_s, 99)), 3),
        "feed_lag_median_s": round(float(np.median(lags_s)), 3),
        "feed_frames": len(lags_s),
        "console_core_share": round(share, 3),
        "slow_told": told,
    }


def _told(lazy: socket.socket) -> bool:
    """Whether somebody who has read nothing for long is told of a gap, or finds the door closed."""
    lazy.settimeout(10.0)
    raw = b""
    with contextlib.suppress(TimeoutError):
        while len(raw) < 30_000_000:
            piece = lazy.recv(1 << 16)
            if not piece:
                return True
            raw += piece
            if b"left out" in raw:
                return True
    return False


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _wheel_mb() -> float | None:
    with tempfile.TemporaryDirectory() as folder:
        words = [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            folder,
            str(ROOT),
        ]
        if subprocess.run(words, capture_output=True, check=False).returncode:  # noqa: S603 - our own words
            return None
        return round(sum(path.stat().st_size for path in Path(folder).glob("*.whl")) / 1e6, 2)


def _run_s(words: list[str], folder: Path) -> float | None:
    """Seconds until an address is printed; None where none is within ten minutes."""
    begun = time.monotonic()
    process = subprocess.Popen(  # noqa: S603 - our own words
        words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("console: "):
                return round(time.monotonic() - begun, 2)
            if time.monotonic() - begun > 600.0:
                break
        return None
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)


def _first_run_s() -> float | None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "clone", "--quiet", str(ROOT), folder], check=True)  # noqa: S603, S607 - our own words
        return _run_s(["make", "run", "ARGS=--port 0"], Path(folder))


def _more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--first-run", action="store_true", help="also time `make run` in a fresh clone (downloads)")


def main() -> None:
    """Measure and answer."""
    answer(measure, __doc__, more=_more)


if __name__ == "__main__":
    main()
