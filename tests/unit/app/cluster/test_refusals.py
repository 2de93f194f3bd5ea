"""What does not fit is refused where it would do harm: before an engine starts, and before a wrong byte is used."""

import re
import sys
from pathlib import Path

import pytest

from linewatch.app.cluster.plan import decided_folder, hand_over_folder, inputs_folder
from linewatch.app.cluster.running import ENGINE, submit
from linewatch.app.cluster.site_run import InputLog, Shipping, replay_on_cluster
from linewatch.app.cluster.tick_log import FencedError
from linewatch.app.cluster.work import Gate, SectionWork, encode
from linewatch.app.pipeline import Pipeline
from linewatch.app.replay import replay
from linewatch.app.run import Runner
from linewatch.errors import InputError, StoreError
from tests.unit.app.cluster.by_hand import ByHand
from tests.unit.app.cluster.test_plan import change, replaced
from tests.unit.app.cluster.test_same_bytes import Turns, chain
from tests.unit.app.cluster.walks import three_sections, walks


def test_submit_tells_all_that_does_not_fit_of_a_plan_before_any_engine_is_started(tmp_path: Path) -> None:
    _, _, plan = three_sections(tmp_path)
    run = tmp_path / "run"
    versions = {**plan.versions, "linewatch": "0.0.1", "numpy": "1.26.0"}
    change(run, replaced(shares=(*plan.shares[1:], plan.shares[2]), versions=versions, site_id="0"))
    with pytest.raises(InputError) as told:
        submit(
            run,
            Path(sys.executable),
            lambda: [walks(1, 2.0)],
            out=tmp_path / "store",
            workers=1,
            spare=0,
            execution="process",
        )
    for message in (
        "shares: found no owner of section S01 of line main; allowed: one",
        "shares: found 2 owners of section S03 of line main; allowed: one",
        r"versions.linewatch: found \S+ in the workers' Python; allowed: 0.0.1, as planned",
        r"versions.numpy: found \S+ in the workers' Python; allowed: 1.26.0, as planned",
        r"site_id: found \w+ at .*; allowed: 0, as planned",
    ):
        assert re.search(message, str(told.value))
    assert not (run / ENGINE).exists() and not (tmp_path / "store").exists() and not inputs_folder(run).exists()


def shipped(folder: Path) -> tuple[Path, Pipeline]:
    """A run with the inputs of four seconds, and its steps."""
    site, settings, plan = three_sections(folder)
    log = InputLog(folder / "run", plan)
    source = walks(1, 4.0)
    runner = Runner(site, Shipping(site, settings, log), [source])
    for index in range(source.start_ns // runner.period_ns + 1, source.end_ns // runner.period_ns):
        runner.advance(index)
    log.close()
    return folder / "run", Pipeline(site, settings)


def damage(path: Path, share: float) -> None:
    raw = bytearray(path.read_bytes())
    raw[round(len(raw) * share)] ^= 0xFF
    path.write_bytes(raw)


def test_a_damaged_segment_of_inputs_stops_its_gate_with_file_and_place(tmp_path: Path) -> None:
    run, pipeline = shipped(tmp_path)
    (path,) = inputs_folder(run).glob("*.ticks")
    damage(path, 0.5)
    with pytest.raises(StoreError, match=r"in/00000001.ticks: byte \d+: found a "):
        Gate(pipeline, run).take()


def test_a_second_owner_fences_the_first_before_that_hands_over_or_reports_anything(tmp_path: Path) -> None:
    run, pipeline = shipped(tmp_path)
    first = SectionWork(pipeline, run, "main", "S01")
    second = SectionWork(pipeline, run, "main", "S01")
    given = Gate(pipeline, run).take()
    assert given is not None
    for owner in (first, second):
        owner.offer(encode(given[1]["main", "S01"]))
    with pytest.raises(FencedError, match="hand-over main/S01: found another owner beside number 1; allowed: one"):
        first.advance()
    assert len(second.advance()) == 1
    for owner in (first, second):
        owner.close()
    sizes = [path.stat().st_size for path in sorted(hand_over_folder(run, "main", "S01").glob("*.ticks"))]
    assert sizes[0] < sizes[1]


class Damaging(Turns):
    """After a while somebody damages what was decided but is not committed yet."""

    def wait_until_ns(self, time_ns: int) -> None:
        super().wait_until_ns(time_ns)
        if self.turns == 30:
            (path,) = decided_folder(self.cluster.run).glob("*.ticks")
            with path.open("ab") as file:
                file.write(bytes(64))


def test_a_damaged_segment_of_decisions_is_named_and_nothing_after_it_is_committed(tmp_path: Path) -> None:
    site, settings, plan = three_sections(tmp_path)
    cluster = ByHand(tmp_path / "run", plan, site, settings, 1)
    out = tmp_path / "store"
    with pytest.raises(StoreError, match=r"out/00000001.ticks: byte \d+: found a damaged frame of tick 0"):
        replay_on_cluster(cluster.run, plan, site, settings, lambda: [walks(1)], out=out, clock=Damaging(cluster, None))
    cluster.close()
    replay(site, [walks(1)], out=tmp_path / "alone", settings=settings)
    committed, alone = chain(out)[1], chain(tmp_path / "alone")[1]
    assert 0 < len(committed) < len(alone) and committed == alone[: len(committed)]
