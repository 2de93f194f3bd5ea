"""A cluster without an engine: keys have their turn in any order, are killed and set up again from what was kept."""

import random
from pathlib import Path

import msgspec

from linewatch.app.cluster.plan import Plan, hand_over_folder, inputs_folder
from linewatch.app.cluster.pruning import mark_kept
from linewatch.app.cluster.work import (
    NONE_YET,
    Desk,
    DeskState,
    Gate,
    GateState,
    SectionState,
    SectionWork,
    Together,
    encode,
)
from linewatch.app.pipeline import Pipeline
from linewatch.app.settings import Settings
from linewatch.site.model import Site


class ByHand:
    """All keys of a run in one process; `snapshot` and `restore` are a checkpoint and what follows a crash.

    As on the engine, a state is kept every few ticks only (here by chance), and what came since beside it.
    """

    def __init__(self, run: Path, plan: Plan, site: Site, settings: Settings, seed: int) -> None:
        self.run, self.plan = run, plan
        self.pipeline = Pipeline(site, settings)
        self.random = random.Random(seed)
        self.sections: dict[tuple[str, str], SectionWork] = {}
        self.desk: Desk | None = None
        self.restore(None)

    def snapshot(self) -> bytes:
        for name, work in self.sections.items():
            if work.since >= self.random.randrange(1, 6):
                self.kept_sections[name] = work.state()
                mark_kept(hand_over_folder(self.run, *name), work.done)
        if self.desk.since >= self.random.randrange(1, 6):
            self.kept_desk = self.desk.state()
        if self.gate.since >= self.random.randrange(1, 6):
            self.kept_gate = self.gate.state()
            mark_kept(inputs_folder(self.run), self.gate.done)
        sections = [(line, name, state) for (line, name), state in self.kept_sections.items()]
        return encode((self.kept_gate, sections, self.kept_desk))

    def restore(self, kept: bytes | None) -> None:
        """Everything anew, in new owners' hands."""
        self.close()
        self.kept_gate, self.kept_desk = GateState(NONE_YET, None), DeskState(NONE_YET, None)
        self.kept_sections = {name: SectionState(NONE_YET, None) for name in self.pipeline.trackers}
        if kept is not None:
            kind = tuple[GateState, list[tuple[str, str, SectionState]], DeskState]
            self.kept_gate, sections, self.kept_desk = msgspec.msgpack.decode(kept, type=kind)
            self.kept_sections = {(line, name): state for line, name, state in sections}
        self.gate = Gate(self.pipeline, self.run, self.kept_gate)
        self.sections = {
            (line, name): SectionWork(self.pipeline, self.run, line, name, state)
            for (line, name), state in self.kept_sections.items()
        }
        # As if the last section were in another process: it and its neighbour hear each other by their logs only.
        self.together = [Together(), Together()]
        self.where = {
            name: self.together[number == len(self.sections) - 1] for number, name in enumerate(self.sections)
        }
        for (line, name), work in self.sections.items():
            self.where[line, name].add(line, work)
        self.desk = Desk(self.pipeline, self.run, self.kept_desk)

    def close(self) -> None:
        for work in (*self.sections.values(), *([] if self.desk is None else [self.desk])):
            work.close()

    def turn(self) -> None:
        """Some ticks through the gate, then every key once, in a random order."""
        for _ in range(self.random.randrange(4)):
            given = self.gate.take()
            if given is not None:
                part, batches = given
                self._to_desk(encode(part))
                for name, batch in batches.items():
                    raw = encode(batch)
                    if self.sections[name].offer(raw):
                        self.kept_sections[name].waiting += (raw,)
        names = list(self.sections)
        self.random.shuffle(names)
        for name in names[: self.random.randrange(1, len(names) + 1)]:
            for part in self.where[name].advance([self.sections[name]]):
                self._to_desk(encode(part))
        self.desk.advance()

    def _to_desk(self, raw: bytes) -> None:
        if self.desk.offer(raw):
            self.kept_desk.waiting += (raw,)
