"""How much watching stands behind each row of a report."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from linewatch.report.facts import Facts
from linewatch.report.labels import TIMES, time_labels
from linewatch.site.exposure import Exposure, exposure_of
from linewatch.site.local_time import LocalTime, Span
from linewatch.site.pd_field import PdField


class Cell(NamedTuple):
    """Watching of one time and place, in metre-hours."""

    metre_hours: float
    """All there are."""
    unwatched: float
    """Those in which nobody was watching."""
    noticed: float
    """All, weighted with the probability that one crossing is noticed."""


class Watching:
    """Watching over the period of some facts. Integrated as finely as the first table that asks needs it."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._fields = [PdField(facts.site, line.id) for line in facts.site.lines]
        self._held: dict[Span, tuple[list[int], list[Exposure]]] = {}

    def by_bins(self, span: Span, clock: LocalTime) -> tuple[list[int], list[Exposure]]:
        """Edges of the bins of this span, and the exposure of every line in them."""
        if span not in self._held:
            facts = self._facts
            edges = clock.edges_ns(span, facts.from_ns, facts.to_ns)
            exposures = [
                exposure_of(
                    field,
                    edges,
                    [outage for outage in facts.outages if outage.line == field.line.id],
                    weather=[spell for spell in facts.weather if spell.line == field.line.id],
                    gaps=facts.gaps,
                )
                for field in self._fields
            ]
            self._held[span] = edges, exposures
        return self._held[span]

    def cells(self, by: Sequence[str], clock: LocalTime) -> dict[tuple[str, ...], Cell]:
        """Watching by dimensions of time and place. Sections without a name count as one, named by nothing."""
        spans = [name for name in by if name in TIMES]
        edges, exposures = self.by_bins(_finest(spans), clock)
        times = np.array(edges[:-1], dtype=np.int64)
        columns = [time_labels(name, times, clock) for name in spans]
        moments = list(zip(*columns, strict=True)) if columns else [()] * len(times)
        number_of = {moment: number for number, moment in enumerate(dict.fromkeys(moments))}
        numbers = np.array([number_of[moment] for moment in moments])
        out: dict[tuple[str, ...], Cell] = {}
        for field, exposure in zip(self._fields, exposures, strict=True):
            names = [section.name for section in field.line.sections] or [""]
            sums = [np.zeros((len(number_of), len(names))) for _ in exposure]
            for total, part in zip(sums, exposure, strict=True):
                np.add.at(total, numbers, part)
            for moment, at in number_of.items():
                for column, section in enumerate(names):
                    words = {"line": field.line.id, "section": section, **dict(zip(spans, moment, strict=True))}
                    key = tuple(words[name] for name in by)
                    before = out.get(key, Cell(0.0, 0.0, 0.0))
                    out[key] = Cell(*(b + float(total[at, column]) for b, total in zip(before, sums, strict=True)))
        return out


def _finest(spans: Sequence[str]) -> Span:
    """The longest span of which every dimension asked for is a whole number."""
    if "hour" in spans:
        return "hour"
    if "week" in spans or "day" in spans:
        return "day"
    return "month" if "month" in spans else "year"
