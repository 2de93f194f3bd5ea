"""The door: one ordered, quantised batch per source and tick, and nothing dropped without being counted."""

import itertools
import re
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linewatch.app.door import Admitted, Door
from linewatch.ports import Item
from linewatch.records import Block, Detection, Detections, Health, KnownMover, Tick, batch_of, canonical_bytes
from tests.played import Played
from tests.sites import fence_site
from tests.strategies import T0_NS, detections

S = 1_000_000_000
PERIOD_NS = S // 4
SITE = fence_site()


def tick(number: int) -> Tick:
    time_ns = T0_NS + number * PERIOD_NS
    return Tick(time_ns // PERIOD_NS, time_ns, time_ns, PERIOD_NS)


def admitted(items: Sequence[tuple[int, Item]], ticks: int = 4, lateness_s: float = 0.0) -> list[Admitted]:
    door = Door(Played(items, lateness_s=lateness_s), SITE)
    state, out = door.initial(), []
    for number in range(1, ticks + 1):
        state, given = door.admit(state, tick(number))
        out.append(given)
    return out


def findings(out: list[Admitted]) -> list[Health]:
    return [record for given in out for record in given.records if isinstance(record, Health)]


def rows(out: list[Admitted]) -> list[Detection]:
    return [row for given in out for r in given.records if isinstance(r, Detections) for row in r.rows()]


def one(seconds: float = 0.1, **more: object) -> Detection:
    base = Detection("main", "f1", T0_NS + round(seconds * S), 0.05, 10.0, 1.0, 9.0, 11.0, 20.0, 1.0)
    return msgspec.structs.replace(base, **more)


@given(st.lists(detections(seconds=0.9), max_size=15, unique_by=lambda d: (d.key, d.strength_db)))
def test_single_detections_and_batches_of_them_come_in_alike(found: list[Detection]) -> None:
    found = [msgspec.structs.replace(d, sensor="f1", received_ns=None) for d in found]
    singly = admitted([(d.time_ns, d) for d in found])
    ticks = [[d for d in found if T0_NS + k * PERIOD_NS <= d.time_ns < T0_NS + (k + 1) * PERIOD_NS] for k in range(4)]
    together = admitted([(min(d.time_ns for d in part), batch_of("main", part)) for part in ticks if part])
    assert [canonical_bytes(r) for a in singly for r in a.records] == [
        canonical_bytes(r) for a in together for r in a.records
    ]


def test_each_tick_takes_what_is_stamped_before_it() -> None:
    out = admitted([(T0_NS, one(0.0)), (T0_NS + PERIOD_NS - 1000, one(0.249999)), (T0_NS + PERIOD_NS, one(0.25))])
    assert [len(rows([given])) for given in out] == [2, 1, 0, 0]


def test_a_source_that_may_be_late_waits_for_order_and_for_no_longer() -> None:
    out = admitted([(T0_NS, one(0.1)), (T0_NS, one(0.0))], ticks=6, lateness_s=0.5)
    assert [len(rows([given])) for given in out] == [0, 0, 2, 0, 0, 0]
    assert [d.time_ns for d in rows(out)] == [T0_NS, T0_NS + S // 10]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (one(sensor="f9"), "a sensor that does not stand on line 'main'"),
        (one(line="other"), "a sensor that does not stand on line 'other'"),
        (one(chainage_m=601.0), r"a place outside the line \(0 to 600 m\)"),
        (one(chainage_sigma_m=-1.0), "a sigma not above 0"),
        (one(strength_db=float("inf")), "a number that is not finite"),
        (one(probability=1.5), "a probability outside 0 to 1"),
        (one(from_m=12.0, to_m=11.0), "an end before its start"),
        (one(velocity_mps=1.0), "an offset or a velocity without a sigma"),
        (one(time_ns=1), "a time before 1970 or more than 60 s ahead"),
    ],
)
def test_what_the_site_cannot_place_is_refused_counted_and_costs_nothing_else(bad: Detection, words: str) -> None:
    if bad.time_ns == 1:
        bad = msgspec.structs.replace(bad, time_ns=T0_NS + 100 * S)
    out = admitted([(T0_NS, bad), (T0_NS, bad), (T0_NS, one())])
    (finding,) = findings(out)
    assert (finding.condition, finding.count) == ("refused", 2)
    assert re.search(words, finding.text)
    assert len(rows(out)) == 1


def test_samples_of_unknown_sensors_or_channels_are_refused() -> None:
    good = Block("main", "f1", T0_NS, 0, 1000.0, np.zeros((100, 600), dtype=np.int16))
    wide = msgspec.structs.replace(good, first_channel=1)
    stranger = msgspec.structs.replace(good, sensor="f9")
    doubles = msgspec.structs.replace(good, samples=np.zeros((100, 600)))
    out = admitted([(T0_NS, block) for block in (good, wide, stranger, doubles)])
    assert [len(given.blocks) for given in out] == [1, 0, 0, 0]
    texts = sorted(f.text for f in findings(out))
    assert len(texts) == 3 and "channels 1 to 600 of a sensor that has 600" in texts[0]


@given(st.lists(st.integers(1, 199), max_size=6))
def test_pieces_that_continue_each_other_come_in_as_one(cuts: list[int]) -> None:
    samples = np.arange(200 * 600, dtype=np.int16).reshape(200, 600)
    whole = Block("main", "f1", T0_NS, 0, 1000.0, samples)
    edges = [0, *sorted(set(cuts)), 200]
    pieces = [whole.rows(a, b) for a, b in itertools.pairwise(edges)]
    (block,) = admitted([(T0_NS, piece) for piece in reversed(pieces)])[0].blocks
    assert np.array_equal(block.samples, samples) and block.first_sample == 0


def test_samples_with_a_hole_stay_two_stretches() -> None:
    whole = Block("main", "f1", T0_NS, 0, 1000.0, np.zeros((200, 600), dtype=np.int16))
    blocks = admitted([(T0_NS, whole.rows(0, 80)), (T0_NS, whole.rows(90, 200))])[0].blocks
    assert [(b.first_sample, b.n_samples) for b in blocks] == [(0, 80), (90, 110)]


def test_a_late_record_enters_at_once_and_says_so() -> None:
    late = one(0.1)
    out = admitted([(T0_NS + 2 * PERIOD_NS, late)])
    (row,) = rows(out)
    assert row.received_ns == tick(3).time_ns
    assert findings(out)[0].text == "played: 1 later than 0 s, by up to 0.7 s"


def test_a_source_that_waits_longer_than_the_fast_lane_is_refused() -> None:
    with pytest.raises(ValueError, match=r"lateness_s is 2.0; allowed: 0 to 0.5"):
        Door(Played([], lateness_s=2.0), SITE)


def test_other_records_come_after_detections_in_order_of_time() -> None:
    second = KnownMover("patrol 1", "main", T0_NS + S // 10, 10.0, 3.0)
    first = msgspec.structs.replace(second, time_ns=T0_NS)
    out = admitted([(T0_NS, second), (T0_NS, one()), (T0_NS, first)])
    assert [type(r).__name__ for r in out[0].records] == ["Detections", "KnownMover", "KnownMover"]
    assert out[0].records[1] == first
