"""Watch and console as two processes, as `linewatch run` starts them: each dies alone, and comes back alone."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import CHECKOUT


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_for(what: Callable[[], bool], within_s: float = 90.0) -> None:
    waited = threading.Event()
    for _ in range(round(within_s / 0.1)):
        if what():
            return
        waited.wait(0.1)
    raise AssertionError(f"waited {within_s} s in vain")


class Running:
    """`linewatch run` over a small site."""

    def __init__(self, store: Path) -> None:
        self.port = free_port()
        words = [sys.executable, "-m", "linewatch", "run", str(CHECKOUT / "examples" / "fence-trial")]
        words += ["--out", str(store), "--no-port", "--console-port", str(self.port)]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def answers(self) -> bool:
        """Whether the console lets people ask who they are."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/api/me", timeout=5).status_code == 401
        except httpx.HTTPError:
            return False

    def console_pid(self) -> int:
        """The process of the console."""
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
                parent = (folder / "stat").read_text().rsplit(")", 1)[1].split()[1]
            except OSError:
                continue
            if b"console" in words and int(parent) == self.process.pid:
                return int(folder.name)
        raise AssertionError("there is no console")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path / "store")
    yield running
    if running.process.poll() is None:
        running.process.terminate()
    running.process.communicate(timeout=60)


def test_a_console_that_was_killed_comes_back_while_the_watch_goes_on(running: Running) -> None:
    wait_for(running.answers)
    first = running.console_pid()
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: not running.answers() or running.console_pid() != first)
    wait_for(running.answers)
    assert running.process.poll() is None
    assert running.console_pid() != first
    running.process.send_signal(signal.SIGTERM)
    said, _ = running.process.communicate(timeout=60)
    assert running.process.returncode == 0
    assert "first sign-in: admin, password " in said
    assert said.count("first sign-in") == 1
    assert not running.answers()
