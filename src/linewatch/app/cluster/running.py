"""What the verb `cluster` does: plan a run, submit it, tell how it stands, stop it with a savepoint."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from linewatch.app.cluster.plan import (
    PLAN,
    Plan,
    decided_folder,
    inputs_folder,
    plan_of,
    problems_with_shares,
    read_plan,
    write_plan,
)
from linewatch.app.cluster.pruning import Pruner
from linewatch.app.cluster.run_health import name_run
from linewatch.app.cluster.site_run import REMEMBERED, Done, replay_on_cluster
from linewatch.app.cluster.standalone import Standalone, versions_in
from linewatch.app.cluster.tick_log import last_tick
from linewatch.app.settings import settings_id, settings_of
from linewatch.errors import InputError, StoreError
from linewatch.ports import Recording
from linewatch.site.fingerprint import site_fingerprint
from linewatch.site.load import load_site

ENGINE: Final = "flink"
"""Folder of a run in which the engine keeps what is its own."""
_SEEDS: Final = "seeds"
_PRUNE_TICKS: Final = 120
"""How often old files are looked for."""


class Standing(msgspec.Struct, frozen=True):
    """How a run stands."""

    state: str
    """State of its job in the engine's words, or `no engine`, `no job`."""
    why: str
    """What it failed with last."""
    workers: int
    """Task managers that are there."""
    spare: int
    """Slots that nobody uses: warm spares."""
    restarts: int
    """How often the job was restored from a checkpoint."""
    checkpoint_age_s: float | None
    """Time since the last whole checkpoint."""
    shipped: int | None
    """Last tick that the site has shipped."""
    decided: int | None
    """Last tick that was decided."""


def make_plan(site: str, run: Path, python: Path, *, durable: bool, renew: bool) -> Plan:
    """Plan a run for workers with this Python; `renew` puts it in the place of the plan that is there.

    Raises `InputError` where the run has another plan already, and all that `plan_of` raises.
    """
    plan = plan_of(_as_workers_see(site), versions=versions_in(python), durable=durable)
    if renew:
        (run / PLAN).unlink(missing_ok=True)
    write_plan(run, plan)
    return plan


def submit(
    run: Path,
    python: Path,
    recordings: Callable[[], Sequence[Recording]],
    *,
    out: Path,
    workers: int,
    spare: int,
    execution: str,
    until_ns: int | None = None,
    speed: float | None = None,
    on_output: Callable[..., None] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Done:
    """Start what is not there of the engine and the job, ship the recordings, commit what is decided to `out`.

    Goes on with a run that was stopped or killed: the job from its newest savepoint or checkpoint, the site from the
    last tick of its store. Meanwhile deletes what nobody will read again; `say` is told where that fails. Raises
    `InputError` where the plan no longer fits, before anything is started.
    """
    plan = read_plan(run)
    site = load_site(plan.site)
    settings = settings_of(site, plan.settings)
    problems = [*problems_with_shares(plan, site), *_changed(plan, versions_in(python))]
    for name, found, planned in (
        ("site_id", site_fingerprint(site), plan.site_id),
        ("settings_id", settings_id(settings, site), plan.settings_id),
    ):
        if found != planned:
            problems.append(f"{name}: found {found} at {plan.site}; allowed: {planned}, as planned")
    if problems:
        raise InputError("\n".join(f"{run / PLAN}: {problem}" for problem in problems))
    engine = Standalone(run / ENGINE, python)
    start(engine, run, workers, spare, execution)
    name_run(out, run, f"http://127.0.0.1:{engine.port}")
    return replay_on_cluster(
        run,
        plan,
        site,
        settings,
        recordings,
        out=out,
        until_ns=until_ns,
        speed=speed,
        on_output=on_output,
        on_decided=_pruning(engine, Pruner(run, plan, engine.rest), say),
    )


def _pruning(engine: Standalone, pruner: Pruner, say: Callable[[str], None]) -> Callable[[int, int, int], None]:
    """What looks, every so many ticks, for files that nobody will read again."""
    said: set[str] = set()

    def look(index: int, _sent_ns: int, _heard_ns: int) -> None:
        if index % _PRUNE_TICKS == 0 and (job := engine.job()) is not None:
            try:
                pruner.look(job["jid"], index - REMEMBERED)
            except StoreError as error:
                if str(error) not in said:
                    said.add(str(error))
                    say(f"{error}; it stays, and nothing after it is deleted")

    return look


def start(engine: Standalone, run: Path, workers: int, spare: int, execution: str) -> None:
    """See to it that the engine and the job are there."""
    if not engine.alive("jobmanager"):
        engine.stop()
        engine.start(workers + spare)
    job = engine.job()
    if job is not None and job["state"] in {"RUNNING", "RESTARTING", "CREATED", "INITIALIZING"}:
        return
    seeds = run / _SEEDS
    seeds.mkdir(exist_ok=True)
    (seeds / "run.txt").write_text(f"{run.absolute()}\n")
    engine.submit(seeds.absolute(), workers, "--execution", execution, savepoint=engine.newest_state())


def standing(run: Path, python: Path, now_ns: int) -> Standing:
    """How a run stands. Raises `InputError` where there is no plan."""
    read_plan(run)
    shipped, decided = last_tick(inputs_folder(run)), last_tick(decided_folder(run))
    engine = Standalone(run / ENGINE, python)
    overview = engine.rest("/overview")
    job = engine.job()
    if overview is None or job is None:
        state = "no engine" if overview is None else "no job"
        return Standing(state, "", len(engine.alive("taskmanager")), 0, 0, None, shipped, decided)
    checkpoints = engine.rest(f"/jobs/{job['jid']}/checkpoints") or {}
    newest = (checkpoints.get("latest") or {}).get("completed") or {}
    ended_ms = newest.get("latest_ack_timestamp")
    return Standing(
        state=job["state"],
        why=engine.why(job["jid"]),
        workers=overview["taskmanagers"],
        spare=overview["slots-available"],
        restarts=(checkpoints.get("counts") or {}).get("restored", 0),
        checkpoint_age_s=None if ended_ms is None else round(now_ns / 1e9 - ended_ms / 1e3, 1),
        shipped=shipped,
        decided=decided,
    )


def stop(run: Path, python: Path) -> str | None:
    """Stop the job with a savepoint, then the engine; where the savepoint lies, None where no job was there."""
    read_plan(run)
    engine = Standalone(run / ENGINE, python)
    try:
        job = engine.job()
        running = job is not None and job["state"] == "RUNNING"
        return engine.stop_job(job["jid"]) if job is not None and running else None
    finally:
        engine.stop()


def _changed(plan: Plan, found: Mapping[str, str]) -> list[str]:
    return [
        f"versions.{name}: found {found.get(name, 'none')} in the workers' Python; allowed: {wanted}, as planned "
        "(after an upgrade: `linewatch cluster plan --renew`)"
        for name, wanted in sorted(plan.versions.items())
        if found.get(name) != wanted
    ]


def _as_workers_see(site: str) -> str:
    return site if not Path(site).exists() else str(Path(site).absolute())
