"""An incident out of a bundle again: the same inputs under the same settings must give the same bytes."""

import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from linewatch import __version__
from linewatch.app.pipeline import Input, Pipeline, States
from linewatch.app.run import Runner
from linewatch.app.settings import Settings
from linewatch.errors import InputError, LinewatchError
from linewatch.evidence.check_bundle import Broken, check_bundle
from linewatch.evidence.clip_file import ClipData, read_clip
from linewatch.health.thresholds import Corrections
from linewatch.ports import Entry
from linewatch.records import Block, Incident, Record, Tick, canonical_bytes, from_bytes
from linewatch.site.model import Site
from linewatch.store.description import SETTINGS, SITE, description_at
from linewatch.store.notes import decode_identity
from linewatch.store.proof import ProofReader, payload_shown
from linewatch.store.reader import StoreReader

INPUT_KINDS: Final = ("tick", "arrival", "detections", "act")
MOST_BYTES: Final = 64_000_000
"""Most bytes of inputs in a bundle; beyond it the bundle begins at a state shortly before the incident."""
Heard = dict[tuple[int, str], list[bytes]]
LEAD_TICKS: Final = 480
"""How long before the raising such a bundle begins: two minutes of ticks of 0.25 s."""


class Basis(msgspec.Struct, frozen=True):
    """What an incident can be derived from again."""

    why_not: str = ""
    """Why it cannot; empty where it can."""
    inputs: tuple[int, ...] = ()
    """Positions of the inputs in the record chain."""
    states: bytes | None = None
    """Decision states before the first of them, as MessagePack; None where it is the beginning of the run."""
    until_seq: int = -1
    """The last version that follows from these inputs."""

    def told(self) -> dict[str, Any]:
        """As the bundle tells it."""
        return {
            "possible": not self.why_not,
            "why": self.why_not,
            "from_states": self.states is not None,
            "until_seq": self.until_seq,
        }


class Rederived(msgspec.Struct, frozen=True):
    """What deriving again gave."""

    status: str
    """`same`, `differs` or `impossible`."""
    text: str
    """The answer in one sentence."""
    versions: int = 0
    """Versions of the incident that were compared."""
    clips: tuple[str, ...] = ()
    """For each clip: whether its samples give the recorded detections again, or why that was not tried."""


def basis_of(reader: StoreReader, proof: ProofReader, first: int, history: Sequence[tuple[int, Incident]]) -> Basis:
    """What can be derived again of this incident, from the `open` entry `first` on."""
    last_seq, last = history[-1]
    described = description_at(reader, first, last.settings_id)
    if first:
        return Basis(why_not="the store went on under other settings before it was raised, from states not kept")
    if described.site is None or described.settings is None:
        return Basis(why_not="the store was written by a version that did not keep site and settings")
    inputs = tuple(seq for seq, _, _, _ in proof.named(INPUT_KINDS, first, last_seq))
    size = 0
    for entry in reader.entries(kinds=INPUT_KINDS, from_seq=first):
        if entry.seq > last_seq:
            break
        if entry.payload is None:
            return Basis(why_not=f"record entry {entry.seq} ({entry.kind}) was erased by retention")
        size += len(entry.payload)
    if size <= MOST_BYTES:
        return Basis(inputs=inputs, until_seq=last_seq)
    return _from_states(reader, described.site, described.settings, inputs, history)


def _from_states(
    reader: StoreReader,
    site: Site,
    told: dict[str, Any],
    inputs: Sequence[int],
    history: Sequence[tuple[int, Incident]],
) -> Basis:
    """Derive everything up to shortly before the incident, and begin there."""
    pipeline = _pipeline(site, told)
    runner = Runner(site, pipeline, ())
    begin = history[0][1].raised_ns // runner.period_ns - LEAD_TICKS
    states = pipeline.initial()
    cut = 0
    for tick, batch, seq in _ticks(reader.entries(kinds=INPUT_KINDS)):
        if tick.index >= begin:
            cut = seq
            break
        states, _ = pipeline.decide(states, batch, tick)
    kept = msgspec.msgpack.encode(pipeline.freeze(states))
    return Basis(inputs=tuple(seq for seq in inputs if seq >= cut), states=kept, until_seq=history[-1][0])


def rederive(folder: Path) -> Rederived:
    """Check a bundle, derive its incident again and compare every version byte for byte.

    Raises `InputError` on what is no bundle or one that does not hold.
    """
    try:
        check_bundle(folder)
        told = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    except Broken as broken:
        raise InputError(f"{folder}: {broken}; allowed: a bundle as it was exported") from broken
    except (OSError, EOFError, ValueError, KeyError, IndexError, TypeError) as error:
        raise InputError(
            f"{folder}: found no bundle ({error}); allowed: a folder written by `linewatch export`"
        ) from error
    if not told["rederive"]["possible"]:
        return Rederived("impossible", f"this bundle cannot be derived again: {told['rederive']['why']}")
    entries = list(_shown(folder))
    site, settings = _described(entries)
    pipeline = _pipeline(site, settings)
    # A version with more settings gives these another id, though what it adds stands at its default.
    pipeline.incident.settings_id = next(e.key for e in entries if e.kind == SETTINGS)
    wanted = [e.payload for e in entries if e.kind == "incident" and e.seq <= told["rederive"]["until_seq"]]
    states = pipeline.initial()
    if told["rederive"]["from_states"]:
        states = pipeline.thaw(
            msgspec.msgpack.decode((folder / "rederive/states.msgpack").read_bytes(), type=dict[str, bytes])
        )
    found, heard, corrected = _decided(pipeline, states, entries, told["incident"])
    last = max(entry.tick for entry in entries if entry.kind == "tick")
    clips = tuple(_clip(folder, clip, pipeline, (heard, corrected), last) for clip in told["clips"])
    return _verdict(wanted, found, clips, entries)


