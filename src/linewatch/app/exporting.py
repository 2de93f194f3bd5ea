"""One incident as a bundle that stands alone: page, records, clips, proof, settings, and what gives it again.

What goes into a bundle is chosen here; how it is written and drawn is evidence's affair, what proves it the store's.
"""

import hashlib
import importlib.resources
from collections.abc import Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import msgspec

from linewatch.app.rederiving import Basis, basis_of
from linewatch.errors import InputError
from linewatch.evidence import check_bundle
from linewatch.evidence.bundle import BundleWriter, Exhibited
from linewatch.evidence.clip_file import read_clip
from linewatch.evidence.page import page_of
from linewatch.evidence.pictures import pictures_of
from linewatch.records import Clip, ClipRequest, Incident, from_bytes
from linewatch.store.description import description_at
from linewatch.store.files import file_fault
from linewatch.store.notes import AUDIT_KINDS, decode_file
from linewatch.store.proof import ProofReader
from linewatch.store.reader import StoreReader, open_store

MOST_ENTRIES: Final = 20_000_000
"""Entries of the record chain in one bundle; a proof of more has to be cut from a copy of the store."""
WITHOUT: Final[dict[str, frozenset[str]]] = {
    "act": frozenset({"seat", "reason", "values"}),
    "arrival": frozenset({"id", "line", "chainage_m", "chainage_sigma_m", "offset_m"}),
    "incident": frozenset({"assessment_cause", "withdrawn", "seat", "patrol"}),
    "audit": frozenset({"who", "text"}),
}
"""Pieces that a redacted bundle leaves out, by kind: who and where staff are, and what people wrote."""


CALL_SIGN_BEHIND: Final = "matched with "
"""Words in an incident's reason behind which own people are named."""


class Exported(msgspec.Struct, frozen=True):
    """What an export gave."""

    incident: str
    """Its id."""
    folder: str
    """Where the bundle is."""
    entries: int
    """Entries of the record chain in its proof."""
    shown: int
    """Payloads that it shows."""
    clips: int
    """Clips in it."""
    redacted: bool
    """Whether what speaks of people was left out."""
    rederive: str
    """Why it cannot be derived again; empty where it can."""
    code: str
    """Code of the head that the proof leads to: lodge it, or compare it with the one lodged."""


def export(store: Path, incident: str, out: Path, *, redacted: bool = False) -> Exported:
    """Write the bundle of one incident into a new folder.

    Raises `InputError` where the store has no such incident or the folder holds anything, `StoreError` as reading does.
    """
    with open_store(store) as reader, ProofReader(store) as proof:
        history = reader.incident_history(incident)
        if not history:
            near = ", ".join(each.id for each in reader.incidents()[:5]) or "this store has none"
            raise InputError(f"--incident: found {incident!r}; allowed: one of this store ({near})")
        exporter = _Exporter(store, reader, proof, history, BundleWriter(out), redacted=redacted)
        return exporter.run()


