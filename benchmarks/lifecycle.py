"""Random sequences of moves by people and by the system: no illegal state, no lost incident, journal and state agree.

What is allowed stands here a second time, written by hand and not read from the table that is tested. After every tick
each incident's new version is held against the one before it, and the state of the step against what it has put out.
"""

import argparse
import random
import time
from typing import Any, Final

import msgspec

from benchmarks.reporting import Figures, answer
from linewatch.incident.policy import IncidentSettings
from linewatch.incident.step import IncidentStep
from linewatch.ports import Item
from linewatch.records import (
    ACTS,
    MOVERS,
    Health,
    Incident,
    OperatorAct,
    Outage,
    Tick,
    Track,
    canonical_bytes,
    interrupts,
    standing,
)
from linewatch.site.model import Line, Section, Site
from linewatch.site.sensor import Sensor

SEQUENCES: Final = 100_000
QUICK_SEQUENCES: Final = 2_000
LENGTH: Final = (8, 24)
"""Fewest and most happenings of a sequence; sequences go on in a world of their own each."""
_T0_NS: Final = 1_637_193_600_000_000_000
_S: Final = 1_000_000_000
_LIVE: Final = "raised returned acknowledged assessed responding"
_TAKEN: Final = "acknowledged assessed responding"
_DESK: Final = "operator supervisor"
BY_HAND: Final[dict[str, tuple[str, str, str]]] = {
    "acknowledge": ("raised returned", "acknowledged", _DESK),
    "take": (_TAKEN, "=", _DESK),
    "assess": (_TAKEN, "assessed, or responding from there", _DESK),
    "respond": (_TAKEN, "responding", _DESK),
    "accept": ("responding", "=", _DESK),
    "set_out": ("responding", "=", _DESK),
    "arrive": ("responding", "=", _DESK),
    "stand_down": ("responding", "acknowledged or assessed", _DESK),
    "outcome": (f"{_TAKEN} closed", "=", _DESK),
    "hazards": (f"{_LIVE} shelved out_of_service", "=", _DESK),
    "escalate": (_LIVE, "=", _DESK),
    "close": (_TAKEN, "closed", _DESK),
    "merge": (_LIVE, "closed", _DESK),
    "shelve": (_LIVE, "shelved", "supervisor"),
    "unshelve": ("shelved", "acknowledged", "supervisor"),
    "take_out": (f"{_LIVE} shelved", "out_of_service", "supervisor maintainer"),
    "put_back": ("out_of_service", "raised", "supervisor maintainer"),
    "note": (f"{_LIVE} shelved out_of_service closed", "=", "operator supervisor maintainer"),
    "remedy": (f"{_LIVE} shelved out_of_service closed", "=", "supervisor maintainer"),
}
"""From where, to where, and by whom."""
SYSTEM: Final = frozenset(
    {("raised", "returned"), ("returned", "raised"), ("shelved", "raised"), ("out_of_service", "raised")}
)
_ONWARD: Final = frozenset({"acknowledge", "assess", "respond", "accept", "set_out", "arrive", "close", "put_back"})
_PLACES_M: Final = (40.0, 52.0, 90.0, 220.0, 300.0)
_ROLES: Final = ("operator", "supervisor", "maintainer", "viewer", "auditor", "administrator")
_SEATS: Final = ("seat 1", "seat 2")


def _site() -> Site:
    sections = tuple(Section(f"S{n}", "main", 120.0 * n, 120.0 * (n + 1)) for n in range(3))
    cable = Sensor(id="f1", kind="fibre_das", line="main", from_m=0.0, to_m=360.0, channels=360)
    return Site("play", "UTC", (Line("main", 360.0, sections=sections),), (cable,))


def _probabilities(name: str) -> tuple[float, ...]:
    return tuple(0.94 if mover == name else 0.01 for mover in MOVERS)


