"""Another site or other settings under a running watch: read and checked beside it, taken up between two ticks.

What may change: settings, sensors, places, sources, notifiers. Lines, sections and the name of the site may not: every
incident and track lies on them; the period of the ticks may not, as the grid stands on it. Until everything of the new
site is built, nothing of the old one is touched, so whatever is wrong with it leaves the watch as it was.
"""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from linewatch.app.pipeline import Pipeline
from linewatch.app.settings import settings_of
from linewatch.app.supervised import Supervised
from linewatch.errors import InputError, LinewatchError, Problem, SiteError
from linewatch.notify.build import build_notifiers
from linewatch.notify_ports import Notifier
from linewatch.ports import Source
from linewatch.site.fingerprint import site_fingerprint
from linewatch.site.model import Line, Site, SourceSpec
from linewatch.sources.build import build_source

if TYPE_CHECKING:
    from linewatch.app.watch import LiveWatch

RELOAD: Final = "reload"
"""Kind of the audit entries that tell of it."""
_WITHIN_S: Final = 60.0
_AGAIN_S: Final = (0.5, 2.0)
_RESTART: Final = "the same (stop the watch and start it again to change this)"


class Change(NamedTuple):
    """A site that is read, checked and built, to be taken up."""

    site: Site
    """The new site."""
    site_id: str
    """Its fingerprint."""
    pipeline: Pipeline
    """Its steps."""
    sources: list[Supervised]
    """Its sources: those that are as before are the very same, with their connections."""
    notifiers: tuple[Notifier, ...] | None
    """Its notifiers; None where they are as before."""
    what: str
    """What differs, in words."""


def change_of(before: Pipeline, sources: Sequence[Supervised], site: Site) -> Change | None:
    """What a site, read anew, changes; None where that is nothing. `sources` are the running ones, in its order.

    Raises `InputError` and `PluginError` where it cannot be taken up.
    """
    former = before.site
    _refuse_what_must_stay(former, site)
    settings = settings_of(site)
    if settings.tick != before.settings.tick:
        raise SiteError([Problem("site.toml", "settings.tick", "another", _RESTART)])
    pipeline = Pipeline(site, settings)
    moved = _ground(former) != _ground(site)
    kept = {} if moved else {_spelt(spec): each for spec, each in zip(former.sources, sources, strict=False)}
    now = [
        kept.get(_spelt(spec)) or Supervised(site, builder(site, number)) for number, spec in enumerate(site.sources)
    ]
    refuse_doubles([each.name for each in now])
    retold = moved or former.notifiers != site.notifiers or former.folder != site.folder
    differs = (
        ("settings", pipeline.settings_id != before.settings_id),
        ("sensors or places", moved),
        ("sources", former.sources != site.sources),
        ("notifiers", former.notifiers != site.notifiers),
    )
    what = ", ".join(name for name, is_so in differs if is_so)
    site_id = site_fingerprint(site)
    if not what and site_fingerprint(former) == site_id:
        return None
    return Change(site, site_id, pipeline, now, build_notifiers(site) if retold else None, what or "names")


def builder(site: Site, number: int) -> Callable[[], Source]:
    """Makes a source of a site, again and again."""
    return lambda: build_source(site, site.sources[number])


