"""Pictures of counts: bars with their intervals and the share of watching, drawn once as shapes, written three ways.

A picture is a list of rectangles, lines and words on a plane in points, y downward. SVG for pages, PNG for mail and
slides, and the page for print draw the same list, so that they can never say different things.
"""

import io
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from PIL import Image, ImageDraw, ImageFont

from linewatch.report.rates import poisson_interval
from linewatch.report.table import Table
from linewatch.site.svg import Drawing

INK: Final = "#1d2733"
SOFT: Final = "#5b6b7a"
RULE: Final = "#d5dde4"
BAR: Final = "#2f6fa7"
BLIND: Final = "#e0a458"
PAPER: Final = "#ffffff"
_WIDE_ENOUGH: Final = 6.0
"""Width of a bar from which on its interval can be seen."""
Anchor = Literal["start", "middle", "end"]


class Rect(NamedTuple):
    """A filled rectangle."""

    x: float
    """Left edge."""
    y: float
    """Upper edge."""
    width: float
    """Width."""
    height: float
    """Height."""
    fill: str
    """Colour as #rrggbb."""


class Stroke(NamedTuple):
    """A straight line."""

    x1: float
    """Begin."""
    y1: float
    """Begin."""
    x2: float
    """End."""
    y2: float
    """End."""
    colour: str
    """Colour as #rrggbb."""
    width: float
    """Width."""


class Words(NamedTuple):
    """A line of text on a base line."""

    x: float
    """Where it begins, ends or has its middle."""
    y: float
    """Base line."""
    text: str
    """The words."""
    size: float
    """Height of the letters."""
    colour: str
    """Colour as #rrggbb."""
    anchor: Anchor
    """What `x` is."""


class Picture(NamedTuple):
    """Shapes on a plane."""

    width: float
    """Width."""
    height: float
    """Height."""
    title: str
    """What it shows, for people who cannot see it and for file names."""
    description: str
    """The same in a sentence."""
    shapes: tuple[Rect | Stroke | Words, ...]
    """In the order in which they are drawn."""


def bars(table: Table, *, width: float = 720.0, height: float = 300.0, most: int = 400) -> Picture:
    """Attempts of each row as bars (wide ones with 95 % intervals), under each the share of time that was not watched.

    The first dimension of the table is the axis; rows of further dimensions are added up. At most `most` bars: the
    first ones are left out, and the picture says so.
    """
    sums: dict[str, list[float]] = {}
    for row in table.rows:
        label = next(iter(row.keys.values()), "all")
        total = sums.setdefault(label, [0.0, 0.0, 0.0])
        total[0] += row.attempts
        total[1] += row.unwatched_metre_hours or 0.0
        total[2] += row.metre_hours or 0.0
    left_out = max(len(sums) - most, 0)
    shown = list(sums.items())[left_out:]
    shapes: list[Rect | Stroke | Words] = [Rect(0, 0, width, height, PAPER)]
    left, right, top, bottom = 52.0, width - 12.0, 34.0, height - 48.0
    by = table.by[0] if table.by else "all"
    title = f"Attempts by {by}" + (f" ({left_out} earlier ones are not shown)" if left_out else "")
    shapes.append(Words(left, 20, title, 13, INK, "start"))
    highest = _round_up(max((poisson_interval(round(values[0]))[1] for _, values in shown), default=1.0))
    shapes += _scale(left, right, top, bottom, highest)
    step = (right - left) / max(len(shown), 1)
    for number, (label, (attempts, unwatched, hours)) in enumerate(shown):
        x = left + number * step
        tall = (bottom - top) * attempts / highest
        shapes.append(Rect(x + step * 0.1, bottom - tall, step * 0.8, tall, BAR))
        if step >= _WIDE_ENOUGH:
            low, high = (bottom - (bottom - top) * end / highest for end in poisson_interval(round(attempts)))
            shapes.append(Stroke(x + step / 2, low, x + step / 2, high, INK, 1.0))
        if hours > 0 and unwatched > 0:
            shapes.append(Rect(x + step * 0.1, bottom + 3, step * 0.8, max(9.0 * unwatched / hours, 0.6), BLIND))
        if number % max(1, -(-len(shown) * 7 * max(len(label), 3) // round(right - left))) == 0:
            half = 2.8 * len(label)
            middle = min(max(x + step / 2, left + half - 20), right - half + 8)
            shapes.append(Words(middle, bottom + 26, label, 10, SOFT, "middle"))
    shapes.append(Rect(left, height - 13, 8, 8, BAR))
    shapes.append(Words(left + 12, height - 6, "attempts", 9, SOFT, "start"))
    shapes.append(Rect(left + 70, height - 13, 8, 8, BLIND))
    shapes.append(Words(left + 82, height - 6, "share of metre-hours not watched (full height: all)", 9, SOFT, "start"))
    told = ", ".join(f"{label}: {values[0]:.0f}" for label, values in shown[:40])
    return Picture(width, height, title, f"{title}. {told}", tuple(shapes))


def to_svg(picture: Picture) -> str:
    """The picture as SVG text."""
    drawing = Drawing.blank(picture.width, picture.height, picture.title, picture.description)
    for shape in picture.shapes:
        if isinstance(shape, Rect):
            drawing.rect(shape.x, shape.y, shape.width, shape.height, fill=shape.fill)
        elif isinstance(shape, Stroke):
            drawing.path(
                f"M{shape.x1:.2f} {shape.y1:.2f}L{shape.x2:.2f} {shape.y2:.2f}",
                stroke=shape.colour,
                stroke_width=shape.width,
            )
        else:
            drawing.text(
                shape.x, shape.y, shape.text, font_size=shape.size, fill=shape.colour, text_anchor=shape.anchor
            )
    return drawing.to_text()


def to_png(picture: Picture, scale: float = 2.0) -> bytes:
    """The picture as PNG, `scale` pixels a point."""
    image = Image.new("RGB", (round(picture.width * scale), round(picture.height * scale)), PAPER)
    draw = ImageDraw.Draw(image)
    anchors = {"start": "ls", "middle": "ms", "end": "rs"}
    for shape in picture.shapes:
        if isinstance(shape, Rect):
            box = (shape.x, shape.y, shape.x + shape.width, shape.y + shape.height)
            draw.rectangle([edge * scale for edge in box], fill=shape.fill)
        elif isinstance(shape, Stroke):
            ends = [edge * scale for edge in (shape.x1, shape.y1, shape.x2, shape.y2)]
            draw.line(ends, fill=shape.colour, width=max(1, round(shape.width * scale)))
        else:
            font = ImageFont.load_default(shape.size * scale)
            at = (shape.x * scale, shape.y * scale)
            draw.text(at, shape.text, fill=shape.colour, font=font, anchor=anchors[shape.anchor])
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _scale(left: float, right: float, top: float, bottom: float, highest: float) -> Sequence[Stroke | Words]:
    shapes: list[Stroke | Words] = []
    for part in range(5):
        y = bottom - (bottom - top) * part / 4
        shapes.append(Stroke(left, y, right, y, RULE, 0.6))
        shapes.append(Words(left - 6, y + 3.5, f"{highest * part / 4:g}", 10, SOFT, "end"))
    return shapes


def _round_up(value: float) -> float:
    """The next number that four steps divide well."""
    unit = 1.0
    while True:
        for factor in (4.0, 8.0, 12.0, 20.0):
            if value <= factor * unit:
                return factor * unit
        unit *= 10.0
