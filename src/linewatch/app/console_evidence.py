"""Evidence for the console: clips of an incident from its store, and the pictures that people read of them."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from linewatch.console_ports import Exhibit
from linewatch.errors import LinewatchError
from linewatch.evidence.clip_file import read_clip
from linewatch.evidence.pictures import pictures_of
from linewatch.evidence.thumbnail import thumbnail
from linewatch.records import Clip, ClipRequest, from_bytes
from linewatch.store.reader import open_store

PICTURES_KEPT = 16
"""Clips whose pictures are kept at hand."""
SMALL_KEPT = 2_000
"""Small pictures that are kept at hand, some kilobytes each."""


class StoredEvidence:
    """Satisfies `console_ports.EvidenceRing`. Every call sees what is committed."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._read_to = -1
        self._requests: dict[str, ClipRequest] = {}
        self._clips: dict[str, list[Clip]] = {}
        self._small: dict[str, bytes] = {}
        self._pictures = lru_cache(maxsize=PICTURES_KEPT)(self._drawn)

    def exhibits(self, incident: str) -> Sequence[Exhibit]:
        """Pictures first, then the clips themselves; a clip that was refused says why and has no file."""
        clips = self._clips_of(incident)
        pictures = [
            Exhibit(f"{clip.request}-{number}.png", kind, title, "image/png")
            for clip in clips
            if clip.file
            for number, (kind, title, _) in enumerate(self._pictures(clip.file, self._raised_ns(incident)))
        ]
        files = [
            Exhibit(f"{clip.request}.h5", "clip", f"{clip.sensor}: raw clip (HDF5)", "application/x-hdf5")
            if clip.file
            else Exhibit(f"{clip.request}.txt", "refusal", f"{clip.sensor}: no clip, {clip.refusal}", "text/plain")
            for clip in clips
        ]
        return [*pictures, *files]

    def read(self, incident: str, exhibit: str) -> bytes | None:
        """The bytes of one piece; None where there is none."""
        for clip in self._clips_of(incident):
            if exhibit == f"{clip.request}.txt" and not clip.file:
                return clip.refusal.encode()
            if not clip.file:
                continue
            if exhibit == f"{clip.request}.h5":
                return (self._store / clip.file).read_bytes()
            for number, (_, _, png) in enumerate(self._pictures(clip.file, self._raised_ns(incident))):
                if exhibit == f"{clip.request}-{number}.png":
                    return png
        return None

    def thumbnail(self, incident: str) -> bytes | None:
        """A small PNG of its first picture, camera frames before others; None where it has no picture."""
        pictures = [each for each in self.exhibits(incident) if each.media_type == "image/png"]
        if not pictures:
            return None
        best = min(pictures, key=lambda each: each.kind != "frame")
        held = self._small.get(best.id)
        if held is None:
            png = self.read(incident, best.id)
            if png is None:
                return None
            held = self._small[best.id] = thumbnail(png)
            while len(self._small) > SMALL_KEPT:
                del self._small[next(iter(self._small))]
        return held

    def _drawn(self, file: str, raised_ns: int) -> tuple[tuple[str, str, bytes], ...]:
        try:
            clip = read_clip(self._store / file)
        except (LinewatchError, OSError):
            return ()  # erased by retention, or damaged: `verify` says so, and there is nothing to draw
        return tuple((picture.kind, picture.title, picture.png) for picture in pictures_of(clip, raised_ns))

    def _raised_ns(self, incident: str) -> int:
        with open_store(self._store) as reader:
            return reader.incident_history(incident)[0][1].raised_ns

    def _clips_of(self, incident: str) -> list[Clip]:
        """Clips that were asked for by an incident, in the order in which they came."""
        with open_store(self._store) as reader:
            for entry in reader.entries(kinds=("clip_request", "clip"), from_seq=self._read_to + 1):
                record = None if entry.payload is None else from_bytes(entry.payload)
                if isinstance(record, ClipRequest):
                    self._requests[record.id] = record
                elif isinstance(record, Clip) and record.request in self._requests:
                    self._clips.setdefault(self._requests[record.request].incident, []).append(record)
                self._read_to = entry.seq
            self._read_to = max(self._read_to, reader.last_seq())
        return self._clips.get(incident, [])
