"""A season of 34,000 attempts in a store: the truth of the shipped scene, journalled day by day as incidents."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from linewatch import __version__
from linewatch.app.archiving import begin_archive
from linewatch.app.settings import Settings
from linewatch.evaluate import ideal_incidents
from linewatch.records import Incident, Tick, Truth, canonical_bytes
from linewatch.simulate import read_scene
from linewatch.simulate.simulation import Simulation
from linewatch.simulate.truth import _of_mover
from linewatch.site.fingerprint import site_fingerprint
from linewatch.site.model import Site
from linewatch.store import identity_of, open_journal, replay_salt_key

PERIOD_NS = 60_000_000_000
DAY_TICKS = 24 * 60


def truth_of_season(site: Site) -> tuple[Truth, ...]:
    """Every attempt of the season; when it could first have been felt, which takes minutes, is left out."""
    simulation = Simulation(read_scene("season", site), site, 0)
    return tuple(_of_mover(simulation, mover, float("nan")) for mover in range(len(simulation.movers)))


def attempts(truth: tuple[Truth, ...], site: Site) -> list[Incident]:
    """One incident for each; every seventh turned back, and every eleventh was found later to be something else."""
    found = sorted(ideal_incidents(truth, site), key=lambda incident: (incident.raised_ns, incident.id))
    return [
        msgspec.structs.replace(incident, outcome="turned_back" if number % 7 == 0 else "crossed")
        for number, incident in enumerate(found)
    ]


def journal_season(folder: Path, site: Site, incidents: list[Incident]) -> Path:
    """A store of these incidents, one commit a day, each day's at its end."""
    identity = identity_of(
        site=site.name,
        site_id=site_fingerprint(site),
        settings_id="none",
        inputs_id="season",
        package_version=__version__,
    )
    begin = round(datetime(2021, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000_000 // PERIOD_NS
    days: dict[int, list[Incident]] = {-1: []}
    for incident in incidents:
        days.setdefault((incident.raised_ns // PERIOD_NS - begin) // DAY_TICKS, []).append(incident)
    with open_journal(folder, identity, salt_key=replay_salt_key("s", "n"), synchronous="NORMAL") as journal:
        begin_archive(journal, site, Settings())
        for day, group in days.items():
            index = begin + 1 if day < 0 else begin + (day + 1) * DAY_TICKS
            tick = Tick(index, index * PERIOD_NS, index * PERIOD_NS, PERIOD_NS)
            journal.append("tick", "", canonical_bytes(tick))
            for incident in group:
                journal.append("incident", incident.id, canonical_bytes(incident))
            journal.commit(tick, {}, {})
    return folder
