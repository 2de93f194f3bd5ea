"""The conformance suite finds what it is there to find: each way to be wrong fails the check that names it."""

import itertools
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest

from linewatch.errors import InputError
from linewatch.ports import Delivery, Item
from linewatch.records import Block, Detection, Health, batch_of
from linewatch.sources import checks
from linewatch.sources.checks import Span, run_checks
from tests.strategies import T0_NS
from tests.unit.sources.scenes import S, detection

SPAN = Span(T0_NS, T0_NS + 10 * S)


class Sound:
    """A source of ten seconds: samples at 10 Hz, a finding every third second, a detection in between."""

    name = "sound"
    delivery: Delivery = "replayable"
    lateness_s = 0.0

    def __init__(self) -> None:
        self.until_ns = T0_NS
        self.closed = 0

    def poll(self, until_ns: int) -> Iterable[Item]:
        until_ns = min(until_ns // 1000 * 1000, SPAN.end_ns)
        first, self.until_ns = self.until_ns, max(self.until_ns, until_ns)
        return list(self.between(first, self.until_ns))

    def between(self, from_ns: int, until_ns: int) -> Iterator[Item]:
        rows = [row for row in range(100) if from_ns <= T0_NS + row * S // 10 < until_ns]
        if rows:
            samples = np.array(rows, dtype=np.int16)[:, None]
            yield Block("main", "pir-1", T0_NS, rows[0], 10.0, samples)
        for second in range(10):
            if second % 3 == 0 and from_ns <= T0_NS + second * S < until_ns:
                yield Health("main", "pir-1", T0_NS + second * S, "heartbeat", "ok", "alive")
            if second % 3 == 1 and from_ns <= T0_NS + second * S < until_ns:
                yield batch_of("main", [Detection(**detection(float(second)))])

    def position(self) -> str:
        return str(self.until_ns)

    def seek(self, position: str) -> None:
        try:
            self.until_ns = int(position)
        except ValueError:
            raise InputError(f"position: found {position!r}; allowed: nanoseconds") from None

    def committed(self, position: str) -> None:
        """Nothing waits for it."""

    def close(self) -> None:
        self.closed += 1


class Eager(Sound):
    def poll(self, until_ns: int) -> Iterable[Item]:
        return super().poll(until_ns + S)


class Tardy(Sound):
    def poll(self, until_ns: int) -> Iterable[Item]:
        return super().poll(until_ns - 2 * S if until_ns < SPAN.end_ns else until_ns)


class Repeating(Sound):
    def poll(self, until_ns: int) -> Iterable[Item]:
        return self.between(T0_NS, min(until_ns, SPAN.end_ns))


class Chopped(Sound):
    """Restarts the count of samples with each poll."""

    def between(self, from_ns: int, until_ns: int) -> Iterator[Item]:
        for item in super().between(from_ns, until_ns):
            if isinstance(item, Block):
                yield Block("main", "pir-1", item.start_ns, 0, 10.0, item.samples)
            else:
                yield item


class Counting(Sound):
    """Tells how often it was polled."""

    def poll(self, until_ns: int) -> Iterable[Item]:
        items = list(super().poll(until_ns))
        return [*items, Health("main", "", self.until_ns - 1000, "heartbeat", "ok", "polled")] if items else []


class Forgetful(Sound):
    def seek(self, position: str) -> None:
        super().seek(position)
        self.until_ns += S


class Credulous(Sound):
    def seek(self, position: str) -> None:
        self.until_ns = int(position) if position.isdigit() else T0_NS


class Fickle(Sound):
    instances = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.salt = next(self.instances)

    def between(self, from_ns: int, until_ns: int) -> Iterator[Item]:
        for item in super().between(from_ns, until_ns):
            if isinstance(item, Health):
                yield Health("main", "pir-1", item.time_ns, "heartbeat", "ok", f"alive {self.salt}")
            else:
                yield item


class Blocking(Sound):
    def poll(self, until_ns: int) -> Iterable[Item]:
        threading.Event().wait(0.5)
        return []


class OnceOnly(Sound):
    def close(self) -> None:
        super().close()
        if self.closed > 1:
            raise RuntimeError("closed twice")


class Coarse(Sound):
    def between(self, from_ns: int, until_ns: int) -> Iterator[Item]:
        for item in super().between(from_ns, until_ns):
            if isinstance(item, Block):
                yield Block("main", "pir-1", T0_NS, item.first_sample, 10.0, item.samples.astype(np.float64))
            else:
                yield item


class Ungrained(Sound):
    def between(self, from_ns: int, until_ns: int) -> Iterator[Item]:
        if from_ns <= T0_NS + 1 < until_ns:
            yield Health("main", "pir-1", T0_NS + 1, "heartbeat", "ok", "alive")


class Nameless(Sound):
    name = ""


class Undelivered(Sound):
    delivery: Any = "somehow"


class VeryLate(Sound):
    lateness_s = 2.0


class Drawing(Sound):
    """Gives a little later than it says, now and then: allowed for what it declares, 0.5 s."""

    lateness_s = 0.5

    def poll(self, until_ns: int) -> Iterable[Item]:
        return super().poll(until_ns - S // 4 if until_ns < SPAN.end_ns else until_ns)


class Fleeting(Sound):
    delivery: Delivery = "ephemeral"

    def seek(self, position: str) -> None:
        raise InputError("position: what an ephemeral source gave is gone")


def test_a_sound_source_passes_all_checks() -> None:
    assert len(run_checks(Sound, SPAN)) == 9


def test_an_ephemeral_source_is_not_asked_to_repeat_itself() -> None:
    ran = run_checks(Fleeting, SPAN)
    assert "check_time" in ran
    assert "check_resume" not in ran


def test_a_source_may_be_as_late_as_it_says() -> None:
    checks.check_time(Drawing, SPAN)


@pytest.mark.parametrize(
    ("faulty", "check", "said"),
    [
        (Eager, checks.check_time, "it gave what is stamped"),
        (Tardy, checks.check_time, "it gave what is stamped"),
        (Repeating, checks.check_time, "the second time"),
        (Chopped, checks.check_cut, "other stretches of samples"),
        (Counting, checks.check_cut, "records"),
        (Repeating, checks.check_cut, "other stretches of samples"),
        (Forgetful, checks.check_resume, "the position is"),
        (Repeating, checks.check_resume, "a stop at"),
        (Credulous, checks.check_foreign_position, "was taken"),
        (Fickle, checks.check_determinism, "differ until"),
        (Blocking, checks.check_never_blocks, "has not returned after"),
        (OnceOnly, checks.check_close, "closed twice"),
        (Coarse, checks.check_records, "samples of float64"),
        (Ungrained, checks.check_records, "not quantised"),
        (Nameless, checks.check_declaration, "name is ''"),
        (Undelivered, checks.check_declaration, "delivery is 'somehow'"),
        (VeryLate, checks.check_declaration, "lateness_s is 2.0"),
    ],
)
def test_a_faulty_source_fails_the_check_that_names_its_fault(
    faulty: Any, check: Any, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "_BLOCKED_S", 0.2)
    with pytest.raises((AssertionError, RuntimeError), match=said):
        check(faulty, SPAN)
