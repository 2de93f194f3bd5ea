"""A watch in little, a program of its own so that it can be killed: `store_writer FOLDER FIRST TICKS [LIMIT]`.

It goes on where the store stands, writes up to so many ticks from `FIRST`, and prints each tick once it is committed.
With a `LIMIT` no file may grow beyond so many bytes, as on a full disk.
"""

import resource
import sys
from pathlib import Path

from linewatch.errors import StoreError
from linewatch.store import Signer
from tests.unit.store.writing import opened, write_tick

SIGNER = Signer(b"\x07" * 32)


def main(folder: Path, first: int, ticks: int, limit: int | None) -> int:
    """0 at the end of the input, 3 when the disk is full."""
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        journal = opened(folder, signer=SIGNER, checkpoint_ticks=25)
        found = journal.positions()
        for index in range(first if found is None else found.tick + 1, first + ticks):
            write_tick(journal, index)
            sys.stdout.write(f"{index}\n")
            sys.stdout.flush()
        journal.close()
    except StoreError as error:
        sys.stderr.write(f"{error}\n")
        return 3
    return 0


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[2:]]
    sys.exit(main(Path(sys.argv[1]), numbers[0], numbers[1], numbers[2] if len(numbers) > 2 else None))
