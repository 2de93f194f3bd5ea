"""Shows each message that the sources of a site hear: what it became, or why not. Writes nothing, disturbs no watch."""

import threading
from collections.abc import Callable

from linewatch.clock import Clock
from linewatch.errors import InputError
from linewatch.ports import Heard, Source
from linewatch.site.model import Site
from linewatch.sources.build import build_source

_POLL_S = 0.25


def listen(site: Site, clock: Clock, show: Callable[[str, Heard], None], stop: threading.Event) -> None:
    """Listen until told to stop. Raises `InputError` for a site without a source that can be listened to."""
    sources: list[Source] = []
    for spec in site.sources:
        source = build_source(site, spec, only_listening=True)
        hook = getattr(source, "listen", None)
        if hook is None:
            source.close()
            continue
        hook(_shower(source.name, show))
        sources.append(source)
    if not sources:
        raise InputError(
            "site.toml: source: found none that can be listened to; allowed: [[source]] of mqtt, and others"
        )
    try:
        for source in sources:
            source.start()  # type: ignore[attr-defined]  # whoever can be listened to can be started
        while not stop.wait(_POLL_S):
            for source in sources:
                for _ in source.poll(clock.now_ns()):
                    pass
                source.committed(source.position())
    finally:
        for source in sources:
            source.close()


def _shower(name: str, show: Callable[[str, Heard], None]) -> Callable[[Heard], None]:
    return lambda heard: show(name, heard)
