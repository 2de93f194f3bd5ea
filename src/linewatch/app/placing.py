"""From a person's act on the site, once it stands in the record, to new files and a watch that has taken them up.

Each is carried out in a thread of its own, one at a time: ticks go on meanwhile. What is written is checked before it
replaces anything; what the watch does not take up is taken back. Who asked is answered by what came of it.
"""

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from linewatch.app.act_inbox import Waiting
from linewatch.app.site_versions import SiteVersions, Version, writable
from linewatch.errors import InputError, LinewatchError
from linewatch.incident.placing import MOVES, PLACE, placements_of
from linewatch.records import OperatorAct
from linewatch.site.fingerprint import site_fingerprint
from linewatch.site.load import SITE_FILE, load_site
from linewatch.site.placing import told
from linewatch.site.rewrite import rewritten

if TYPE_CHECKING:
    from linewatch.app.watch import LiveWatch

NOTE: Final = "site"
"""Kind of the audit entries that tell of it."""
TOLD: Final = 50
"""Versions that are told of, the last ones."""
_PREFIX: Final = {"mqtt": "", "seedlink": "", "asterix": "radar ", "sapient": "node "}
"""Sources whose devices can become sensors by their table of addresses, and what stands before these when they tell."""


class Refused(NamedTuple):
    """An act that stands in the record and of which nothing came."""

    move: str
    """The move."""
    text: str
    """Why."""


class Placing:
    """Carries out `place_sensors` and `undo_placing` for a live watch."""

    def __init__(self, live: "LiveWatch", file: Path, reload: Callable[[], tuple[bool, str]]) -> None:
        """`file` is that of the site; `reload` reads it again and waits until it is taken up, or says why not."""
        self._live = live
        self._versions = SiteVersions(file / SITE_FILE if file.is_dir() else file)
        self._reload = reload
        self._one_at_a_time = threading.Lock()
        self._refused: queue.SimpleQueue[Refused] = queue.SimpleQueue()

    def standing(self) -> dict[str, Any]:
        """What can be changed now: the version that stands, what came before, and devices that wait for a place."""
        versions = self._versions.all()
        last = self._versions.last()
        return {
            "base": site_fingerprint(self._live.site),
            "why_not": writable(self._versions.file),
            "undo": None if last is None else last.number,
            "versions": [msgspec.to_builtins(each) for each in versions[-TOLD:]],
            "unplaced": list(self._unplaced()),
        }

    def hand_on(self, waiting: Waiting, seq: int) -> bool:
        """Carry out an act that was committed; whether it is one for that, and will be answered here."""
        act = waiting.offered.act
        if act.move not in MOVES or act.incident:
            return False
        if self._one_at_a_time.acquire(blocking=False):
            threading.Thread(target=self._work, args=(waiting, seq), name="placing", daemon=True).start()
        else:
            self._refuse(waiting, "somebody else changes the site at this moment; try again")
        return True

    def refused(self) -> list[Refused]:
        """Acts of which nothing came, since it was asked last."""
        out: list[Refused] = []
        with suppress(queue.Empty):
            while True:
                out.append(self._refused.get_nowait())
        return out

    def _work(self, waiting: Waiting, seq: int) -> None:
        try:
            self._change(waiting.offered.act, seq)
            why_not = ""
        except LinewatchError as error:
            why_not = (str(error).splitlines() or [type(error).__name__])[0]
        except Exception as error:  # noqa: BLE001 - the person is answered and the watch goes on, whatever a disk does
            why_not = f"{type(error).__name__}: {str(error)[:200]}"
        finally:
            self._one_at_a_time.release()
        if why_not:
            self._refuse(waiting, why_not)
        else:
            waiting.answer(seq)

    def _refuse(self, waiting: Waiting, why_not: str) -> None:
        move = waiting.offered.act.move
        self._refused.put(Refused(move, why_not))
        waiting.answer(None, f"{move}: {why_not}")

    def _change(self, act: OperatorAct, seq: int) -> None:
        """Write a new version and have it taken up. Raises `InputError`; then all is as it was before."""
        if why_not := writable(self._versions.file):
            raise InputError(why_not)
        running = site_fingerprint(self._live.site)
        if site_fingerprint(load_site(self._versions.file)) != running:
            raise InputError("the site's files were edited and not taken up; allowed: `linewatch reload` first")
        version, texts = self._placed(act, seq, running) if act.move == PLACE else self._undone(act, seq)
        version = self._versions.keep(version, texts)
        ok, said = self._reload()
        if not ok:
            self._versions.take_back(version)
            raise InputError(f"the watch did not take it up, the files are as they were: {said}")
        files = ", ".join(f"{each.file} {each.after}" for each in version.files)
        text = f"version {version.number}: {'; '.join(version.what)}; SHA-256 of what stands now: {files}"
        self._live.note(NOTE, text[:4_000])

    def _placed(self, act: OperatorAct, seq: int, running: str) -> tuple[Version, Mapping[Path, str]]:
        if dict(act.values)["base"] != running:
            raise InputError("the site has changed since it was looked at; allowed: to look again")
        placements = placements_of(act)
        texts = rewritten(self._versions.file, placements, self._numbers())
        return self._version(act, seq, [told(self._live.site, each) for each in placements]), texts

    def _undone(self, act: OperatorAct, seq: int) -> tuple[Version, Mapping[Path, str]]:
        last = self._versions.last()
        asked = dict(act.values)["version"]
        if last is None or str(last.number) != asked:
            allowed = "none is left" if last is None else f"{last.number}, the last change that was not undone"
            raise InputError(f"version: found {asked}; allowed: {allowed}")
        what = [f"undone: {each}" for each in last.what]
        version = msgspec.structs.replace(self._version(act, seq, what), undoes=last.number)
        return version, self._versions.before(last)

    def _version(self, act: OperatorAct, seq: int, what: Sequence[str]) -> Version:
        return Version(
            number=self._versions.next_number(),
            time_ns=act.time_ns,
            role=act.role,
            seat=act.seat,
            reason=act.reason,
            seq=seq,
            what=tuple(what),
            files=(),
        )

    def _numbers(self) -> dict[str, int]:
        return {source.name: number for number, source in enumerate(self._live.sources)}

    def _unplaced(self) -> Iterator[dict[str, Any]]:
        """Devices that were heard and are no sensor, where their source has a way to make them one."""
        for source, spec in zip(self._live.sources, self._live.site.sources, strict=False):
            prefix = _PREFIX.get(spec.plugin)
            table = spec.settings.get("sensors")
            if prefix is None or (table is None and spec.plugin != "mqtt"):
                continue
            known = table if isinstance(table, Mapping) else {}
            for told_as, heard in source.status().unplaced.items():
                address = told_as.removeprefix(prefix)
                if told_as.startswith(prefix) and address not in known and told_as != "and others":
                    yield {
                        "source": source.name,
                        "plugin": spec.plugin,
                        "address": address,
                        "heard": heard,
                        "id": address if table is None else "",
                    }
