"""Print each message that the sources of a site hear, what it became, or why it became nothing."""

import argparse
import threading
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec

from linewatch.app.listening import listen
from linewatch.clock import WallClock
from linewatch.ports import Heard, Item
from linewatch.records import Block, Detection, Health
from linewatch.site.load import load_site
from linewatch.site.model import Site


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("site", help="folder with site.toml, or the file itself")
    parser.add_argument("--seconds", type=float, metavar="S", help="stop after so long (default: until Ctrl-C)")


def run(args: argparse.Namespace) -> int:
    """0 when its time was over."""
    site = load_site(args.site)
    stop = threading.Event()
    timer = None
    if args.seconds is not None:
        timer = threading.Timer(args.seconds, stop.set)
        timer.daemon = True
        timer.start()

    def show(source: str, heard: Heard) -> None:
        print(_as_json(source, heard) if args.json else _as_text(site, heard), flush=True)

    try:
        listen(site, WallClock(), show, stop)
    finally:
        if timer is not None:
            timer.cancel()
    return 0


def _as_json(source: str, heard: Heard) -> str:
    became = [item for item in heard.became if not isinstance(item, Block)]
    row = {
        "source": source,
        "time_ns": heard.time_ns,
        "where": heard.where,
        "message": heard.message,
        "became": became,
        "why_not": heard.why_not,
    }
    return msgspec.json.encode(row).decode()


def _as_text(site: Site, heard: Heard) -> str:
    moment = datetime.fromtimestamp(heard.time_ns // 1_000_000_000, UTC).astimezone(ZoneInfo(site.timezone))
    lines = [f"{moment:%H:%M:%S}  {_printable(heard.where)}  {_printable(heard.message)}"]
    lines += [f"          -> {_words(item)}" for item in heard.became]
    lines += [f"          -> nothing: {_printable(heard.why_not)}"] if not heard.became else []
    lines += [f"          but: {_printable(heard.why_not)}"] if heard.became and heard.why_not else []
    return "\n".join(lines)


def _words(item: Item) -> str:
    if isinstance(item, Detection):
        return f"detection by {item.sensor}, {item.line} {item.from_m:.0f}-{item.to_m:.0f} m, p={item.probability:.2f}"
    if isinstance(item, Health):
        return f"{item.condition} ({item.severity}) of {item.sensor or 'the source'}: {item.text}"
    if isinstance(item, Block):
        return f"{item.n_samples} samples of {item.sensor}"
    return type(item).__name__


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
