"""Which files of a watched folder are complete and were not taken yet, in the order in which they were written."""

from pathlib import Path
from typing import Final, NamedTuple

_NS_PER_S: Final = 1_000_000_000
MOST_FILES: Final = 200_000


class Mark(NamedTuple):
    """Where in the order of writing a file stands."""

    written_ns: int
    """When it was last written, by the disk."""
    name: str
    """Its path in the folder."""


class WatchedFolder:
    """Looks at a folder again and again. A file is complete once it has not grown or been written to for a while."""

    def __init__(self, folder: Path, pattern: str, settle_s: float, after: Mark | None = None) -> None:
        """Files up to `after` were taken by an earlier run."""
        self.folder = folder
        self._pattern = pattern
        self._settle_ns = round(settle_s * _NS_PER_S)
        self._after = after
        self._sizes: dict[Mark, int] = {}
        self._done: set[Mark] = set()

    def ready(self, now_ns: int) -> list[Mark]:
        """Complete files, in order. Raises `OSError` where the folder cannot be read."""
        if not self.folder.is_dir():
            raise NotADirectoryError(f"no folder {self.folder}")
        sizes: dict[Mark, int] = {}
        ready: list[Mark] = []
        for path in self.folder.rglob(self._pattern):
            try:
                facts = path.stat()
            except OSError:
                continue  # gone since it was listed
            mark = Mark(facts.st_mtime_ns, path.relative_to(self.folder).as_posix())
            if not path.is_file() or path.name.startswith(".") or (self._after is not None and mark <= self._after):
                continue
            sizes[mark] = facts.st_size
            # A file that has grown since the last look is not complete, whatever its time says.
            old = now_ns - mark.written_ns >= self._settle_ns
            if mark not in self._done and old and self._sizes.get(mark, facts.st_size) == facts.st_size:
                ready.append(mark)
            if len(sizes) > MOST_FILES:
                raise OSError(f"more than {MOST_FILES} files in it; old ones must be put elsewhere")
        self._sizes = sizes
        self._done &= sizes.keys()
        return sorted(ready)

    def done(self, mark: Mark) -> None:
        """It was taken, or given up."""
        self._done.add(mark)

    def path(self, mark: Mark) -> Path:
        """Where a file is."""
        return self.folder / mark.name
