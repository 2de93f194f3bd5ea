"""Channels that no longer feel: dead, stuck, saturated, noisy, drifting, copied; a cut fibre; data played again.

A step on the same blocks as the detectors, at about a hundred samples a second of each channel. Windows of half a
second stand on the absolute time grid; a condition is told when it has held for a while, with the time when it began.
"""

from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.health import channel_rules as rules
from linewatch.health.channel_memory import Part, new_part
from linewatch.health.raised import RaisedSettings, Told, listen, piece_of_channels
from linewatch.health.repeats import RepeatSettings, new_repeats, note_rows, told_repeat
from linewatch.ports import Batch
from linewatch.records import Block, Health, Record, Tick
from linewatch.records.block import first_sample_at
from linewatch.records.health import Condition, Severity
from linewatch.signals.channel_figures import look_at, new_figures, reopen
from linewatch.signals.cut import where_it_ends
from linewatch.site.sensor import Sensor

_NS_PER_S: Final = 1_000_000_000
_LOOKS_HZ: Final = 128.0
_LEAST_LOOKS: Final = 16
_MOST_RUNS: Final = 64
_FIBRES: Final = ("fibre_das", "fibre_vibration")
_VIBRATION: Final = ("fibre_das", "fibre_vibration", "geophone")
_WORDS: Final[dict[int, str]] = {
    rules.OK: "give samples as they should again",
    rules.DEAD: "give nothing, or zeros",
    rules.SATURATED: "stand at the end of their range",
    rules.STUCK: "always give the same",
    rules.AGREEING: "give the very same samples as others",
    rules.NOISY: "are far louder than usual, and their neighbours are not",
    rules.DRIFTING: "have left their usual level",
}


class ChannelHealthSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a channel is told to be unwell."""

    window_s: float = 0.5
    """Length of a window; longer where it would hold fewer than 16 samples."""
    hold_s: float = 2.0
    """How long a channel must be dead, stuck, saturated or copied, and how long it must be well to be well again."""
    slow_hold_s: float = 600.0
    """The same for sensors that are not of vibration: a link or a PIR may rest at one number."""
    noisy_db: float = 20.0
    """Height over its usual level from which a lone channel is noisy."""
    noisy_hold_s: float = 60.0
    """How long it must be."""
    settled_s: float = 1.5
    """How long the place of a cut must have stayed the same before it is told."""
    lost_db: float = 6.0
    """Depth under the lowest level it usually has at which a channel has lost its light."""
    hiss_db: float = 10.0
    """Height over the usual level of the even hiss that some interrogators give where no light comes back."""
    hiss_spread_db: float = 1.0
    """Standard deviation of the channels' levels under which loud channels are such a hiss."""
    settle_s: float = 4.0
    """How long a channel is listened to before its usual level counts."""
    proof_s: float = 30.0
    """How long it is listened to before its lowest level counts: until then only silence tells of a cut."""
    memory_s: float = 30.0
    """Time constant of the usual level."""
    drift_spreads: float = 6.0
    """Distance from its usual middle, in usual spreads of a window, from which a slow sensor has drifted."""
    amplitude_kinds: tuple[Literal["fibre_das", "fibre_vibration", "geophone"], ...] = ("fibre_vibration",)
    """Kinds of sensor whose samples are amplitudes, zero or more, as for the detector."""
    repeats: RepeatSettings = RepeatSettings()
    """When data count as played again."""
    raised: RaisedSettings = RaisedSettings()
    """When noise counts as raised."""


class ChannelHealthState(msgspec.Struct):
    """What the step carries, by the first channel of each stretch that arrives together."""

    parts: dict[int, Part]
    """By first channel."""


