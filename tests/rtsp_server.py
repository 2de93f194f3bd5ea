"""A real RTSP server over files of video on loopback, and clips made for it."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aio_rtsp_toolkit.server as rtsp
import av
import numpy as np
from numpy.typing import NDArray

from tests.brokers import free_port


def write_clip(path: Path, frames: NDArray[np.uint8], rate_hz: int = 10) -> None:
    """Grey frames (n, height, width) as H.264, a key frame every second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate_hz, options={"preset": "ultrafast", "tune": "zerolatency"})
        stream.height, stream.width = frames.shape[1:]
        stream.pix_fmt = "yuv420p"
        stream.gop_size = rate_hz
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="gray")
            container.mux(stream.encode(picture.reformat(format="yuv420p")))
        container.mux(stream.encode(None))


def walker(n: int, height: int = 240, width: int = 320, seed: int = 0) -> NDArray[np.uint8]:
    """A textured street, and from frame 25 on somebody who walks across it."""
    rng = np.random.default_rng(seed)
    street = np.kron(rng.integers(90, 150, (height // 8, width // 8)), np.ones((8, 8))).astype(np.float64)
    frames = np.repeat(street[np.newaxis], n, axis=0)
    for i in range(25, n):
        left = 20 + 5 * (i - 25)
        frames[i, height // 2 - 30 : height // 2 + 30, left : left + 24] = 20.0
    return np.clip(frames + rng.normal(0.0, 1.5, frames.shape), 0, 255).astype(np.uint8)


class _Closing(rtsp.RtspServer):
    """Lets go of a client's socket however its session ends; the library leaves it to the garbage collector."""

    async def _handle_client(self, sock: Any) -> None:
        try:
            await super()._handle_client(sock)
        finally:
            sock.writer.transport.abort()


class RtspServer:
    """One server over a folder, in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._server: Any = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def url(self, name: str) -> str:
        return f"rtsp://127.0.0.1:{self.port}/{name}?play_count=1"

    def start(self) -> None:
        if not self._thread.is_alive():
            self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10.0)

    async def _start(self) -> None:
        self._server = await _Closing(str(self._folder), "127.0.0.1", self.port).start()

    def stop(self) -> None:
        """Listen no more, and end every connection."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10.0)

    async def _stop(self) -> None:
        self._server._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)  # sockets that were let go of are closed in the loop's next round

    def end(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10.0)
        self._loop.close()


@contextmanager
def rtsp_server(folder: Path) -> Iterator[RtspServer]:
    """A server that runs, and is stopped at the end."""
    server = RtspServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.end()
