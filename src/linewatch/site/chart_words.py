"""The words about a strip chart: its banner with what is not watched, and the list of its worst stretches."""

from collections.abc import Sequence
from typing import Final

import msgspec

from linewatch.site.coverage import Coverage
from linewatch.site.gaps import Cluster, Thresholds
from linewatch.site.performance import WATCHED, Watched
from linewatch.site.svg import Drawing, width_of

_LEFT: Final = 24.0
_RIGHT: Final = 1176.0
_CARD: Final = 276.0
_INK: Final = "#1b2733"
_FAINT: Final = "#66737f"
_GAP: Final = "#c2410c"
_NAMES: Final[dict[Watched, str]] = {
    "person_walking": "Person walking",
    "person_crawling": "Person crawling",
    "group": "Group",
    "vehicle": "Vehicle",
}


class Share(msgspec.Struct, frozen=True):
    """How much of the line is watched for one mover."""

    mover: Watched
    """For whom."""
    mean_pd: float
    """Mean Pd of the line."""
    watched_m: float
    """Metres watched."""
    weak_m: float
    """Metres weak."""
    not_watched_m: float
    """Metres not watched."""


class Banner(msgspec.Struct, frozen=True):
    """What stands above the rows."""

    title: str
    """Name of the picture."""
    subtitle: str
    """Under what condition it holds, and on what basis."""
    shares: tuple[Share, ...]
    """One for each mover."""
    thresholds: Thresholds
    """What counts as watched."""
    height: float = 172.0
    """Height in the picture."""

    @classmethod
    def of(cls, coverage: Coverage, thresholds: Thresholds, *, title: str, subtitle: str) -> "Banner":
        """The banner of a coverage; empty words are replaced by those that fit it."""
        usual = f"Coverage of {coverage.site.name}"
        if len(coverage.site.lines) > 1:
            usual += f", line {coverage.line.id}"
        shares = []
        for mover in WATCHED:
            not_watched_m = coverage.not_watched_m(mover, thresholds.not_watched_below)
            weak_m = coverage.not_watched_m(mover, thresholds.weak_below) - not_watched_m
            mean = float((coverage.pd(mover) * coverage.widths_m).sum() / coverage.line.length_m)
            shares.append(Share(mover, mean, coverage.line.length_m - weak_m - not_watched_m, weak_m, not_watched_m))
        return cls(title or usual, subtitle or held_in_words(coverage), tuple(shares), thresholds)

    @property
    def spoken(self) -> str:
        """The picture in words."""
        parts = [
            f"{_NAMES[s.mover]}: {length(s.not_watched_m)} not watched, {length(s.weak_m)} weak" for s in self.shares
        ]
        return f"{self.subtitle}. " + "; ".join(parts) + "."


def held_in_words(coverage: Coverage) -> str:
    """The condition of a coverage, and the basis of its Pd, in one line."""
    held = coverage.condition
    light = "by day" if held.light_fraction >= 1.0 else "in the dark" if held.light_fraction <= 0.0 else "at twilight"
    words = [f"{length(coverage.line.length_m)}, {len(coverage.sensing.reach.sensors):,} sensors, {light}"]
    for count, one, many in (
        (len(held.outages), "outage", "outages"),
        (len(held.weather), "weather report", "weather reports"),
        (len(held.floors), "raised floor", "raised floors"),
        (len(held.masks), "mask", "masks"),
    ):
        if count:
            words.append(f"{count} {one if count == 1 else many}")
    tests = len(coverage.measured)
    words.append(f"Pd assumed but for {tests} walk tests" if tests else "Pd assumed, no walk test")
    return "; ".join(words)


def length(metres: float) -> str:
    """A length as people say it."""
    return f"{metres:,.0f} m" if metres < 10_000.0 else f"{metres / 1000.0:,.1f} km"


def draw_banner(drawing: Drawing, banner: Banner) -> None:
    """Title, condition, one card for each mover, and the legend."""
    drawing.text(_LEFT, 34, banner.title, font_size=21, font_weight="bold", fill=_INK)
    drawing.text(_LEFT, 54, banner.subtitle, font_size=12, fill=_FAINT)
    for index, share in enumerate(banner.shares):
        _draw_card(drawing, _LEFT + (_CARD + 16.0) * index, share)
    _draw_legend(drawing, 158.0, banner.thresholds)