def refuse_doubles(names: list[str]) -> None:
    """Raise `InputError` where two sources have one name."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            f"site.toml: source name: found {twice[0]!r} twice; allowed: a name of its own for each source"
        )


class Reloader:
    """Takes requests to read the site again from any thread, one at a time; the watch's own thread takes it up."""

    def __init__(
        self, live: "LiveWatch", read: Callable[[], Site], say: Callable[[str], None], *, within_s: float = _WITHIN_S
    ) -> None:
        """`read` reads the site anew; `say` tells what became of it; whoever asks waits for at most `within_s`."""
        self._within_s = within_s
        self._live = live
        self._read = read
        self._say = say
        self._one_at_a_time = threading.Lock()
        self._change: Change | None = None
        self._taken_up = threading.Event()
        self._handing = threading.Lock()
        self._unfinished = self._asker_left = False
        self.after = list[Callable[[Site], None]]()
        """Called in the thread of the request, with a site that was taken up."""

    def ask(self) -> tuple[bool, str]:
        """Read the site again, and wait until it is taken up: whether it was, and what changed or why not."""
        with self._one_at_a_time:
            if self._unfinished:
                return False, "the watch has not come yet to the change that was asked for before"
            try:
                change = change_of(self._live.pipeline, self._live.sources, self._read())
            except LinewatchError as error:
                why_not = _in_one_line(error)
                self._told(f"the site was not taken up, all stays as it was: {why_not}")
                return False, why_not
            if change is None:
                self._told("the site was read again; nothing has changed")
                return True, "nothing has changed"
            self._unfinished, self._asker_left = True, False
            if change.notifiers is not None and (why := _tried(self._live.stop_telling)):
                self._told(f"telling was not stopped in good order: {why}")
            self._taken_up.clear()
            self._change = change
            self._taken_up.wait(self._within_s)
            with self._handing:
                self._asker_left = not self._taken_up.is_set()
                if self._asker_left:
                    return False, f"the watch has not come to it within {self._within_s:g} s; it does as soon as it can"
            trouble = self._finish(change)
            return not trouble, trouble or change.what

    def after_tick(self) -> None:
        """Take up what is ready. Called between two ticks by the thread that does them."""
        if self._change is None:
            return
        change, self._change = self._change, None
        self._live.take_up(change)
        with self._handing:
            self._taken_up.set()
            alone = self._asker_left
        if alone:  # whoever asked has given up waiting: without this nobody would be told anything any more
            threading.Thread(target=self._finish, args=(change,), name="reload").start()

    def _finish(self, change: Change) -> str:
        """What is done of a change once it is taken up, beside the ticks; what went wrong, where anything did."""
        try:
            found = [] if change.notifiers is None else [self._tell_by(change.notifiers)]
            found += [_tried(partial(each, change.site)) for each in self.after]
            trouble = "; ".join(filter(None, found))
            text = f"the site was read again and taken up; changed: {change.what}"
            self._told(f"{text}; but {trouble}" if trouble else text)
        finally:
            self._unfinished = False
        return f"taken up, but {trouble}" if trouble else ""

    def _tell_by(self, notifiers: Sequence[Notifier]) -> str:
        """Begin to tell again; a store that is busy just now gets a second and a third try."""
        for wait_s in (*_AGAIN_S, 0.0):
            why_not = _tried(partial(self._live.tell_by, notifiers))
            if not why_not:
                return ""
            threading.Event().wait(wait_s)
        text = f"nobody can be told anything: {why_not}"
        self._live.cannot_tell(LinewatchError(text))
        return text

    def _told(self, text: str) -> None:
        self._live.note(RELOAD, text)
        self._say(f"watch: {text}")


def _tried(work: Callable[[], object]) -> str:
    """Do it; why it failed, in one line, or nothing."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - of a change that is under way: told, and what follows is done all the same
        return f"{type(error).__name__}: {_in_one_line(error)}"
    return ""


def _refuse_what_must_stay(before: Site, after: Site) -> None:
    problems = [
        Problem("site.toml", key, "another", _RESTART)
        for key, one, other in (
            ("site name", before.name, after.name),
            ("site timezone", before.timezone, after.timezone),
            ("line", _courses(before), _courses(after)),
        )
        if one != other
    ]
    if problems:
        raise SiteError(problems)


def _courses(site: Site) -> list[Line]:
    """Lines and the borders of their sections, without what may change."""
    return [
        msgspec.structs.replace(
            line,
            stated_length_m=None,
            places=(),
            sections=tuple(msgspec.structs.replace(section, settings={}) for section in line.sections),
        )
        for line in site.lines
    ]


def _ground(site: Site) -> tuple[object, ...]:
    """What sources and notifiers are built on."""
    return site.sensors, tuple(line.places for line in site.lines), site.folder


def _spelt(spec: SourceSpec) -> str:
    return msgspec.json.encode(spec, order="sorted").decode()


def _in_one_line(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    more = f" (and {len(lines) - 1} more; `linewatch check` lists them)" if len(lines) > 1 else ""
    return lines[0] + more
