"""The end of a stream: politely where the other side answers, at once where it does not."""

import asyncio
import contextlib
from typing import Final

PATIENCE_S: Final = 1.0
"""The other side's farewell is waited for so long; Python itself would wait thirty seconds for it under TLS."""


async def end_stream(writer: asyncio.StreamWriter, within_s: float = PATIENCE_S) -> None:
    """Send what is left, say farewell, and give the socket back, whatever the other side does."""
    writer.close()
    try:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(within_s):
                await writer.wait_closed()
    finally:
        writer.transport.abort()
    await asyncio.sleep(0)  # the socket is given back in the next round of the loop
