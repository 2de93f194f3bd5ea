"""A stream ends in good time and gives its socket back, whatever the other side does."""

import asyncio
import socket
import time

from linewatch.protocols.farewell import end_stream


async def _ended(heard: bytes) -> tuple[float, socket.socket]:
    """How long the farewell took, to one that reads nothing where there is more to say than the pipe holds."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        _, writer = await asyncio.open_connection(*door.getsockname())
        other, _ = door.accept()
        ours = writer.get_extra_info("socket")
        writer.write(heard)
        began_s = time.monotonic()
        await end_stream(writer, within_s=0.2)
        took_s = time.monotonic() - began_s
        assert ours.fileno() == -1
        return took_s, other


def test_what_was_said_arrives_and_the_socket_is_free() -> None:
    took_s, other = asyncio.run(_ended(b"the last word"))
    with other:
        assert took_s < 0.2
        assert other.recv(100) == b"the last word" and other.recv(1) == b""


def test_one_that_reads_no_more_is_not_waited_for() -> None:
    took_s, other = asyncio.run(_ended(b"x" * 50_000_000))
    with other:
        assert 0.2 <= took_s < 5.0
