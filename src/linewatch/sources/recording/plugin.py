"""The entry point `recording`: a recording as a source of a site, played as if it were live."""

from pathlib import Path
from typing import Final

import msgspec

from linewatch.plugins import Card
from linewatch.ports import Recording
from linewatch.site.model import Site
from linewatch.sources.recording import load_recording


class RecordingSettings(msgspec.Struct, frozen=True):
    """Keys of a `[[source]]` table with `plugin = "recording"`."""

    file: str
    """The `recording.toml`, or the folder that holds it."""


card: Final = Card(
    title="Recordings from files: arrays (.npy, .npz, .csv), MiniSEED, DAS, video and detections (.parquet, .jsonl)",
    level="block, detection",
    licence="Apache-2.0",
    docs="docs/recordings.md",
    limits=(
        "Detections and .csv files are held in memory as a whole, an .npz array while it is being read.",
        "A file must not change while it is read; one that has become shorter is reported as unreadable.",
    ),
)
settings_type: Final = RecordingSettings


def build(site: Site, settings: RecordingSettings, folder: Path) -> Recording:
    """The recording, ready to be polled. Raises `SiteError` with everything that is wrong with it."""
    return load_recording(folder / settings.file, site)
