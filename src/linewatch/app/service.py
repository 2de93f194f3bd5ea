"""Who watches the watcher: systemd's watchdog, and a heartbeat to a monitor outside."""

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from linewatch.clock import monotonic_s
from linewatch.errors import InputError

_EVERY_S: Final = 1.0
_TIMEOUT_S: Final = 10.0


class Systemd:
    """Speaks to the service manager where one started us (sd_notify); silent everywhere else."""

    def __init__(self, address: str | None = None) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "") if address is None else address
        self._told_s = float("-inf")

    def ready(self) -> None:
        """The watch has begun."""
        self._say("READY=1\nSTATUS=watching")

    def alive(self) -> None:
        """A tick was committed. Said at most once a second: when ticks stop, so does this, and we are restarted."""
        now_s = monotonic_s()
        if now_s - self._told_s >= _EVERY_S:
            self._told_s = now_s
            self._say("WATCHDOG=1")

    def stopping(self) -> None:
        """We were told to stop."""
        self._say("STOPPING=1")

    def _say(self, text: str) -> None:
        if not self._address:
            return
        # An address that begins with @ lies in the abstract namespace (sd_notify(3)).
        name = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.connect(name)
            sock.send(text.encode())


class Heartbeat:
    """Calls an address outside every so often while `well()`; when the calls stop, the monitor there alarms."""

    def __init__(self, url: str, every_s: float, well: Callable[[], bool]) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise InputError(f"--heartbeat: found {url!r}; allowed: an address that begins with http:// or https://")
        if not every_s >= 1.0:
            raise InputError(f"--heartbeat-every: found {every_s:g}; allowed: 1 second or more")
        self._url = url
        self._every_s = every_s
        self._well = well
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self.sent = self.failed = 0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()

    def _run(self) -> None:
        while True:
            if self._well():
                try:
                    with urlopen(Request(self._url, method="GET"), timeout=_TIMEOUT_S) as answer:  # noqa: S310 - http(s), checked
                        answer.read(1024)
                    self.sent += 1
                except (OSError, ValueError):
                    self.failed += 1  # its absence is what is noticed outside
            if self._stop.wait(self._every_s):
                return
