"""Carries a run over the bus as a process of its own, until it is ended, and says when the bus is lost or back."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

from linewatch.app.cluster.bus import Carried, relay
from linewatch.app.cluster.plan import read_plan

_NAME_LENGTH: Final = 16


def relay_until_ended(run: Path, url: str, *, at_site: bool, say: Callable[[str], None]) -> tuple[Carried, Carried]:
    """Both directions until SIGINT or SIGTERM; what was carried. Raises `InputError` where there is no plan."""
    plan = read_plan(run)
    name = plan.site_id[:_NAME_LENGTH]

    async def carry() -> tuple[Carried, Carried]:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        return await relay(url, name, run, plan.versions, at_site=at_site, stop=stop, say=say)

    return asyncio.run(carry())
