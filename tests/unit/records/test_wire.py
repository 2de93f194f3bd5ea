"""Canonical bytes: what is written comes back, the same for equal records, and stays the same for ten years."""

import ast
import inspect

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linewatch import records
from linewatch.records import (
    Block,
    Detection,
    Health,
    Incident,
    Tick,
    batch_of,
    canonical_bytes,
    concatenate,
    from_bytes,
    header_of,
    quantise,
    quantise_batch,
)
from linewatch.records.quantise import steps_per_unit
from linewatch.records.wire import Row
from tests.strategies import T0_NS, detections


@given(st.lists(detections(), max_size=20))
def test_a_batch_comes_back_from_its_bytes_as_it_was(rows: list[Detection]) -> None:
    batch = batch_of("main", rows)
    again = from_bytes(canonical_bytes(batch))
    assert isinstance(again, records.Detections)
    assert list(again.rows()) == list(batch.rows())
    assert canonical_bytes(again) == canonical_bytes(batch)


@given(st.lists(detections(), max_size=20))
def test_a_batch_holds_exactly_the_quantised_rows_it_was_made_of(rows: list[Detection]) -> None:
    def order(d: Detection) -> tuple[object, ...]:
        return (d.time_ns, d.sensor, d.chainage_m, d.strength_db, repr(d))

    assert sorted(batch_of("main", rows).rows(), key=order) == sorted(map(quantise, rows), key=order)


@given(st.lists(detections(), max_size=20), st.randoms(use_true_random=False))
def test_the_bytes_of_a_batch_do_not_know_how_its_rows_came(rows: list[Detection], random: object) -> None:
    unique = list({(d.time_ns, d.sensor, d.chainage_m, d.strength_db): d for d in rows}.values())
    shuffled = list(unique)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    half = len(shuffled) // 2
    parts = [batch_of("main", shuffled[:half]), batch_of("main", shuffled[half:])]
    whole = [p for p in parts if len(p)] or parts[:1]
    assert canonical_bytes(concatenate("main", whole)) == canonical_bytes(batch_of("main", unique))


@given(detections())
def test_quantising_twice_changes_nothing_more(detection: Detection) -> None:
    assert quantise(quantise(detection)) == quantise(detection)
    batch = batch_of("main", [detection])
    assert canonical_bytes(quantise_batch(batch)) == canonical_bytes(batch)


@given(detections())
def test_a_row_and_its_place_in_a_batch_have_one_key(detection: Detection) -> None:
    assert batch_of("main", [detection]).key(0) == detection.key


def test_a_number_that_is_not_finite_is_refused_by_name() -> None:
    bad = Health("main", "f1", T0_NS, "noisy_channel", "note", "x")
    weather = records.Weather("main", 0.0, float("nan"), T0_NS)
    assert quantise(bad) == bad
    with pytest.raises(ValueError, match=r"Weather\.to_m is nan; allowed are finite numbers"):
        quantise(weather)


def test_the_bytes_of_schema_version_1_stay_as_they_are() -> None:
    tick = Tick(index=5, time_ns=1_250_000_000, watermark_ns=750_000_000, period_ns=250_000_000)
    health = Health("main", "f1", 1_000, "gap", "failed", "no samples", until_ns=2_000)
    batch = batch_of("main", [Detection("main", "f1", 1_000_000, 0.05, 12.5, 1.25, 10.0, 15.0, 20.5, 1.0, count_low=2)])
    assert records.SCHEMA_VERSION == 1
    assert canonical_bytes(tick).hex() == (
        "85a474797065a47469636ba5696e64657805a774696d655f6e73ce4a817c80ac77617465726d61726b5f6e73ce2cb41780"
        "a9706572696f645f6e73ce0ee6b280"
    )
    assert msgspec.msgpack.decode(canonical_bytes(health))["type"] == "health"
    columns = msgspec.msgpack.decode(canonical_bytes(batch)[4:])
    assert columns[0] == "main" and columns[1] == ["f1"] and columns[3] == 1
    assert columns[4]["chainage_m"] == b"h" + (12500).to_bytes(2, "little")
    assert columns[4]["probability"] == b"h" + (255).to_bytes(2, "little")
    assert columns[4]["offset_m"] == b"b\x80"


@pytest.mark.parametrize("raw", [b"", b"\x00", b"LWD1", b"LWD1\x95", b"\x81\xa4type\xa3foo"])
def test_bytes_that_are_no_record_are_refused(raw: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        from_bytes(raw)


def test_every_field_of_every_record_says_what_it_means_and_every_number_its_unit() -> None:
    kinds = [kind for kind in Row.__args__ if kind is not Detection] + [Detection, records.Detections, Block]
    for kind in kinds:
        body = ast.parse(inspect.getsource(kind)).body[0]
        assert isinstance(body, ast.ClassDef)
        for node, after in zip(body.body, [*body.body[1:], None], strict=True):
            if not isinstance(node, ast.AnnAssign):
                continue
            name = ast.unparse(node.target)
            assert isinstance(after, ast.Expr), f"{kind.__name__}.{name} does not say what it means"
            if ast.unparse(node.annotation) in ("float", "float | None"):
                assert steps_per_unit(name), f"{kind.__name__}.{name} does not say its unit"


def test_a_block_cut_anywhere_keeps_exact_times() -> None:
    samples = np.zeros((1000, 3), dtype=np.int16)
    block = Block("main", "f1", T0_NS, 0, 333.0, samples)
    before, after = block.split_at(T0_NS + 1_000_000_000)
    assert before is not None and after is not None
    assert before.n_samples == 333 and after.start_ns == T0_NS + 1_000_000_000
    assert before.end_ns == after.start_ns
    assert block.split_at(T0_NS) == (None, block) or block.split_at(T0_NS)[0] is None


def test_the_journal_sees_how_much_of_a_block_is_no_number() -> None:
    samples = np.zeros((10, 4), dtype=np.float32)
    samples[3, 1] = np.nan
    block = Block("main", "f1", T0_NS, 0, 100.0, samples, valid=np.array([True, True, False, True]))
    assert header_of(block).n_invalid == 11


def test_incidents_keep_the_fields_that_replay_promises() -> None:
    promised = {"id", "line", "section", "raised_ns", "kind", "from_m", "to_m", "settings_id", "reason", "sensors"}
    assert promised <= set(Incident.__struct_fields__)
