"""A text file that grows: whole lines from a position on, whatever is done to the file meanwhile."""

from collections.abc import Callable
from pathlib import Path
from stat import S_ISREG
from typing import Final, NamedTuple

MOST_BYTES: Final = 1_000_000
"""Read at most at once; the rest comes with the next look."""
MOST_LINE: Final = 4_096
"""Longest line that is read; what is longer is passed over to its end."""
MOST_HEAD: Final = 4_096


class Grown(NamedTuple):
    """What came since the look before."""

    lines: tuple[bytes, ...] = ()
    """Whole lines, without their ends."""
    trouble: str = ""
    """What is the matter with the file; empty where nothing is."""


class Following:
    """Follows one file by its name. The first line is its head, and is no news."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.head = b""
        """Its first line; empty before it was seen."""
        self.offset = 0
        """Bytes that were taken."""
        self.inode = 0
        """Number of the file that they were taken from; 0 for none yet."""
        self._long = False

    def to_end(self) -> None:
        """Take as read what stands there now, where anything does."""
        try:
            stat = self.path.stat()
        except OSError:
            return
        self.offset, self.inode = stat.st_size, stat.st_ino

    def look(self, check_head: Callable[[bytes], str]) -> Grown:
        """Lines that are whole by now; `check_head` says what is wrong with the first line, where anything is."""
        try:
            stat = self.path.stat()
            if not S_ISREG(stat.st_mode):  # opening a pipe would wait for whoever writes into it
                return Grown((), "is no plain file")
            trouble = self._changed(stat.st_ino, stat.st_size)
            if stat.st_size == self.offset and self.head and not trouble:
                return Grown()
            with self.path.open("rb") as file:
                head = file.readline(MOST_HEAD)
                if not head.endswith(b"\n"):
                    return Grown((), trouble)  # not written to its end yet
                if head != self.head:
                    self.head = head
                    wrong = check_head(head.rstrip(b"\r\n"))
                    if wrong:
                        self.head = b""
                        return Grown((), wrong)
                self.inode, self.offset = stat.st_ino, max(self.offset, len(head))
                file.seek(self.offset)
                return Grown(self._lines(file.read(MOST_BYTES)), trouble)
        except OSError as error:
            return Grown((), f"cannot be read: {error.strerror or error}")

    def _changed(self, inode: int, size: int) -> str:
        """Begin anew in a file that is another one now, or shorter than what was taken of it."""
        if self.inode in (0, inode) and size >= self.offset:
            return ""
        replaced = self.inode not in (0, inode)
        self.offset, self.inode, self.head, self._long = 0, inode, b"", False
        return "was replaced; it is read from its beginning" if replaced else "was cut; it is read from its beginning"

    def _lines(self, raw: bytes) -> tuple[bytes, ...]:
        *whole, rest = raw.split(b"\n")
        if self._long and whole:  # the end of a line that was passed over
            self.offset += len(whole[0]) + 1
            whole, self._long = whole[1:], False
        self.offset += sum(len(line) + 1 for line in whole)
        if len(rest) > MOST_LINE:
            self.offset += len(rest)
            if not self._long:  # its beginning is handed over, so that it is refused and counted as any other
                whole.append(rest[: MOST_LINE + 1])
            self._long = True
        return tuple(line.rstrip(b"\r") for line in whole if line.strip())