def _draw_card(drawing: Drawing, x: float, share: Share) -> None:
    drawing.rect(x, 66, _CARD, 70, rx=6, fill="#f6f8fa", stroke="#d5dce3")
    drawing.text(x + 12, 84, _NAMES[share.mover], font_size=12, font_weight="bold", fill=_INK)
    drawing.text(x + _CARD - 12, 84, f"mean Pd {share.mean_pd:.3f}", font_size=11, fill=_FAINT, text_anchor="end")
    bad = share.not_watched_m > 0.0
    figure = length(share.not_watched_m)
    drawing.text(x + 12, 109, figure, font_size=18, font_weight="bold", fill=_GAP if bad else _INK)
    drawing.text(x + 20 + 1.15 * width_of(figure, 18), 109, "not watched", font_size=11, fill=_GAP if bad else _FAINT)
    weak = f"{length(share.weak_m)} weak"
    drawing.text(x + _CARD - 12, 109, weak, font_size=11, fill=_FAINT, text_anchor="end")
    whole = share.watched_m + share.weak_m + share.not_watched_m
    left, width = x + 12.0, _CARD - 24.0
    for metres, fill in (
        (share.not_watched_m, "url(#gap)"),
        (share.weak_m, "url(#weak)"),
        (share.watched_m, "#cfe3ef"),
    ):
        part = max(width * metres / whole, 3.0 if metres > 0.0 else 0.0)
        part = min(part, x + 12.0 + width - left)
        if part > 0.0:
            drawing.rect(left, 118, part, 9, fill=fill)
            left += part


def _draw_legend(drawing: Drawing, y: float, thresholds: Thresholds) -> None:
    low, high = f"{thresholds.not_watched_below:g}", f"{thresholds.weak_below:g}"
    x = _LEFT
    for fill, words in (
        ("#cfe3ef", f"watched (Pd {high} or more)"),
        ("url(#weak)", f"weak (Pd {low} to {high})"),
        ("url(#gap)", f"not watched (Pd below {low})"),
    ):
        drawing.rect(x, y - 9, 18, 10, fill=fill, stroke="#b8c2cc", stroke_width=0.5)
        drawing.text(x + 24, y, words, font_size=11, fill=_INK)
        x += 36.0 + width_of(words, 11)
    for tint, words in (("#1f6fa8", "crawling"), ("#6baed6", "walking"), ("#b7d6ea", "group"), ("#dcebf5", "vehicle")):
        drawing.rect(x, y - 9, 10, 10, fill=tint)
        drawing.text(x + 14, y, words, font_size=11, fill=_INK)
        x += 24.0 + width_of(words, 11)
    drawing.text(_RIGHT, y, "sensors: thick and red = something is wrong", font_size=11, fill=_FAINT, text_anchor="end")


def draw_table(
    drawing: Drawing, top: float, clusters: Sequence[Cluster], mover: Watched, thresholds: Thresholds
) -> None:
    """The numbered stretches: where, how long, how low, and why."""
    dark = any(cluster.state == "not_watched" for cluster in clusters)
    head = f"Worst stretches for a {_NAMES[mover].lower()}"
    if not dark:
        head += f": no metre is below {thresholds.not_watched_below:g}"
    drawing.text(_LEFT, top + 18, head, font_size=13, font_weight="bold", fill=_INK)
    if not clusters:
        drawing.text(_LEFT, top + 40, f"Every metre has {thresholds.weak_below:g} or more.", font_size=11.5, fill=_INK)
        return
    for rank, cluster in enumerate(clusters, start=1):
        y = top + 22.0 + 19.0 * rank
        bad = cluster.state == "not_watched"
        ink = _GAP if bad else "#8a5a00"
        drawing.rect(_LEFT, y - 11, 18, 14, rx=4, fill=ink)
        drawing.text(_LEFT + 9, y, str(rank), font_size=10, font_weight="bold", fill="#ffffff", text_anchor="middle")
        line = drawing.group(font_size=11.5, fill=_INK)
        line.text(_LEFT + 28, y, f"km {cluster.from_m / 1000:.3f} - {cluster.to_m / 1000:.3f}")
        line.text(_LEFT + 226, y, length(cluster.gap_m), text_anchor="end", font_weight="bold")
        pieces = "" if cluster.pieces == 1 else f" in {cluster.pieces} pieces"
        line.text(_LEFT + 234, y, ("not watched" if bad else "weak") + pieces, fill=ink)
        line.text(_LEFT + 402, y, f"Pd {cluster.lowest_pd:.2f} at worst")
        line.text(_LEFT + 508, y, f"near {cluster.place}" if cluster.place else "")
        line.text(_LEFT + 624, y, _shortened(cluster.why, 86), fill=_FAINT)


def _shortened(words: str, most: int) -> str:
    return words if len(words) <= most else words[: most - 3].rstrip("; ,") + "..."
