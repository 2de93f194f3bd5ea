"""Memory of page, console and watch while a night is played at ten times its pace and somebody looks at it.

`python -m benchmarks.console_memory --minutes 60 --json` plays `the-night` with `linewatch demo` (as fast as it
can where the machine is slower) and opens the page in a browser. Every half minute: the page's heap after a collection
of garbage (`page_mb`), and the resident sizes of console and watch (`console_mb`, `watch_mb`). `*_growth_mb_per_hour`
is the slope of a straight line through the second half of the samples: the first fills buffers that are bounded.
`pace` is how much of the scene was played in that time.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

import numpy as np
from playwright.sync_api import CDPSession, Page, sync_playwright

from benchmarks.console import ARGUMENTS
from benchmarks.reporting import Figures, answer

EVERY_S = 30.0
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def measure(args: argparse.Namespace) -> Figures:
    """Play, look, and say what was measured."""
    minutes = 2.0 if args.quick else args.minutes
    with tempfile.TemporaryDirectory(prefix="linewatch-memory-") as folder:
        return _measure(Path(folder), minutes, args.speed)


def more(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark alone."""
    parser.add_argument("--minutes", type=float, default=15.0, help="for how long (60: an hour)")
    parser.add_argument("--speed", type=float, default=10.0, help="times as fast as it happens")


def _measure(folder: Path, minutes: float, speed: float) -> Figures:
    words = [sys.executable, "-m", "linewatch", "demo", "--out", str(folder / "store"), "--port", "0"]
    words += ["--speed", str(speed)]
    demo = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own verb
    try:
        assert demo.stdout is not None
        name, password, address = _door(demo.stdout)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(ARGUMENTS))
            page = browser.new_page(viewport={"width": 1600, "height": 900})
            page.goto(address)
            form = page.get_by_test_id("login")
            form.locator("input[name=name]").fill(name)
            form.locator("input[name=password]").fill(password)
            page.keyboard.press("Enter")
            page.get_by_test_id("counter").wait_for(timeout=120_000)
            return _samples(page, demo.pid, minutes)
    finally:
        demo.send_signal(signal.SIGTERM)
        demo.wait(60)


def _door(lines: IO[str]) -> tuple[str, str, str]:
    said = ""
    for line in lines:
        said += line
        signed = re.search(r"Sign in as (\S+) with the password (\S+)", said)
        address = re.search(r"console: (http\S+)", said)
        if signed and address:
            return signed[1], signed[2], address[1]
    raise SystemExit(f"the demonstration ended early:\n{said}")


def _samples(page: Page, watch: int, minutes: float) -> Figures:
    session = page.context.new_cdp_session(page)
    console = _child(watch)
    begun_s, began_ms = time.monotonic(), _scene_ms(page)
    rows: list[tuple[float, float, float, float]] = []
    while (at_s := time.monotonic() - begun_s) < minutes * 60:
        rows.append((at_s, _heap_mb(session), _resident_mb(console), _resident_mb(watch)))
        print(json.dumps([round(each, 1) for each in rows[-1]]), file=sys.stderr, flush=True)
        page.wait_for_timeout(EVERY_S * 1000)
    table = np.array(rows)
    late = table[len(table) // 2 :]
    figures: Figures = {
        "minutes": round(at_s / 60, 1),
        "pace": round((_scene_ms(page) - began_ms) / 1000 / at_s, 2),
        "incidents_raised": int(page.get_by_test_id("counter").inner_text().split()[0]),
    }
    for column, name in enumerate(("page", "console", "watch"), start=1):
        figures[f"{name}_mb_first"] = round(float(table[0, column]), 1)
        figures[f"{name}_mb_middle"] = round(float(late[0, column]), 1)
        figures[f"{name}_mb_last"] = round(float(table[-1, column]), 1)
        slope = float(np.polyfit(late[:, 0] / 3600, late[:, column], 1)[0])
        figures[f"{name}_growth_mb_per_hour"] = round(slope, 1)
    return figures


def _scene_ms(page: Page) -> float:
    return float(page.evaluate("async () => (await (await fetch('./api/state')).json()).now_ms"))


def _heap_mb(session: CDPSession) -> float:
    session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"]) / 1e6


def _resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES / 1e6


def _child(pid: int) -> int:
    """The console's process: the child that says so in its command line."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            if b"console" in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0"):
                return int(child)
    raise SystemExit("found no console beside the demonstration")


if __name__ == "__main__":
    answer(measure, __doc__, more=more)
