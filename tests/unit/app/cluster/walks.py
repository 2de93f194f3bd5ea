"""A line of three sections, and somebody who walks along all of them: tracks cross borders, incidents rise."""

import hashlib
from pathlib import Path

import numpy as np

from linewatch.app.cluster.plan import Plan, plan_of, write_plan
from linewatch.app.pipeline import Pipeline
from linewatch.app.run import Runner
from linewatch.app.settings import Settings, settings_of
from linewatch.records import Detection, Record, canonical_bytes
from linewatch.site.load import load_site
from linewatch.site.model import Site
from tests.played import Played, detections_played
from tests.strategies import T0_NS

SITE = """
[site]
name = "three sections"
timezone = "Europe/Warsaw"
[[line]]
id = "main"
length_m = 600.0
[[section]]
name = "S01"
from_m = 0.0
to_m = 200.0
[[section]]
name = "S02"
from_m = 200.0
to_m = 400.0
[[section]]
name = "S03"
from_m = 400.0
to_m = 600.0
[[sensor]]
id = "d1"
kind = "fibre_das"
from_m = 0.0
to_m = 600.0
channels = 600
"""


def three_sections(folder: Path, versions: dict[str, str] | None = None) -> tuple[Site, Settings, Plan]:
    """The site in a folder, its settings, and the plan of a run in `folder/run`."""
    (folder / "site").mkdir(parents=True)
    (folder / "site" / "site.toml").write_text(SITE)
    site = load_site(folder / "site")
    plan = plan_of(str(folder / "site"), versions=versions)
    write_plan(folder / "run", plan)
    return site, settings_of(site), plan


def walks(seed: int = 1, seconds: float = 24.0) -> Played:
    """One runs from 150 m to 450 m, one drives back from 590 m; noise all along."""
    rng = np.random.default_rng(seed)
    found: list[Detection] = []
    for at_s in np.arange(0.0, seconds, 0.25):
        time_ns = T0_NS + round(at_s * 1e9)
        places = [150.0 + 12.5 * at_s, 590.0 - 14.0 * at_s, *rng.uniform(0, 600, rng.integers(0, 3))]
        for place in places:
            x = float(np.clip(place + rng.normal(0, 1.0), 0, 600))
            probability = float(rng.uniform(0.5, 0.95))
            found.append(
                Detection("main", "d1", time_ns, 0.25, x, 2.0, max(x - 3, 0), min(x + 3, 600), 20.0, probability)
            )
    unique = {(d.time_ns, round(d.chainage_m, 3)): d for d in found}
    return detections_played(list(unique.values()), name=f"walks {seed}")


def digest(folder: Path) -> str:
    """The version of numpy here, and a hash of everything that the steps give on six seconds of it."""
    site, settings, _ = three_sections(folder)
    source = walks(1, 6.0)
    out: list[Record] = []
    runner = Runner(site, Pipeline(site, settings), [source], None, out.append)
    for index in range(source.start_ns // runner.period_ns + 1, source.end_ns // runner.period_ns + 40):
        runner.advance(index)
    return f"{np.__version__} {hashlib.sha256(b''.join(map(canonical_bytes, out))).hexdigest()}"
