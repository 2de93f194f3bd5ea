"""A small writer of SVG pictures: shapes and text, with numbers rounded so that equal pictures have equal bytes."""

from collections.abc import Mapping
from xml.etree import ElementTree as ET

Number = float | int
Attribute = Number | str

FONT = "system-ui, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"


class Drawing:
    """A picture, or a group within one."""

    def __init__(self, element: ET.Element) -> None:
        self._element = element

    @classmethod
    def blank(cls, width: Number, height: Number, title: str, description: str) -> "Drawing":
        """An empty picture with a name and a description for people who cannot see it."""
        root = ET.Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "width": _text(width),
                "height": _text(height),
                "viewBox": f"0 0 {_text(width)} {_text(height)}",
                "role": "img",
                "aria-labelledby": "title description",
                "font-family": FONT,
            },
        )
        ET.SubElement(root, "title", {"id": "title"}).text = title
        ET.SubElement(root, "desc", {"id": "description"}).text = description
        return cls(root)

    def add(self, tag: str, **attributes: Attribute) -> "Drawing":
        """A new element; in names of attributes `_` stands for `-`."""
        return Drawing(ET.SubElement(self._element, tag, _named(attributes)))

    def group(self, **attributes: Attribute) -> "Drawing":
        """A group, so that what its members share is said once."""
        return self.add("g", **attributes)

    def rect(self, x: Number, y: Number, width: Number, height: Number, **attributes: Attribute) -> "Drawing":
        """A rectangle by its upper left corner."""
        return self.add("rect", x=x, y=y, width=width, height=height, **attributes)

    def path(self, course: str, **attributes: Attribute) -> "Drawing":
        """A path by its commands."""
        return self.add("path", d=course, **attributes)

    def text(self, x: Number, y: Number, words: str, **attributes: Attribute) -> "Drawing":
        """Words that begin (or, by `text_anchor`, end or are centred) at a point of their base line."""
        made = ET.SubElement(self._element, "text", {"x": _text(x), "y": _text(y), **_named(attributes)})
        made.text = words
        return Drawing(made)

    def hatch(self, name: str, paper: str, ink: str, *, gap: Number, stroke: Number, turn_deg: Number) -> None:
        """A pattern of parallel lines, used as `fill="url(#name)"`, so that colour alone never carries a meaning."""
        pattern = self.add(
            "pattern",
            id=name,
            width=gap,
            height=gap,
            patternUnits="userSpaceOnUse",
            patternTransform=f"rotate({_text(turn_deg)})",
        )
        pattern.rect(0, 0, gap, gap, fill=paper)
        pattern.rect(0, 0, stroke, gap, fill=ink)

    def to_text(self) -> str:
        """The picture as an XML document."""
        ET.indent(self._element, "")
        return ET.tostring(self._element, encoding="unicode") + "\n"


def number(value: Number) -> str:
    """A number as it stands in a picture: a tenth of a pixel is enough."""
    return _text(value)


def width_of(words: str, size: Number) -> float:
    """About how wide words are, in the units of the font's size: enough to keep labels apart."""
    return 0.57 * size * len(words)


def _named(attributes: Mapping[str, Attribute]) -> dict[str, str]:
    return {name.replace("_", "-"): _text(value) for name, value in attributes.items()}


def _text(value: Attribute) -> str:
    if isinstance(value, str):
        return value
    rounded = round(float(value), 1) + 0.0
    return str(int(rounded)) if rounded == int(rounded) else str(rounded)