class ChannelHealthStep:
    """Watches over the channels of one sensor."""

    state_type = ChannelHealthState

    def __init__(self, sensor: Sensor, settings: ChannelHealthSettings) -> None:
        self.sensor = sensor
        self.settings = settings
        self.key = f"{sensor.id}/health"
        self._fibre = sensor.kind in _FIBRES
        self._vibration = sensor.kind in _VIBRATION
        self._amplitudes = sensor.kind in settings.amplitude_kinds
        edges_m = sensor.channel_edges_m() if sensor.is_span else np.array([0.0, settings.raised.piece_m])
        self._pitch_m = float(np.median(np.abs(np.diff(edges_m))))

    def initial(self) -> ChannelHealthState:
        """Nothing heard."""
        return ChannelHealthState(parts={})

    def step(
        self,
        state: ChannelHealthState,
        batch: Batch,
        tick: Tick,  # noqa: ARG002 - samples bring their own time
    ) -> tuple[ChannelHealthState, tuple[Record, ...]]:
        """Blocks in, findings out. Takes over the arrays of `state`."""
        out: list[Record] = []
        for block in batch:
            if isinstance(block, Block) and block.n_samples:
                out += self._block(state, block)
        return state, tuple(out)

    def _block(self, state: ChannelHealthState, block: Block) -> list[Record]:
        part = state.parts.get(block.first_channel)
        if part is None or (len(part.told), part.dtype) != (block.n_channels, str(block.samples.dtype)):
            pieces = int(self._pieces(block.n_channels)[-1]) + 1
            part = state.parts[block.first_channel] = new_part(block, pieces)
        here = (block.origin_ns, block.rate_hz, block.first_sample)
        if (part.origin_ns, part.rate_hz, part.next_sample) != here:
            part.origin_ns, part.rate_hz, part.window = block.origin_ns, block.rate_hz, -1
            part.figures = new_figures(block.n_channels)
            part.repeats = msgspec.structs.replace(part.repeats, rows=new_repeats().rows)
        part.next_sample = block.first_sample + block.n_samples
        part.bad = np.zeros(block.n_channels, np.bool_) if block.valid is None else ~block.valid
        window_ns = self._window_ns(block.rate_hz)
        out: list[Record] = []
        row = 0
        while row < block.n_samples:
            window = block.time_of(block.first_sample + row) // window_ns
            if part.window >= 0 and window != part.window:
                out += self._close(part, block, window_ns)
            part.window = window
            edge = first_sample_at(block.origin_ns, (window + 1) * window_ns, block.rate_hz) - block.first_sample
            end = min(max(edge, row + 1), block.n_samples)
            self._add(part, block, row, end)
            row = end
        return out

    def _pieces(self, n_channels: int) -> NDArray[np.int64]:
        return piece_of_channels(n_channels, self._pitch_m, self.settings.raised)

    def _window_ns(self, rate_hz: float) -> int:
        """Whole halves of a second that hold enough samples."""
        window_ns = round(self.settings.window_s * _NS_PER_S)
        return window_ns * max(1, int(np.ceil(_LEAST_LOOKS / rate_hz * _NS_PER_S / window_ns)))

    @staticmethod
    def _stride(rate_hz: float) -> int:
        return max(1, int(rate_hz // _LOOKS_HZ))

    def _add(self, part: Part, block: Block, row: int, end: int) -> None:
        stride = self._stride(block.rate_hz)
        first = -(block.first_sample + row) % stride
        look_at(block.samples[row:end], first, stride, part.figures)
        note_rows(part.repeats, block, row, end, self.settings.repeats)

    # -------------------------------------------------------------------------------------------------- one window

    def _close(self, part: Part, block: Block, window_ns: int) -> list[Record]:
        """Judge the window that is over, and open the next."""
        window_s = window_ns / _NS_PER_S
        expected = window_s * part.rate_hz / self._stride(part.rate_hz)
        seen = rules.judge_window(
            part.figures,
            expected=expected,
            amplitudes=self._amplitudes,
            integers=part.dtype == "int16",
            bad=part.bad,
            usual_at_ends=part.usual_at_ends,
        )
        partial = part.windows == 0  # the first window may have begun anywhere
        part.windows += 1
        end_ns = (part.window + 1) * window_ns
        reopen(part.figures)
        if partial:
            return []
        code = self._with_history(part, seen, window_s)
        same = code == part.code
        part.held = np.where(same, part.held + 1, 1).astype(np.int32)
        part.code = code
        out = self._cut(part, block.first_channel, end_ns, window_s) if self._fibre else []
        out += self._changed(part, block.first_channel, end_ns, window_s)
        if self._vibration:
            heard = (code == rules.OK) & (part.told == rules.OK)
            pieces = self._pieces(len(heard))
            for told in listen(part.raised, seen.level_db, heard, pieces, window_s, self.settings.raised):
                out += self._raised(told, block.first_channel, end_ns, window_s)
        again = told_repeat(part.repeats, end_ns, self.settings.repeats)
        if again is not None:
            condition: Condition = "replayed_data" if again else "recovered"
            text = f"the samples are those of {again:.2f} s before" if again else "the samples are new ones again"
            began_ns = end_ns - round(self.settings.repeats.hold_s * _NS_PER_S)
            out.append(self._finding(condition, "failed" if again else "ok", began_ns, text, ends="replayed_data"))
        return out

    def _with_history(self, part: Part, seen: rules.WindowLevels, window_s: float) -> rules.Codes:
        """Add what can only be told from how a channel usually is, then learn from those that are well."""
        settled = part.windows * window_s > self.settings.settle_s
        proven = part.windows * window_s > self.settings.proof_s
        moving = seen.level_db > rules.SILENT_DB
        over_db = np.where(moving, seen.level_db - part.usual_db, 0.0)
        code = seen.code
        if settled and self._vibration:
            loud = over_db > self.settings.noisy_db
            code[(code == rules.OK) & rules.alone(loud, reach=3, widest=2)] = rules.NOISY
        elif settled:
            away = np.abs(seen.middle - part.usual_middle) > self.settings.drift_spreads * part.usual_spread
            code[(code == rules.OK) & away] = rules.DRIFTING
        quick = 1.0 / part.windows
        rate = max(window_s / self.settings.memory_s, quick)
        # What is loud may be an event: the usual level follows it at a twentieth of the pace.
        pace = rate * np.where(settled & (over_db > 6.0), 0.05, 1.0)
        well = moving & (code != rules.NOISY)
        part.usual_db = _towards(part.usual_db, seen.level_db, pace, well)
        part.recent_db = _towards(part.recent_db, seen.level_db, np.full(len(pace), 0.5), np.isfinite(seen.level_db))
        # Once proven, the lowest level falls by 1 dB a second at most, so that the loss itself does not pull it down.
        lowest = np.fmin(part.floor_db + 0.01 * window_s, part.recent_db)
        lowest = np.fmax(lowest, part.floor_db - window_s) if proven else lowest
        dark = proven & (part.recent_db < part.floor_db - self.settings.lost_db)
        part.floor_db = np.where(dark | ~moving, part.floor_db, lowest)
        part.lost = np.where(dark | (code == rules.DEAD) | (code == rules.STUCK), part.lost + 1, 0).astype(np.int32)
        loud = settled & (part.recent_db - part.usual_db > self.settings.hiss_db)
        part.loud = np.where(loud, part.loud + 1, 0).astype(np.int32)
        part.usual_at_ends = _towards(part.usual_at_ends, seen.at_ends, pace, moving & (code == rules.OK))
        slow = np.full(len(pace), max(window_s / 3600.0, quick))
        calm = moving & (code == rules.OK)
        part.usual_middle = _towards(part.usual_middle, seen.middle, slow, calm)
        part.usual_spread = _towards(part.usual_spread, seen.spread, slow, calm)
        return code

    def _cut(self, part: Part, first_channel: int, end_ns: int, window_s: float) -> list[Record]:
        """A fibre whose end has gone dark, told once, with the channel at which it ends."""
        hold = max(round(self.settings.hold_s / window_s), 1)
        n = len(part.lost)
        if part.cut >= 0:
            if np.maximum(part.lost, part.loud)[part.cut :].astype(bool).mean() > 0.5:
                return []
            first, part.cut = part.cut, -1
            part.told[first:] = rules.OK
            text = f"channels {first_channel + first} to {first_channel + n - 1} answer again"
            span = (first_channel + first, first_channel + n - 1)
            return [self._finding("recovered", "ok", end_ns, text, span, ends="fibre_cut")]
        place = self._place(part, hold)
        suspected = -1 if place is None else place
        part.place_windows = part.place_windows + 1 if suspected == part.place else 1
        part.place = suspected
        # Channels lose their last echo at different moments: the place is told when it has stopped moving.
        if place is None or part.place_windows * window_s < self.settings.settled_s:
            return []
        already = part.told[place:] != rules.OK
        if already.mean() > 0.5:
            return []  # these channels were told to be dead before
        part.cut = place
        part.told[place:] = rules.CUT
        held = int(np.median(np.maximum(part.lost, part.loud)[place:]))
        since_ns = end_ns - round(held * window_s * _NS_PER_S)
        where = "before its first channel" if place == 0 else f"between channels {place - 1} and {place}"
        text = f"the fibre ends {where}: nothing comes back from there on"
        return [self._finding("fibre_cut", "failed", since_ns, text, (first_channel + place, first_channel + n - 1))]

    def _place(self, part: Part, hold: int) -> int | None:
        """Channel from which on nothing comes back, or a hiss that is the same on all channels."""
        n = len(part.lost)
        least = min(max(5, n // 50), n - 1)
        lost = part.lost >= hold
        if lost.any() and (place := where_it_ends(lost, least=least, share=0.9, guard=10)) is not None:
            return place
        loud = part.loud >= hold
        if loud.sum() < 2 * least:
            return None
        place = where_it_ends(loud, least=2 * least, share=0.98, guard=10)
        if place is None or float(np.std(part.recent_db[place:])) >= self.settings.hiss_spread_db:
            return None
        # Channels that are loud by themselves rise by less, but what they give now is the same hiss.
        hiss_db = float(np.median(part.recent_db[place:]))
        while place and abs(part.recent_db[place - 1] - hiss_db) < 2.0 * self.settings.hiss_spread_db:
            place -= 1
        return place

    def _changed(self, part: Part, first_channel: int, end_ns: int, window_s: float) -> list[Record]:
        """Channels whose condition has held for long enough and is not what was told of them."""
        settings = self.settings
        quick_s = settings.hold_s if self._vibration else settings.slow_hold_s
        hold_s = np.full(len(part.code), quick_s)
        hold_s[(part.code == rules.NOISY) | (part.code == rules.DRIFTING)] = settings.noisy_hold_s
        hold_s[(part.code == rules.DEAD) | (part.code == rules.OK)] = settings.hold_s
        due = (part.held * window_s >= hold_s) & (part.code != part.told) & (part.told != rules.CUT)
        if part.place >= 0 and part.cut < 0:
            due[part.place :] = False  # the next windows will tell whether it is a cut
        if not due.any():
            return []
        out: list[Record] = []
        for was in np.unique(part.told[due]):
            if was != rules.OK:
                out += self._told(part, first_channel, end_ns, due & (part.told == was), rules.OK, int(was), window_s)
        for now in np.unique(part.code[due]):
            if now != rules.OK:
                out += self._told(part, first_channel, end_ns, due & (part.code == now), int(now), rules.OK, window_s)
        part.told[due] = part.code[due]
        return out

    def _told(
        self,
        part: Part,
        first_channel: int,
        end_ns: int,
        mask: NDArray[np.bool_],
        code: int,
        was: int,
        window_s: float,
    ) -> list[Record]:
        """One finding a run of channels; of very many runs one that spans them and says how many."""
        runs = rules.runs_of(mask)
        if len(runs) > _MOST_RUNS:
            runs = [(runs[0][0], runs[-1][1])]
        out: list[Record] = []
        for low, high in runs:
            began_ns = end_ns - round(int(part.held[low : high + 1][mask[low : high + 1]].max()) * window_s * _NS_PER_S)
            count = int(mask[low : high + 1].sum())
            of = "" if count == high - low + 1 else f"{count} of "
            text = f"{of}channels {first_channel + low} to {first_channel + high} {_WORDS[code]}"
            severity: Severity = "ok" if code == rules.OK else "failed"
            if code in (rules.NOISY, rules.DRIFTING):
                severity = "degraded"
            condition = self._named(code)
            ends = self._named(was) if code == rules.OK else None
            span = (first_channel + low, first_channel + high)
            out.append(self._finding(condition, severity, began_ns, text, span, count=count, ends=ends))
        return out

    def _raised(self, told: Told, first_channel: int, end_ns: int, window_s: float) -> list[Record]:
        """Noise that has risen, or stands otherwise than was told: the end of the one, the beginning of the other."""
        span = (first_channel + told.first, first_channel + told.last)
        began_ns = end_ns - round(told.windows * window_s * _NS_PER_S)
        channels = f"channels {span[0]} to {span[1]}"
        out: list[Record] = []
        if told.was_db > 0.0:
            text = f"the noise of {channels} is no longer {told.was_db:.0f} dB over its usual level"
            out.append(self._finding("recovered", "ok", began_ns, text, span, ends="raised_floor"))
        if told.rise_db > 0.0:
            text = f"the noise of {channels} stands {told.rise_db:.0f} dB over its usual level"
            found = self._finding("raised_floor", "degraded", began_ns, text, span)
            out.append(msgspec.structs.replace(found, rise_db=told.rise_db))
        return out

    def _named(self, code: int) -> Condition:
        """A radio link that gives nothing is lost; a channel that gives nothing is dead."""
        return "link_lost" if code == rules.DEAD and self.sensor.kind == "radio_link" else rules.CONDITIONS[code]

    def _finding(
        self,
        condition: Condition,
        severity: Severity,
        time_ns: int,
        text: str,
        channels: tuple[int, int] | None = None,
        *,
        count: int = 1,
        ends: Condition | None = None,
    ) -> Health:
        first, last = channels if channels is not None and self.sensor.is_span else (None, None)
        return Health(
            line=self.sensor.line,
            sensor=self.sensor.id,
            time_ns=time_ns,
            condition=condition,
            severity=severity,
            text=text,
            first_channel=first,
            last_channel=last,
            count=count,
            ends=ends if condition == "recovered" else None,
        )


def _towards(
    kept: NDArray[np.float64], seen: NDArray[np.float64], rate: NDArray[np.float64], where: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """`kept` moved towards `seen` by `rate`; what is not known yet becomes what is seen."""
    moved = np.where(np.isnan(kept), seen, kept + rate * (seen - kept))
    return np.where(where, moved, kept)