def _verdict(
    wanted: Sequence[bytes | None], found: Sequence[bytes], clips: tuple[str, ...], entries: Sequence[Entry]
) -> Rederived:
    if list(wanted) == list(found):
        text = f"the same incident again: {len(found)} versions, equal byte for byte"
        return Rederived("same", text, len(found), clips)
    written = next(decode_identity(e.payload) for e in entries if e.kind == "open" and e.payload is not None)
    other = (
        ""
        if written.package_version == __version__
        else f" (written by {written.package_version}, this is {__version__})"
    )
    at = next((n for n, (a, b) in enumerate(zip(wanted, found, strict=False)) if a != b), min(len(wanted), len(found)))
    text = f"another incident: version {at + 1} of {len(wanted)} differs{other}"
    return Rederived("differs", text, len(found), clips)


def _pipeline(site: Site, told: dict[str, Any]) -> Pipeline:
    try:
        settings = msgspec.convert({name: part for name, part in told.items() if name != "sections"}, Settings)
    except msgspec.ValidationError as error:
        raise InputError(f"settings: {error}; allowed: those of Linewatch {__version__}") from error
    return Pipeline(site, settings)


def _decided(
    pipeline: Pipeline, states: States, entries: Sequence[Entry], incident: str
) -> tuple[list[bytes], Heard, dict[int, Corrections]]:
    """Versions of the incident; recorded detections by tick and sensor; corrections of thresholds after each tick."""
    found: list[bytes] = []
    heard: Heard = {}
    corrected: dict[int, Corrections] = {}
    for tick, batch, _ in _ticks(entry for entry in entries if entry.kind in INPUT_KINDS):
        states, out = pipeline.decide(states, batch, tick)
        corrected[tick.index] = pipeline.corrections(states)
        found += [canonical_bytes(r) for r in out if isinstance(r, Incident) and r.id == incident]
        for item in batch:
            if item.kind == "detections":
                heard.setdefault((tick.index, item.key), []).append(canonical_bytes(item.record))
    return found, heard, corrected


def _ticks(entries: Iterable[Entry]) -> Iterator[tuple[Tick, list[Input], int]]:
    """Inputs by tick, each with the position of its tick."""
    tick: Tick | None = None
    seq = 0
    batch: list[Input] = []
    for entry in entries:
        assert entry.payload is not None
        if entry.kind == "tick":
            if tick is not None:
                yield tick, batch, seq
            record = from_bytes(entry.payload)
            assert isinstance(record, Tick)
            tick, batch, seq = record, [], entry.seq
        else:
            batch.append(Input(entry.kind, entry.key, from_bytes(entry.payload)))
    if tick is not None:
        yield tick, batch, seq


def _shown(folder: Path) -> Iterator[Entry]:
    """Entries of the record chain whose payloads the bundle shows whole."""
    named = {}
    with gzip.open(folder / "proof" / "record.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            seq, tick, kind, key, _ = json.loads(line)
            named[seq] = (tick, kind, key)
    with gzip.open(folder / "proof" / "payloads.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if row["chain"] == "record" and (payload := payload_shown(row)) is not None:
                yield Entry(row["seq"], *named[row["seq"]], payload)


def _described(entries: Sequence[Entry]) -> tuple[Site, dict[str, Any]]:
    payloads = {entry.kind: entry.payload for entry in entries if entry.kind in (SITE, SETTINGS)}
    site, settings = payloads.get(SITE), payloads.get(SETTINGS)
    if site is None or settings is None:
        raise InputError("bundle: found no site and settings; allowed: a bundle that shows both")
    return msgspec.msgpack.decode(site, type=Site), msgspec.msgpack.decode(settings)


# --- from samples -----------------------------------------------------------------------------------------------------


def _clip(
    folder: Path, told: dict[str, Any], pipeline: Pipeline, recorded: tuple[Heard, dict[int, Corrections]], last: int
) -> str:
    """Whether a clip's samples give the detections that were recorded."""
    if not told["file"]:
        return f"{told['sensor']}: no clip ({told['refusal'] or told['left_out']})"
    clip = read_clip(folder / told["file"])
    if clip.state_tick is None:
        part = "not all channels" if not clip.all_channels else "no state of its detectors before it"
        return f"{clip.sensor}: not tried, the clip has {part}"
    try:
        ticks, differing = _felt_again(clip, pipeline, recorded, last)
    except LinewatchError as error:
        return f"{clip.sensor}: not tried ({error})"
    if differing:
        return f"{clip.sensor}: other detections than recorded in {differing} of {ticks} ticks"
    return f"{clip.sensor}: its samples give the recorded detections again, in all {ticks} ticks"


def _felt_again(
    clip: ClipData, pipeline: Pipeline, recorded: tuple[Heard, dict[int, Corrections]], last: int
) -> tuple[int, int]:
    """Ticks up to the last of the bundle's inputs, and in how many of them something else is detected."""
    states = pipeline.thaw_signals(clip.states)
    heard, corrected = recorded
    by_tick: dict[int, list[Block]] = {}
    for index, block in clip.blocks:
        by_tick.setdefault(index, []).append(block)
    ticks = differing = 0
    period_ns = round(pipeline.settings.tick.period_s * 1e9)
    for index in sorted(by_tick):
        tick = Tick(index, index * period_ns, index * period_ns, period_ns)
        states, felt = pipeline.detect(states, clip.sensor, by_tick[index], tick, corrected.get(index - 1, {}))
        if index > last:
            break
        again: list[Record] = [item.record for item in felt if item.kind == "detections"]
        ticks += 1
        differing += [canonical_bytes(r) for r in again] != heard.get((index, clip.sensor), [])
    return ticks, differing
