"""A cluster without an engine: keys have their turn in any order, are killed and set up again from what was kept."""

import random
from pathlib import Path

import msgspec

from linewatch.app.cluster.plan import Plan
from linewatch.app.cluster.work import Desk, DeskState, Gate, GateState, SectionState, SectionWork, encode
from linewatch.app.pipeline import Pipeline
from linewatch.app.settings import Settings
from linewatch.site.model import Site


class ByHand:
    """All keys of a run in one process; `snapshot` and `restore` are a checkpoint and what follows a crash."""

    def __init__(self, run: Path, plan: Plan, site: Site, settings: Settings, seed: int) -> None:
        self.run, self.plan = run, plan
        self.pipeline = Pipeline(site, settings)
        self.random = random.Random(seed)
        self.sections: dict[tuple[str, str], SectionWork] = {}
        self.desk: Desk | None = None
        self.restore(None)

    def snapshot(self) -> bytes:
        sections = [(line, name, work.state()) for (line, name), work in self.sections.items()]
        return encode((self.gate.state(), sections, self.desk.state()))

    def restore(self, kept: bytes | None) -> None:
        """Everything anew, in new owners' hands."""
        self.close()
        gate = desk = None
        states: dict[tuple[str, str], SectionState] = {}
        if kept is not None:
            kind = tuple[GateState, list[tuple[str, str, SectionState]], DeskState]
            gate, sections, desk = msgspec.msgpack.decode(kept, type=kind)
            states = {(line, name): state for line, name, state in sections}
        self.gate = Gate(self.pipeline, self.run, gate)
        self.sections = {
            (line, name): SectionWork(self.pipeline, self.run, line, name, states.get((line, name)))
            for line, name in self.pipeline.trackers
        }
        self.desk = Desk(self.pipeline, self.run, desk)

    def close(self) -> None:
        for work in (*self.sections.values(), *([] if self.desk is None else [self.desk])):
            work.close()

    def turn(self) -> None:
        """Some ticks through the gate, then every key once, in a random order."""
        for _ in range(self.random.randrange(4)):
            given = self.gate.take()
            if given is not None:
                part, batches = given
                self.desk.offer(encode(part))
                for name, batch in batches.items():
                    self.sections[name].offer(encode(batch))
        names = list(self.sections)
        self.random.shuffle(names)
        for name in names[: self.random.randrange(1, len(names) + 1)]:
            for part in self.sections[name].advance():
                self.desk.offer(encode(part))
        self.desk.advance()
