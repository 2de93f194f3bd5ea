"""Coverage-guided fuzzing of every parser that takes bytes from outside (atheris, the extra `fuzz`).

    python -m tests.fuzz.guided nmea -max_total_time=600     one target, with the options of libFuzzer
    python -m tests.fuzz.guided --each 600                   all of them, one after the other

A target fails by a crash, by hanging, and by growing beyond the memory that it is given.
"""

import importlib
import subprocess
import sys
import tempfile
from typing import Final

NAMES: Final = ("cot", "cot_stream", "nmea", "csv", "asterix", "sapient", "mqtt", "http", "das", "record")
"""Targets of `tests.fuzz.targets`, which is imported only where it can be instrumented."""
MOST_MB: Final = 2048
HANG_S: Final = 10


def main(words: list[str]) -> int:
    """Run one target until an option ends it, or each for so many seconds."""
    try:
        import atheris  # noqa: PLC0415 - an extra, which has no wheel for every machine
    except ImportError:
        print("skipped: atheris is not installed (the extra `fuzz`; Linux on x86-64)")  # noqa: T201 - a program
        return 0
    if words[:1] == ["--each"]:
        failed = [each for each in NAMES if not _ran(each, words[1])]
        print(f"failed: {', '.join(failed)}" if failed else f"all {len(NAMES)} targets held")  # noqa: T201
        return bool(failed)
    name, *options = words
    with atheris.instrument_imports(include=["linewatch"]):
        targets = importlib.import_module("tests.fuzz.targets")
    target = targets.everything if name == "everything" else targets.TARGETS[name]
    atheris.Setup(
        [
            name,
            f"-rss_limit_mb={MOST_MB}",
            f"-timeout={HANG_S}",
            f"-artifact_prefix={tempfile.gettempdir()}/",
            *options,
        ],
        target,
    )
    atheris.Fuzz()  # ends the process
    return 0


def _ran(name: str, seconds: str) -> bool:
    """Whether a target held for so long, in a process of its own."""
    command = [sys.executable, "-m", "tests.fuzz.guided", name, f"-max_total_time={seconds}", "-print_final_stats=1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    runs = next((line.split()[-1] for line in done.stderr.splitlines() if "number_of_executed_units" in line), "?")
    print(f"{name}: {'held' if done.returncode == 0 else 'FAILED'}, {runs} inputs in {seconds} s")  # noqa: T201
    if done.returncode:
        print(done.stdout[-3000:] + done.stderr[-3000:])  # noqa: T201
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