class Play:
    """A small world with people in it, and what is wrong with how the step deals with them."""

    def __init__(self, seed: int, step: IncidentStep | None = None) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a script for a play, no secret
        self.step = step or IncidentStep(_site(), IncidentSettings(), "s")
        self.state = self.step.initial()
        self.now_ns = _T0_NS
        self.last: dict[str, Incident] = {}
        self.tracks: dict[str, Track] = {}
        self.outages: dict[str, Outage] = {}
        self.made: dict[str, str] = {}
        self.names = self.moves = self.refused = 0
        self.illegal: list[str] = []
        self.lost: list[str] = []
        self.disagree: list[str] = []

    @property
    def faults(self) -> list[str]:
        """Everything that is wrong, in words."""
        return [*self.illegal, *self.lost, *self.disagree]

    # --- what happens -----------------------------------------------------------------------------------------

    def happen(self) -> None:
        """Something, by chance: mostly people's moves, and a world that gives them reason to."""
        chance = self.random.random()
        if chance < 0.65 and self.last:
            self.act(self._likely_move(), -1, "")
        elif chance < 0.7:
            self._site_act()
        elif chance < 0.92:
            self._world()
        else:
            self.wait(self.random.choice((0.25, 5.0, 31.0, 130.0, 700.0)))

    @property
    def focus(self) -> str:
        """The incident with which people mostly deal: the first that is open, else the first of all."""
        return next(
            (key for key, each in self.last.items() if each.state != "closed"), next(iter(self.last), "nowhere")
        )

    def _likely_move(self) -> str:
        """Mostly a move that the incident in focus takes as it stands: otherwise nobody would get far."""
        if self.focus in self.state.undo and self.random.random() < 0.2:
            return "undo"
        state = self.last[self.focus].state
        fitting = [move for move, (sources, _, _) in BY_HAND.items() if state in sources.split()]
        fitting += 5 * [move for move in fitting if move in _ONWARD]
        return self.random.choice(fitting if self.random.random() < 0.75 else [*BY_HAND, "undo", "undo", "dance"])

    def _likely_role(self, move: str) -> str:
        fitting = BY_HAND.get(move, ("", "", _DESK))[2].split()
        return self.random.choice(fitting if self.random.random() < 0.85 else _ROLES)

    def wait(self, seconds: float) -> None:
        """Nothing comes; time goes on."""
        self.tick((), seconds)

    def act(self, move: str, number: int, role: str) -> None:
        """Somebody makes a move with the incident of this number, or, below 0, mostly the one in focus.

        The number after the last incident is one that never was.
        """
        names = [*self.last, "nowhere"]
        chosen = self.random.randrange(len(names)) if number < 0 else number % len(names)
        key = self.focus if number < 0 and self.random.random() < 0.8 else names[chosen]
        late_s = self.random.choice((*(0,) * 19, 90))
        values = {
            "assess": {"assessment": self.random.choice(("genuine", "genuine", "exercise", "perhaps"))},
            "outcome": {"outcome": "turned_back"},
            "hazards": {"hazards": self.random.choice(("ice", "", "stones,gas", "lava"))},
            "shelve": {"until_ns": str(self.now_ns + self.random.choice((-1, 60, 60, 3600, 3600, 90_000)) * _S)},
            "merge": {"into": self.random.choice(names)},
        }.get(move, {})
        reason = self.random.choice((*("so it is",) * 9, ""))
        offered = OperatorAct(
            key,
            move,
            role or self._likely_role(move),  # type: ignore[arg-type]  # a name of a role
            self.random.choice(_SEATS),
            self.now_ns - late_s * _S,
            reason,
            tuple(sorted(values.items())),
        )
        self.moves += 1
        self.tick((offered,), 0.25)

    def _site_act(self) -> None:
        taken = any(seat.taken for seat in self.state.seats.values())
        move = self.random.choice(
            ("leave", "hand_over", "present", "present", "note") if taken else ("take", "take", "note")
        )
        values = {"present": {"sound": "yes", "visible": self.random.choice(("yes", "no"))}}.get(move, {})
        act = OperatorAct(
            "", move, "operator", self.random.choice(_SEATS), self.now_ns, "so it is", tuple(sorted(values.items()))
        )
        self.moves += 1
        self.tick((act,), 0.25)

    def _world(self) -> None:
        chance = self.random.random()
        if chance < 0.15:
            self.names += 1
            name = f"o{self.names}"
            at_m = self.random.choice(_PLACES_M)
            cause = self.random.choice(("silent", "dazzled", "fibre_cut"))
            self.outages[name] = Outage(
                name, "main", ("f1",), cause, at_m, at_m + 60.0, self.now_ns, self.now_ns, None, 0.0, "nothing heard"
            )
            self.tick((self.outages[name],), 6.0)
        elif chance < 0.25 and self.outages:
            name = self.random.choice(list(self.outages))
            self.tick((msgspec.structs.replace(self.outages.pop(name), end_ns=self.now_ns),), 0.25)
        elif chance < 0.45 and self.tracks:
            name = self.random.choice(list(self.tracks))
            ended = msgspec.structs.replace(self.tracks.pop(name), state="ended", existence_probability=0.3)
            self.tick((ended,), 0.25)
        elif chance < 0.65 and self.tracks:
            name = self.random.choice(list(self.tracks))
            self.tick((self._track(name, self.tracks[name].chainage_m),), 0.25)
        else:
            self.names += 1
            self.tick((self._track(f"t{self.names}", self.random.choice(_PLACES_M)),), 0.25)

    def _track(self, name: str, at_m: float) -> Track:
        crowd = self.random.random() < 0.1
        mover = self.random.choice(("person", "person", "group", "vehicle", "animal"))
        begun_ns = self.tracks[name].first_ns if name in self.tracks else self.now_ns - 10 * _S
        self.tracks[name] = Track(
            id=name,
            line="main",
            section=f"S{int(at_m // 120)}",
            time_ns=self.now_ns,
            first_ns=begun_ns,
            last_ns=self.now_ns,
            state="confirmed",
            existence_probability=0.99,
            chainage_m=at_m,
            chainage_sigma_m=2.0,
            velocity_mps=0.0,
            velocity_sigma_mps=0.5,
            covariance_m2ps=0.0,
            from_m=at_m - 2.0,
            to_m=at_m + 2.0,
            strength_db=20.0,
            mover_probabilities=_probabilities(mover),
            act_probabilities=(1 / len(ACTS),) * len(ACTS),
            sensors=("f1",),
            first_detection=f"f1@{name}",
            detections=20,
            count_low=40 if crowd else 1,
            count_high=90 if crowd else 1,
            offset_m=self.random.choice((None, 5.0, 90.0)),
            offset_sigma_m=2.0,
            intent=self.random.choice(("approach", "along", "still", "crossing", "contact")),  # type: ignore[arg-type]
        )
        return self.tracks[name]

    # --- what must hold ---------------------------------------------------------------------------------------

    def tick(self, batch: tuple[Item, ...], seconds: float) -> None:
        """One tick with this batch, and everything compared."""
        self.now_ns += round(seconds * 4) * _S // 4
        tick = Tick(self.now_ns // (_S // 4), self.now_ns, self.now_ns, _S // 4)
        self.state, out = self.step.step(self.state, batch, tick)
        act = next((item for item in batch if isinstance(item, OperatorAct)), None)
        refused = [r for r in out if isinstance(r, Health) and r.condition == "refused"]
        self.refused += len(refused)
        before = dict(self.last)
        new = {record.id: record for record in out if isinstance(record, Incident)}
        self.last |= new
        if act is not None:
            self._judge_act(act, before.get(act.incident), refused=bool(refused))
        for key, version in new.items():
            self._judge_version(before.get(key), version, None if refused else act)
        self._judge_state()

    def _judge_act(self, act: OperatorAct, target: Incident | None, *, refused: bool) -> None:
        if act.move in BY_HAND and act.incident:
            sources, _, roles = BY_HAND[act.move]
            allowed = target is not None and target.state in sources.split() and act.role in roles.split()
            if not refused and not allowed:
                self.illegal.append(f"{act.move} by {act.role} on {target.state if target else 'nothing'} was made")
            if (
                not refused
                and act.move in ("shelve", "take_out")
                and target is not None
                and target.concern == "distress"
            ):
                self.illegal.append(f"{act.move} hid somebody in distress")
        elif act.incident and act.move != "undo" and not refused:
            self.illegal.append(f"{act.move} is no move and was made")
        if not refused and act.move in ("close", "merge"):
            self.made[act.incident] = act.move
        if refused and target is not None and act.incident in self.state.incidents:
            now = self.state.incidents[act.incident]
            if (now.assessment, now.outcome, now.patrol, now.seat) != (
                target.assessment,
                target.outcome,
                target.patrol,
                target.seat,
            ):
                self.disagree.append(f"{act.move} was refused and changed {act.incident}")

    def _judge_version(self, before: Incident | None, now: Incident, act: OperatorAct | None) -> None:
        was = before.state if before is not None else "raised"
        if was != now.state and not self._may_lead(was, now, act):
            self.illegal.append(f"{was} to {now.state} by {act.move if act else 'the system'}")
        if (now.closed_ns is not None) != (now.state == "closed"):
            self.illegal.append(f"{now.state} with closed_ns {now.closed_ns}")
        if (now.shelved_until_ns is not None) != (now.state == "shelved"):
            self.illegal.append(f"{now.state} with shelved_until_ns {now.shelved_until_ns}")
        times = [t for t in (now.assigned_ns, now.accepted_ns, now.under_way_ns, now.on_scene_ns) if t is not None]
        if times != sorted(times):
            self.illegal.append("a patrol that arrived before it set out")
        if now.concern == "distress" and now.state in ("shelved", "out_of_service"):
            self.illegal.append("somebody in distress on the shelf")
        if before is not None and before.concern == "distress" and now.concern != "distress":
            self.lost.append("a distress that the system took back")

    def _may_lead(self, was: str, now: Incident, act: OperatorAct | None) -> bool:
        if (was, now.state) in SYSTEM or (now.merged_into is not None and now.state == "closed"):
            return True
        if act is None:
            return False
        if act.move == "undo":
            return True
        target = BY_HAND.get(act.move, ("", "", ""))[1]
        # What a person moved, the system may move on within the same tick: off the shelf, and back to normal.
        return now.state in target or now.state in ("raised", "returned")

    def _judge_state(self) -> None:
        open_ = {key: each for key, each in self.last.items() if standing(each) != "closed"}
        for key in open_.keys() - self.state.incidents.keys():
            self.lost.append(f"{key} is open in the record and gone from the state")
        for key in self.state.incidents.keys() - open_.keys():
            self.disagree.append(f"{key} is in the state and not open in the record")
        for key in open_.keys() & self.state.incidents.keys():
            if open_[key] is not self.state.incidents[key] and canonical_bytes(open_[key]) != canonical_bytes(
                self.state.incidents[key]
            ):
                self.disagree.append(f"{key} is another in the state than in the record")
        for each in open_.values():
            if (
                each.group
                and not (each.group in open_ and interrupts(open_[each.group]))
                and standing(each) == "grouped"
            ):
                self.illegal.append(f"{each.id} stands behind a lead that is not shown")
        for key, each in self.last.items():
            if each.state == "closed" and key not in self.made and each.merged_into is None:
                self.lost.append(f"{key} was closed by nobody")


def measure(args: argparse.Namespace) -> Figures:
    """Play so many sequences."""
    sequences = args.sequences or (QUICK_SEQUENCES if args.quick else SEQUENCES)
    step = IncidentStep(_site(), IncidentSettings(), "s")
    totals: dict[str, Any] = dict.fromkeys(("moves", "refused", "incidents", "illegal", "lost", "disagree"), 0)
    first_faults: list[str] = []
    begun = time.perf_counter()
    for number in range(sequences):
        play = Play(args.seed * 1_000_003 + number, step)
        for _ in range(play.random.randint(*LENGTH)):
            play.happen()
        totals["moves"] += play.moves
        totals["refused"] += play.refused
        totals["incidents"] += len(play.last)
        for name in ("illegal", "lost", "disagree"):
            totals[name] += bool(getattr(play, name))
        first_faults += [f"sequence {number}: {fault}" for fault in play.faults[:1]][: max(5 - len(first_faults), 0)]
    return {"sequences": sequences, **totals, "faults": first_faults, "wall_s": time.perf_counter() - begun}


def _more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sequences", type=int, default=0, help=f"how many; by default {SEQUENCES}")
    parser.add_argument("--seed", type=int, default=1, help="another one plays other sequences")


def main() -> None:
    """Run as a command."""
    answer(measure, __doc__, more=_more)


if __name__ == "__main__":
    main()
