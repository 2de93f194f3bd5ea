"""The situation on one sheet of A4, for print: drawn with the same words and the same picture as the page in HTML."""

import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from linewatch.report.picture import INK, RULE, SOFT, Picture, Rect, Stroke
from linewatch.report.situation import Situation

_MARGIN_MM: Final = 12.0
_WIDTH_MM: Final = 210.0 - 2 * _MARGIN_MM
_FONTS: Final = (
    Path("/usr/share/fonts/truetype/dejavu"),
    Path("/usr/share/fonts/TTF"),
    Path("/usr/share/fonts/dejavu-sans-fonts"),
    Path("/Library/Fonts"),
)
# Letters that no accent can be taken from.
_PLAIN: Final = str.maketrans({"ł": "l", "Ł": "L", "đ": "d", "ß": "ss", "\u2019": "'", "\u2013": "-"})


def to_pdf(page: Situation, created_ns: int) -> bytes:
    """One page of PDF. `created_ns` is written as its date, so that equal reports have equal bytes.

    With the fonts of DejaVu on the machine every letter is as it is; without them, letters outside Western European
    lose their accents.
    """
    pdf = FPDF(format="A4")
    pdf.set_creation_date(_moment(created_ns))
    pdf.set_title(page.title)
    pdf.set_auto_page_break(auto=False)
    pdf.set_margins(_MARGIN_MM, _MARGIN_MM, _MARGIN_MM)
    pen = _Pen(pdf)
    pdf.add_page()
    pen.line(page.title, 16, bold=True)
    pen.line(page.period, 8.5, colour=SOFT)
    _cards(pen, page)
    _picture(pen, page.picture)
    for words in page.findings:
        pen.paragraph(words, 9)
    pdf.ln(1.5)
    _sections(pen, page)
    pdf.ln(2)
    for words in page.notes:
        pen.paragraph(words, 7, colour=SOFT)
    return bytes(pdf.output())


class _Pen:
    """Words in the fonts that this machine has."""

    def __init__(self, pdf: FPDF) -> None:
        self.pdf = pdf
        folder = next((path for path in _FONTS if (path / "DejaVuSans.ttf").is_file()), None)
        self._family, self._plain = "Helvetica", True
        if folder is not None and (folder / "DejaVuSans-Bold.ttf").is_file():
            pdf.add_font("DejaVu", "", folder / "DejaVuSans.ttf")
            pdf.add_font("DejaVu", "B", folder / "DejaVuSans-Bold.ttf")
            self._family, self._plain = "DejaVu", False

    def font(self, size: float, *, bold: bool = False, colour: str = INK) -> None:
        """Write like this from here on."""
        # DejaVu runs wide.
        self.pdf.set_font(self._family, "B" if bold else "", size if self._plain else size * 0.9)
        self.pdf.set_text_color(*_rgb(colour))

    def words(self, text: str) -> str:
        """What the font can show of a text."""
        if not self._plain:
            return text
        bare = unicodedata.normalize("NFKD", text.translate(_PLAIN))
        return "".join(c for c in bare if not unicodedata.combining(c)).encode("latin-1", "replace").decode("latin-1")

    def line(self, text: str, size: float, *, bold: bool = False, colour: str = INK) -> None:
        """One line."""
        self.font(size, bold=bold, colour=colour)
        self.pdf.cell(0, size * 0.5, self.words(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def paragraph(self, text: str, size: float, *, colour: str = INK) -> None:
        """Lines as wide as the page."""
        self.font(size, colour=colour)
        self.pdf.multi_cell(0, size * 0.45, self.words(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.pdf.ln(0.6)

    def at(self, x: float, y: float, text: str, width: float) -> None:
        """A text that ends where its place does."""
        text = self.words(text)
        while text and self.pdf.get_string_width(text) > width:
            text = text[:-2].rstrip() + "." if len(text) > 3 else ""
        self.pdf.text(x, y, text)


def _cards(pen: _Pen, page: Situation) -> None:
    """The figures, four beside each other."""
    pdf = pen.pdf
    top, width, tall = pdf.get_y() + 2.0, _WIDTH_MM / 4, 17.0
    pdf.set_draw_color(*_rgb(RULE))
    for number, (name, value, beside) in enumerate(page.figures):
        x, y = _MARGIN_MM + number % 4 * width, top + number // 4 * (tall + 1.5)
        pdf.rect(x, y, width - 1.5, tall)
        for size, dy, text, bold, colour in (
            (12, 6.0, value, True, INK),
            (8, 10.3, name, False, INK),
            (6.5, 14.4, beside, False, SOFT),
        ):
            pen.font(size, bold=bold, colour=colour)
            if (wide := pdf.get_string_width(pen.words(text))) > width - 5:
                pen.font(max(size * (width - 5) / wide, 6.0), bold=bold, colour=colour)
            pen.at(x + 2, y + dy, text, width - 5)
    pdf.set_xy(_MARGIN_MM, top + -(-len(page.figures) // 4) * (tall + 1.5) + 1.0)


def _picture(pen: _Pen, picture: Picture) -> None:
    """The picture as wide as the page."""
    pdf, scale = pen.pdf, _WIDTH_MM / picture.width
    left, top = _MARGIN_MM, pdf.get_y()
    for shape in picture.shapes:
        if isinstance(shape, Rect):
            pdf.set_fill_color(*_rgb(shape.fill))
            box = (shape.x, shape.y, shape.width, shape.height)
            pdf.rect(left + box[0] * scale, top + box[1] * scale, box[2] * scale, box[3] * scale, style="F")
        elif isinstance(shape, Stroke):
            pdf.set_draw_color(*_rgb(shape.colour))
            pdf.set_line_width(shape.width * scale)
            pdf.line(left + shape.x1 * scale, top + shape.y1 * scale, left + shape.x2 * scale, top + shape.y2 * scale)
        else:
            pen.font(shape.size * scale / 0.3528, colour=shape.colour)
            text = pen.words(shape.text)
            share = {"start": 0.0, "middle": 0.5, "end": 1.0}[shape.anchor]
            pdf.text(left + shape.x * scale - share * pdf.get_string_width(text), top + shape.y * scale, text)
    pdf.set_xy(_MARGIN_MM, top + picture.height * scale + 2.0)


def _sections(pen: _Pen, page: Situation) -> None:
    """The table of sections."""
    pdf = pen.pdf
    widths = [share * _WIDTH_MM for share in (0.10, 0.14, 0.11, 0.17, 0.11, 0.24, 0.13)]
    pdf.set_draw_color(*_rgb(RULE))
    pdf.set_line_width(0.2)
    for row, bold in ((page.head, True), *((row, False) for row in page.sections)):
        y, x = pdf.get_y(), _MARGIN_MM
        pen.font(8, bold=bold)
        for cell, width in zip(row, widths, strict=True):
            pen.at(x, y + 3.4, cell, width - 1.5)
            x += width
        pdf.line(_MARGIN_MM, y + 4.8, _MARGIN_MM + _WIDTH_MM, y + 4.8)
        pdf.set_xy(_MARGIN_MM, y + 5.0)


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _moment(time_ns: int) -> datetime:
    return datetime.fromtimestamp(time_ns // 1_000_000_000, UTC)
