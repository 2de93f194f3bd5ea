"""Recordings: files that were written once and are read again, as if it were happening now.

A `recording.toml` says what one sensor (or, for detections, several) recorded. Whatever is wrong at the start is told
at once and nothing is read. From then on there are no errors any more: a gap, a short or broken file, samples that are
not numbers, rows that make no sense become `Health` records at their time, and what can be read is read.

Quirks: time is read in whole microseconds. Rows of a file go on counting where the file before it ended, also across
what is missing of it. An array in an `.npz` is compressed and has one checksum, so that it is used wholly or not at
all; of a cut-off `.npy` whatever is there is used.
"""

from linewatch.sources.recording._load import find_recordings, load_recording

__all__ = ["find_recordings", "load_recording"]
