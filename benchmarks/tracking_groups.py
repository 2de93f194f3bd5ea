"""Groups of 2 to 600 people as a buried fibre and, sometimes, a camera would give them: a stated, made-up model.

The width of a group grows as the 0.7th power of its number (a crowd along a barrier is longer than deep), times a
factor of its own with 25 % spread. The power of its footsteps grows as 0.8 times the number in decibels (people do not
step in time, and the far ones are fainter), plus 1.2 dB of its own, plus up to 20 dB for how near to the fibre they
walk. They are felt beyond where they are, 1 m for each dB over the floor. Two groups in three are also seen by a
camera, whose count is off by 25 % of its own and says so with an interval of a factor of 1.5 to both sides. Every
frame adds 5 % to the width, 1 dB to the power and 10 % to the count, and one frame in four falls into two
pieces. None of these figures is measured on real crowds; where counted scenes exist, `fit` is to be run on them.
"""

from dataclasses import dataclass

import numpy as np

from benchmarks.tracking_scenes import START_NS, S
from linewatch.records import Detection, Tick, batch_of
from linewatch.site.model import Line, Section, Site
from linewatch.site.sensor import Sensor
from linewatch.track import TrackStep, estimates

SPACE_M = 2_000.0
WIDTH_M, WIDTH_POWER, WIDTH_SPREAD = 2.5, 0.7, 0.25
POWER_DB, POWER_SLOPE, POWER_SPREAD_DB, NEAR_DB = 12.0, 0.8, 1.2, 20.0
FLOOR_DB, FALLS_DB_PER_M = 10.0, 1.0
SEEN_BY_CAMERA, COUNT_SPREAD, COUNT_SAYS = 2 / 3, 0.25, 1.5
SECONDS = 30


@dataclass(frozen=True)
class Groups:
    """The groups of one scene, 2 km apart."""

    number: np.ndarray
    width_m: np.ndarray
    power_db: np.ndarray
    told: np.ndarray
    """What the camera takes each for; NaN where none looks."""


def draw(rng: np.random.Generator, groups: int) -> Groups:
    """Groups with numbers even on a logarithmic scale."""
    number = np.rint(np.exp(rng.uniform(np.log(2), np.log(600), groups)))
    return Groups(
        number=number,
        width_m=WIDTH_M * number**WIDTH_POWER * np.exp(WIDTH_SPREAD * rng.standard_normal(groups)),
        power_db=POWER_DB
        + POWER_SLOPE * 10 * np.log10(number)
        + POWER_SPREAD_DB * rng.standard_normal(groups)
        + NEAR_DB * rng.random(groups),
        told=np.where(
            rng.random(groups) < SEEN_BY_CAMERA, number * np.exp(COUNT_SPREAD * rng.standard_normal(groups)), np.nan
        ),
    )


def _frame(rng: np.random.Generator, groups: Groups, second: int) -> list[Detection]:
    time_ns = START_NS + second * S + S // 2
    out = []
    for i in range(len(groups.number)):
        x = (i + 0.5) * SPACE_M + 1.0 * second
        db = groups.power_db[i] + rng.standard_normal()
        reach = max(db - FLOOR_DB, 0.0) / FALLS_DB_PER_M
        people_m = groups.width_m[i] * np.exp(0.05 * rng.standard_normal())
        width = max(10.0, people_m + 2.0 * reach)
        middle = x + 2.0 * rng.standard_normal()
        ends = [(middle - width / 2, middle + width / 2)]
        if rng.random() < 0.25 and width > 30.0:
            cut = middle + rng.uniform(-0.25, 0.25) * width
            ends = [(ends[0][0], cut - 3.0), (cut + 3.0, ends[0][1])]
            db -= 3.0
        out += [
            Detection("main", "fibre", time_ns, 1.0, (a + b) / 2, 3.0 + 0.05 * width, a, b, db, 0.99) for a, b in ends
        ]
        if not np.isnan(groups.told[i]) and second % 2 == 0:
            seen = groups.told[i] * np.exp(0.1 * rng.standard_normal())
            low, high = max(1, round(seen / COUNT_SAYS)), max(1, round(seen * COUNT_SAYS))
            out.append(
                Detection(
                    *("main", "camera", time_ns + S // 4, 0.0, x, 5.0, x - people_m / 2, x + people_m / 2, 12.0, 0.99),
                    count_low=low,
                    count_high=high,
                )
            )
    return out


def followed(groups: Groups, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """The track nearest to the middle of each group at the end, and how many tracks there were in all."""
    n = len(groups.number)
    length_m = n * SPACE_M
    sensors = (
        Sensor("fibre", "fibre_das", "main", from_m=0.0, to_m=length_m, channels=int(length_m / 10)),
        Sensor("camera", "camera", "main", at_m=length_m / 2, range_m=length_m / 2),
    )
    line = Line("main", length_m, sections=(Section("S01", "main", 0.0, length_m),))
    step = TrackStep(Site("bench", "UTC", (line,), sensors), "main", "S01")
    state = step.initial()
    for second in range(SECONDS):
        now_ns = START_NS + (second + 1) * S
        tick = Tick(now_ns // S, now_ns, now_ns, S)
        state, _ = step.step(state, (batch_of("main", _frame(rng, groups, second)),), tick)
    tracks = estimates(state)
    middle = (np.arange(n) + 0.5) * SPACE_M + SECONDS
    return tracks[np.abs(tracks["chainage_m"][None] - middle[:, None]).argmin(axis=1)], len(tracks)


def fit(seed: int, groups: int) -> dict[str, tuple[float, float, float]]:
    """Constants of `linewatch.track.group` by least squares, from groups that are never scored."""
    rng = np.random.default_rng(seed)
    drawn = draw(rng, groups)
    tracks, _ = followed(drawn, rng)
    log_n = np.log(drawn.number)
    out = {}
    for name, field in (("WIDTH", "width_log"),):
        cue = tracks[field]
        use = ~np.isnan(cue) & (drawn.number >= 10)
        slope, base = np.polyfit(log_n[use], cue[use], 1)
        sigma = float(np.std((cue[use] - base) / slope - log_n[use]))
        out[name] = (round(float(base), 3), round(float(slope), 3), round(sigma, 3))
    return out


def sizes(seed: int, groups: int) -> dict[str, float]:
    """Cover of the stated 90 % interval, and the median of its upper over its lower end above 50 people."""
    rng = np.random.default_rng(seed)
    drawn = draw(rng, groups)
    tracks, n_tracks = followed(drawn, rng)
    low, high = tracks["count_low"], tracks["count_high"]
    inside = (low <= drawn.number) & (drawn.number <= high)
    large = drawn.number > 50
    alone = large & np.isnan(drawn.told)
    ratio = high / low
    return {
        "groups": groups,
        "group_tracks": n_tracks,
        "size_cover": round(float(inside.mean()), 4),
        "size_cover_above_50": round(float(inside[large].mean()), 4),
        "size_width_ratio": round(float(np.median(ratio[large])), 3),
        "size_width_ratio_without_camera": round(float(np.median(ratio[alone])), 3),
    }
