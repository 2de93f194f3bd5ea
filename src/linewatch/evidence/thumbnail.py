"""A picture small enough to stand in a row of the queue."""

import io
from typing import Final

from PIL import Image

WIDTH_PX: Final = 96
HEIGHT_PX: Final = 64


def thumbnail(png: bytes) -> bytes:
    """The same picture, cut to the form of a row and made small, as PNG."""
    with Image.open(io.BytesIO(png)) as picture:
        shown = picture.convert("RGB")
    wide = min(shown.width, shown.height * WIDTH_PX // HEIGHT_PX)
    high = min(shown.height, -(-wide * HEIGHT_PX // WIDTH_PX))
    left, top = (shown.width - wide) // 2, (shown.height - high) // 2
    small = shown.crop((left, top, left + wide, top + high)).resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    small.save(out, format="PNG", optimize=True)
    return out.getvalue()