class _Exporter:
    def __init__(
        self,
        store: Path,
        reader: StoreReader,
        proof: ProofReader,
        history: Sequence[tuple[int, Incident]],
        writer: BundleWriter,
        *,
        redacted: bool,
    ) -> None:
        self.store, self.reader, self.proof, self.writer = store, reader, proof, writer
        self.history, self.redacted = history, redacted
        self.last = history[-1][1]
        self.head = reader.heads()
        self.meta = reader.meta()
        self.first = self._opened_at(history[0][0])
        self.shown: dict[int, dict[str, Any]] = {}

    def run(self) -> Exported:
        if self.head.record_seq - self.first > MOST_ENTRIES:
            raise InputError(
                f"{self.store}: found {self.head.record_seq - self.first} entries to prove; allowed: {MOST_ENTRIES}"
            )
        basis = self._basis()
        self._choose(basis)
        exhibits = self._clips()
        self.writer.lines("proof/record.jsonl.gz", self.proof.links("record", self.first, self.head.record_seq))
        self.writer.lines("proof/audit.jsonl.gz", self.proof.links("audit", 0, self.head.audit_seq))
        audits, checkpoints = self._audits()
        self.writer.lines("proof/payloads.jsonl.gz", [*(self.shown[seq] for seq in sorted(self.shown)), *audits])
        versions = [
            {"seq": seq, "incident": check_bundle.shown(self.shown[seq])[1]}
            for seq, _ in self.history
            if seq in self.shown
        ]
        self.writer.json("incident.json", {"versions": versions})
        self.writer.json("head.json", msgspec.json.decode(self.head.to_json()))
        told = self._told(basis, exhibits, checkpoints)
        self.writer.text("index.html", page_of(told, versions, exhibits, self._acts()))
        self.writer.text("check.py", Path(check_bundle.__file__).read_text(encoding="utf-8"))
        self.writer.finish(told)
        return Exported(
            incident=self.last.id,
            folder=str(self.writer.folder),
            entries=self.head.record_seq - self.first + 1,
            shown=len(self.shown),
            clips=sum(1 for each in exhibits if each.file),
            redacted=self.redacted,
            rederive=basis.why_not,
            code=self.head.code,
        )

    # --- what is shown ----------------------------------------------------------------------------------------

    def _opened_at(self, seq: int) -> int:
        """The `open` entry under which the incident was raised: proof and derivation begin there."""
        opened = [entry for entry, _, _, _ in self.proof.named(("open",), 0, seq)]
        return max(opened)

    def _basis(self) -> Basis:
        if self.redacted:
            return Basis(why_not="this bundle is redacted: the inputs, which speak of staff, are left out")
        return basis_of(self.reader, self.proof, self.first, self.history)

    def _choose(self, basis: Basis) -> None:
        """Show the incident's own records and what describes the run; unredacted, all inputs that led to it."""
        end = self.head.record_seq
        mine = {self.last.id, *self.last.tracks}
        for seq, _, kind, key in self.proof.named(("incident", "track", "act"), self.first, end):
            if self._is_about_it(seq, kind, key, mine):
                self._show(seq, kind)
        for seq, _, _, _ in self.proof.named(("open", "site", "settings"), self.first, min(self.first + 2, end)):
            self._show(seq)
        for seq in basis.inputs:
            self._show(seq)

    def _is_about_it(self, seq: int, kind: str, key: str, mine: set[str]) -> bool:
        if kind == "act":
            return bool(self._field(seq, "incident") == self.last.id)
        return key in mine and (kind == "incident" or self._is_free_of_staff(seq))

    def _show(self, seq: int, kind: str = "") -> None:
        without = WITHOUT.get(kind, frozenset()) if self.redacted else frozenset()
        if kind == "incident" and self.redacted and CALL_SIGN_BEHIND in self._field(seq, "reason"):
            without |= {"reason"}
        row = self.proof.shown("record", seq, without)
        if row is not None:
            self.shown[seq] = row

    def _field(self, seq: int, name: str) -> Any:
        row = self.proof.shown("record", seq)
        return None if row is None else check_bundle.shown(row)[1].get(name)

    def _is_free_of_staff(self, seq: int) -> bool:
        """A track that own people explain carries their call sign."""
        return not self.redacted or not self._field(seq, "known")

    def _audits(self) -> tuple[list[dict[str, Any]], list[int]]:
        """Keys, checkpoints and erasures, and the notes on acts with this incident; positions of checkpoints shown."""
        rows, checkpoints = [], []
        for audit in self.reader.audits():
            entry = audit.entry
            mine = entry.kind == "act" and self._about(entry.payload) in self.shown
            if entry.kind in AUDIT_KINDS or mine:
                row = self.proof.shown("audit", entry.seq, WITHOUT["audit"] if self.redacted else ())
                if row is not None:
                    rows.append(row)
            if entry.kind == "checkpoint":
                checkpoints.append(entry.seq)
        # Each signature takes a checker without libraries some milliseconds: the last hundred are enough.
        return rows, checkpoints[-100:]

    @staticmethod
    def _about(payload: bytes | None) -> int:
        return -1 if payload is None else msgspec.msgpack.decode(payload).get("about") or -1

    # --- clips ------------------------------------------------------------------------------------------------

    def _clips(self) -> list[Exhibited]:
        requests: dict[str, ClipRequest] = {}
        out = []
        for entry in self.reader.entries(kinds=("clip_request", "clip"), from_seq=self.history[0][0]):
            record = None if entry.payload is None else from_bytes(entry.payload)
            if isinstance(record, ClipRequest) and record.incident == self.last.id:
                requests[record.id] = record
                self._show(entry.seq)
            elif isinstance(record, Clip) and record.request in requests:
                self._show(entry.seq)
                out.append(self._clip(entry.seq, requests.pop(record.request), record))
        waiting = [Exhibited(request=r.id, sensor=r.sensor, refusal="not answered yet") for r in requests.values()]
        return [*out, *waiting]

    def _clip(self, seq: int, request: ClipRequest, clip: Clip) -> Exhibited:
        told = Exhibited(
            seq=seq, request=request.id, sensor=clip.sensor, cited=clip.file, sha256=clip.sha256, refusal=clip.refusal
        )
        if not clip.file:
            return told
        cited = next(
            decode_file(e.payload)
            for e in self.reader.entries(kinds=("file",))
            if e.payload is not None and e.key == clip.file
        )
        if fault := file_fault(self.store, cited):
            return msgspec.structs.replace(told, left_out=f"the store's file {fault}")
        data = read_clip(self.store / clip.file)
        hidden = self.redacted and data.kind == "camera"
        pictures = pictures_of(data, self.last.raised_ns, blurred=hidden)
        name = Path(clip.file).name
        shown = [
            self.writer.picture(f"pictures/{Path(name).stem}-{number}.png", each)
            for number, each in enumerate(pictures)
        ]
        if hidden:
            return msgspec.structs.replace(
                told,
                pictures=tuple(shown),
                left_out="the pictures show people; blurred ones stand in for them, unproven",
            )
        self.writer.copy(f"clips/{name}", self.store / clip.file)
        if data.kind == "geophone" and find_spec("pymseed") is not None:
            from linewatch.evidence.seismic_file import seismic_file  # noqa: PLC0415 - needs the extra `seismic`

            self.writer.raw(f"clips/{Path(name).stem}.mseed", seismic_file(data))
        return msgspec.structs.replace(told, file=f"clips/{name}", pictures=tuple(shown))

    # --- what is told -----------------------------------------------------------------------------------------

    def _acts(self) -> list[dict[str, Any]]:
        told = [check_bundle.shown(row)[1] for seq, row in sorted(self.shown.items())]
        return [fields for fields in told if fields.get("type") == "operator_act"]

    def _told(self, basis: Basis, exhibits: Sequence[Exhibited], checkpoints: Sequence[int]) -> dict[str, Any]:
        described = description_at(self.reader, self.first, self.last.settings_id)
        if basis.states is not None:
            self.writer.raw("rederive/states.msgpack", basis.states)
        return {
            "format": check_bundle.FORMAT,
            "incident": self.last.id,
            "redacted": self.redacted,
            "left_out": {kind: sorted(names) for kind, names in WITHOUT.items()} if self.redacted else {},
            "site": self.meta["site"],
            "timezone": "UTC" if described.site is None else described.site.timezone,
            "run": {name: self.meta[name] for name in sorted(self.meta)},
            "settings": described.settings,
            "models": _models(),
            "libraries": _libraries(),
            "head": msgspec.json.decode(self.head.to_json()),
            "chains": {
                "record": _span(self.first, self.head.record_seq, self.proof.hash_before("record", self.first)),
                "audit": _span(0, self.head.audit_seq, bytes(32)),
            },
            "checkpoints": list(checkpoints),
            "clips": [msgspec.to_builtins(each) for each in exhibits if each.seq >= 0],
            "rederive": basis.told(),
        }


def _span(first: int, last: int, before: bytes) -> dict[str, Any]:
    return {"first": first, "last": last, "before": before.hex()}


def _models() -> dict[str, str]:
    """Hash of every model that ships with this version."""
    folder = importlib.resources.files("linewatch.detect.models")
    found = sorted((each for each in folder.iterdir() if each.name.endswith(".npz")), key=lambda each: each.name)
    return {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in found}


def _libraries() -> dict[str, str]:
    """Versions of what computes."""
    return {name: metadata.version(name) for name in ("linewatch", "numpy", "scipy", "numba", "msgspec")}
