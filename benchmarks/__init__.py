"""Measurements of Linewatch, each a program of its own: `python -m benchmarks.NAME --json [--quick]`.

The last line that a benchmark prints with `--json` is one JSON object. Rates are fractions, with the counts they come
from beside them; a figure that could not be scored is `null`. A benchmark ends with status 0 whenever it has measured,
whether or not a target was met: a missed target is a finding, not a failure.
"""
