"""The large groups of `the-night`: whether each is one track for its life, and never mixed up with a patrol.

The shortened night (every event, less time between them, a tenth of the background) is played on the reference line
with all sensors that reach within 5 km of a group of 50 or more, with all movers and all faults of the whole scene:
what stands further away can neither feel a group nor follow a patrol that passes it. Health and the sections concerned
run as shipped, hand-overs among them. Detections are simulated and not those of a detector.
`benchmarks/tracking_lives.py` says what is counted.
"""

import argparse
import time
from collections.abc import Iterator

import msgspec
import numpy as np

from benchmarks.reporting import Figures, answer
from benchmarks.tracking_lives import LARGE, Second, figures_of, sensed_s
from linewatch.app.settings import settings_of
from linewatch.health.watch import HealthStep
from linewatch.ports import Item
from linewatch.records import HandOver, Tick, Track, Truth
from linewatch.simulate import SimulatedSource, read_scene, shortened
from linewatch.site.load import load_site
from linewatch.site.model import Site
from linewatch.track import TrackStep, estimates
from linewatch.track.handover import zone_m

SCENE = "the-night"
REACH_M = 5_000.0
QUICK_S = 420.0
NS_PER_S = 1_000_000_000


def near_groups(site: Site, truth: tuple[Truth, ...]) -> Site:
    """The site with only the sensors that reach within `REACH_M` of a large group."""
    places = [point[1] for each in truth if is_large(each) for point in each.path]
    low, high = np.array(places) - REACH_M, np.array(places) + REACH_M
    kept = []
    for sensor in site.sensors:
        from_m, to_m = sensor.extent_m()
        if ((from_m <= high) & (to_m >= low)).any():
            kept.append(sensor)
    return msgspec.structs.replace(site, sensors=tuple(kept))


def is_large(truth: Truth) -> bool:
    """Whether this is a group of the kind that is asked about."""
    return truth.mover == "group" and truth.count >= LARGE


def sections_of(site: Site, line_id: str, truth: tuple[Truth, ...]) -> list[str]:
    """Names of the sections that hear anything of a large group."""
    line = site.line(line_id)
    out = []
    for section in line.sections:
        low, high = zone_m(line, section, 100.0)
        if any(low <= point[4] and point[3] <= high for each in truth if is_large(each) for point in each.path):
            out.append(section.name)
    return out


class Night:
    """The trackers of the sections concerned, fed with what the health step and the sensors say."""

    def __init__(self, site: Site, source: SimulatedSource, line_id: str, sections: list[str]) -> None:
        settings = settings_of(site)
        self._source = source
        self._period_ns = round(settings.tick.period_s * NS_PER_S)
        self._health = HealthStep(site, settings.health)
        self._trackers = {name: TrackStep(site, line_id, name, settings.track) for name in sections}
        self._states = {name: step.initial() for name, step in self._trackers.items()}
        self._well = self._health.initial()
        self._given: list[HandOver] = []
        self.parents: dict[str, set[str]] = {}
        """By id of a track: those that it came out of, or that were taken into it."""
        self.busy_s = 0.0
        """Processor time of the trackers."""

    def play(self, until_ns: int) -> Iterator[Second]:
        """The night, second by second: all confirmed tracks."""
        first = self._source.start_ns // self._period_ns + 1
        for index in range(first, -(-until_ns // self._period_ns) + 1):
            time_ns = index * self._period_ns
            self._advance(tuple(self._source.poll(time_ns)), Tick(index, time_ns, time_ns, self._period_ns))
            if time_ns % NS_PER_S == 0:
                yield Second(time_ns, np.concatenate([estimates(state) for state in self._states.values()]))

    def _advance(self, items: tuple[Item, ...], tick: Tick) -> None:
        self._well, told = self._health.step(self._well, items, tick)
        given, self._given = self._given, []
        for name, step in self._trackers.items():
            mine = [hand_over for hand_over in given if hand_over.to_section == name]
            begun = time.thread_time()
            self._states[name], out = step.step(self._states[name], (*mine, *items, *told), tick)
            self.busy_s += time.thread_time() - begun
            self._given += [record for record in out if isinstance(record, HandOver)]
            for record in out:
                if isinstance(record, Track) and record.parents:
                    self.parents.setdefault(record.id, set()).update(record.parents)


def play(seed: int, until_s: float | None) -> Figures:
    """One seed of the night."""
    site = load_site("reference")
    scene = shortened(read_scene(SCENE, site), site, seed)
    everything = SimulatedSource(scene, site, seed)
    truth = everything.truth()
    site = near_groups(site, truth)
    source = SimulatedSource(scene, site, seed)
    until_ns = scene.end_ns if until_s is None else scene.start_ns + round(until_s * NS_PER_S)
    night = Night(site, source, scene.line, sections_of(site, scene.line, truth))
    seconds = list(night.play(until_ns))
    lives = {each.event: sensed_s(source.simulation, each) for each in truth if is_large(each)}
    return {
        "seed": seed,
        "simulated_s": (until_ns - scene.start_ns) / NS_PER_S,
        "busy_s": round(night.busy_s, 1),
        **figures_of(seconds, source.truth(), lives, night.parents),
    }


def measure(args: argparse.Namespace) -> Figures:
    """All seeds; the worst group counts."""
    runs = [play(seed, QUICK_S if args.quick else None) for seed in range(args.seed, args.seed + args.seeds)]
    groups = [group for run in runs for group in run["groups"]]
    return {
        "large_groups": len(groups),
        "one_track_share_least": min((group["one_track"] for group in groups), default=None),
        "one_track_with_history_least": min((group["with_history"] for group in groups), default=None),
        "one_track_95": sum(group["one_track"] >= 0.95 for group in groups),
        "swaps": sum(run["swaps"] for run in runs),
        "patrols_near": sum(run["patrols_near"] for run in runs),
        "runs": runs,
    }


def _more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=1, help="first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, one after another")


def main() -> None:
    """Run as a command."""
    answer(measure, __doc__, more=_more)


if __name__ == "__main__":
    main()
