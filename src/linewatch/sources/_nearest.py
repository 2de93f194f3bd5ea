"""What is allowed, in words, when something else was written."""

import difflib
from collections.abc import Iterable


def nearest(word: str, words: Iterable[str], none: str) -> str:
    """The allowed words, the one that was probably meant first; `none` where there are no words at all."""
    allowed = sorted(words)
    close = difflib.get_close_matches(word, allowed, n=1)
    others = ", ".join(allowed[:20]) + (f", ... ({len(allowed)} in all)" if len(allowed) > 20 else "")
    return f"{close[0]} (nearest), or one of {others}" if close else others or none
