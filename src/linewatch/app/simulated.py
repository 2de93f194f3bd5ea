"""Scenes played on the site that they belong to: what `demo` shows and `simulate` writes down."""

from pathlib import Path

from linewatch.simulate import SimulatedSource, bench_site, read_scene, scene_names, write_recording
from linewatch.site.load import load_site
from linewatch.site.model import Site

BENCH_SCENES = frozenset({"walker-and-wind"})
"""Shipped scenes that play on the small bench and not on the reference line."""


def site_of(scene: str) -> Site:
    """The site on which a shipped scene plays."""
    return bench_site() if scene in BENCH_SCENES else load_site("reference")


def play(scene: str, site: Site, seed: int) -> SimulatedSource:
    """A scene, shipped or from a file, as a source. Raises `InputError` and `SiteError` as `read_scene` does."""
    path = Path(scene)
    return SimulatedSource(read_scene(path if path.suffix == ".toml" else scene, site), site, seed)


def write(scene: str, site: Site, seed: int, out: Path) -> tuple[Path, Path]:
    """Write a scene down: recording.toml and truth.jsonl. Raises `InputError` where `out` holds anything already."""
    path = Path(scene)
    return write_recording(read_scene(path if path.suffix == ".toml" else scene, site), site, seed, out)


def shipped() -> tuple[str, ...]:
    """Names of the shipped scenes."""
    return scene_names()
