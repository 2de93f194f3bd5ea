"""The health step: proof of life and findings in, outages out. Silence is found by ticks, never by data.

One cause is one outage. Sensors that fall silent together and hang on one cabinet, feed or switch share one; so do
cameras that one light blinds. It keeps its id while it grows, and ends when all of them are back.
"""

import msgspec
import numpy as np

from linewatch.health import mute, thresholds
from linewatch.health.blinding import LightWatch
from linewatch.health.outages import LIGHT, VIEW, about_of, left_of, narrowed, outage_of
from linewatch.health.retest import assigned_of, is_health_act, proven, refusal_of, test_of
from linewatch.health.silence import SilenceWatch
from linewatch.health.skew import Lags, new_lags, note_lag, note_lags, skews
from linewatch.health.state import SHARED, SILENT, HealthSettings, HealthState, closed
from linewatch.health.unexplained import HINT, explained, hint_of, stretches
from linewatch.ports import Batch
from linewatch.records import BlockHeader, Detections, Health, OperatorAct, Outage, Record, Tick, WalkTest, Weather
from linewatch.site.model import Site
from linewatch.site.sensor import Sensor

_NS_PER_S = 1_000_000_000
_KEPT_TESTS = 256


class HealthStep:
    """Turns proof of life, findings and their absence into outages. Keyed by the site."""

    state_type = HealthState

    def __init__(self, site: Site, settings: HealthSettings) -> None:
        self.site = site
        self.settings = settings
        self.key = f"{site.name}/health"
        self._number = {sensor.id: number for number, sensor in enumerate(site.sensors)}
        self._silence = SilenceWatch(site, settings)
        self._light = LightWatch(site, settings)

    def initial(self) -> HealthState:
        """Nothing heard, nothing open."""
        sensors = len(self.site.sensors)
        return HealthState(np.zeros(sensors, np.int64), np.zeros(sensors, np.bool_), open={}, lags=new_lags(sensors))

    def step(self, state: HealthState, batch: Batch, tick: Tick) -> tuple[HealthState, tuple[Record, ...]]:
        """Note signs of life, open and close outages by findings, then look for silence at this tick."""
        state = HealthState(
            last_life_ns=state.last_life_ns.copy(),
            streams=state.streams.copy(),
            open=dict(state.open),
            lags=Lags(*(getattr(state.lags, name).copy() for name in Lags.__struct_fields__)),
            back_ns={about: dict(back) for about, back in state.back_ns.items()},
            sights=dict(state.sights),
            repaired_ns=dict(state.repaired_ns),
            tests=list(state.tests),
            assigned=dict(state.assigned),
            weather=dict(state.weather),
            noises=state.noises,
            hushed=dict(state.hushed),
            corrections=dict(state.corrections),
        )
        # Acts go first: what they mute is hidden from the trackers in the same tick, and counted as such.
        out: list[Record] = [
            record
            for item in batch
            if isinstance(item, OperatorAct) and is_health_act(item)
            for record in self._act(state, item, tick)
        ]
        for item in batch:
            if isinstance(item, BlockHeader):
                self._alive(state, item.sensor, _end_ns(item), streams=True)
            elif isinstance(item, Detections):
                self._detected(state, item, tick)
            elif isinstance(item, Health):
                out += self._finding(state, item, tick)
            elif isinstance(item, WalkTest):
                state.tests = [*state.tests, item][-_KEPT_TESTS:]
            elif isinstance(item, Weather):
                state.weather[f"{item.line}/{item.from_m}-{item.to_m}"] = item
        for health in self._skews(state, tick):
            out += [health, *self._finding(state, health, tick)]
        out += mute.tell_hidden(state.hushed, state.open, tick)
        out += self._ended(state, tick)
        out += self._unexplained(state, tick)
        out += self._silence.step(state, tick)
        return state, tuple(out)

    # ------------------------------------------------------------------------------------------------ signs of life

    def _alive(self, state: HealthState, sensor: str, time_ns: int, *, streams: bool) -> None:
        number = self._number.get(sensor)
        if number is not None:
            state.last_life_ns[number] = max(time_ns, int(state.last_life_ns[number]))
            state.streams[number] |= streams

    def _detected(self, state: HealthState, batch: Detections, tick: Tick) -> None:
        """A detection proves life where life is already expected; it does not make silence a fault."""
        mute.count_hidden(state.hushed, state.open, batch)
        numbers = np.array([self._number.get(sensor, -1) for sensor in batch.sensors], dtype=np.int64)
        of_row = numbers[batch.sensor_index]
        known = of_row >= 0
        expected = known & (state.last_life_ns[of_row] > 0)
        np.maximum.at(state.last_life_ns, of_row[expected], batch.time_ns[expected])
        note_lags(state.lags, of_row[known], (tick.time_ns - batch.time_ns[known]) / _NS_PER_S, self.settings.skew)

    def _skews(self, state: HealthState, tick: Tick) -> list[Health]:
        """Clocks that have just been found wrong, or right again."""
        out = []
        for number, lag_s in skews(state.lags, self.settings.skew):
            sensor = self.site.sensors[number]
            wrong = lag_s is not None
            text = f"its times are {lag_s:.1f} s behind, always by the same" if wrong else "its times are right again"
            out.append(
                Health(
                    line=sensor.line,
                    sensor=sensor.id,
                    time_ns=tick.time_ns,
                    condition="clock_skew" if wrong else "recovered",
                    severity="degraded" if wrong else "ok",
                    text=text,
                    ends=None if wrong else "clock_skew",
                )
            )
        return out

    # ----------------------------------------------------------------------------------------------------- findings

    def _finding(self, state: HealthState, health: Health, tick: Tick) -> list[Record]:
        if health.condition == "heartbeat":
            self._alive(state, health.sensor, health.time_ns, streams=False)
            if health.sensor in self._number:
                lag_s = (tick.time_ns - health.time_ns) / _NS_PER_S
                note_lag(state.lags, self._number[health.sensor], lag_s, self.settings.skew)
            return []
        if health.condition == "recovered":
            return self._recovered(state, health, tick)
        left = left_of(health)
        if health.severity not in ("failed", "degraded") or left >= 1.0 or not self.site.has_sensor(health.sensor):
            return []
        if health.condition in LIGHT and health.bearing_deg is not None:
            state.sights[health.sensor] = health.bearing_deg, max(health.bearing_sigma_deg or 1.0, 0.1)
        sensor, about = self.site.sensor(health.sensor), about_of(health)
        if health.condition in LIGHT and (shared := self._light.shared(state, sensor, health)) is not None:
            return self._light.join(state, shared, sensor, health, left)
        if about in state.open:
            return self._revised(state, about, health, left)
        outage = outage_of(sensor, health.condition, health.time_ns, tick, self._text(sensor, health), left)
        outage = msgspec.structs.replace(narrowed(outage, health, sensor), rise_db=health.rise_db)
        if health.until_ns is not None and health.until_ns <= tick.time_ns:
            return [outage, msgspec.structs.replace(outage, end_ns=health.until_ns)]
        state.open[about] = msgspec.structs.replace(outage, end_ns=health.until_ns)
        return [outage]

    def _revised(self, state: HealthState, about: str, health: Health, left: float) -> list[Record]:
        """An outage of which more is known now: another way of losing a view, less left of it, broken again."""
        before = state.open[about]
        broken_again = state.repaired_ns.pop(before.id, None) is not None
        if not broken_again and (before.cause, before.remaining_fraction) == (health.condition, round(left, 4)):
            return []
        if before.cause == health.condition and not broken_again and left > before.remaining_fraction:
            return []
        state.open[about] = msgspec.structs.replace(
            before, cause=health.condition, remaining_fraction=round(left, 4), reason=health.text
        )
        return [state.open[about]]

    def _text(self, sensor: Sensor, health: Health) -> str:
        return health.text if sensor.id in health.text else f"{sensor.id}: {health.text}"

    def _unexplained(self, state: HealthState, tick: Tick) -> list[Record]:
        """Noise that has stood for long on a short stretch and that no weather explains; and the end of such hints."""
        raised = [outage for outage in state.open.values() if outage.cause == "raised_floor"]
        if not raised and not state.noises:
            return []
        settings = self.settings.unexplained
        hints = {noise.hint for noise in state.noises if noise.hint}
        out: list[Record] = []
        noises = []
        for known, stands in stretches(raised, state.noises, tick, settings):
            noise = known
            old_enough = tick.time_ns - noise.since_ns >= round(settings.after_s * _NS_PER_S)
            if stands and not noise.hint and old_enough and noise.to_m - noise.from_m < settings.gust_m:
                here = [o for o in raised if o.line == noise.line and o.from_m < noise.to_m and o.to_m > noise.from_m]
                if not explained(noise, state.weather.values(), tick, settings):
                    sensors = tuple(sorted({name for outage in here for name in outage.sensors}))
                    most_db = max(outage.rise_db or 0.0 for outage in here)
                    health, outage = hint_of(noise, sensors, most_db, tick)
                    noise = msgspec.structs.replace(noise, hint=f"{sensors[0]}{HINT}{outage.id}")
                    state.open[noise.hint] = outage
                    out += [health, outage]
            noises.append(noise)
        for gone in sorted(hints - {noise.hint for noise in noises}):
            out += closed(state, gone, tick.time_ns)
        state.noises = tuple(noises)
        return out

    # ----------------------------------------------------------------------------------------------------- the end

    def _recovered(self, state: HealthState, health: Health, tick: Tick) -> list[Record]:
        """The end of what concerned the sensor, or the channels, or of the condition that is named."""
        out: list[Record] = []
        end_ns = min(health.time_ns, tick.time_ns)
        if health.ends is None or health.ends in LIGHT:
            state.sights.pop(health.sensor, None)
        for about, outage in sorted(state.open.items()):
            if health.sensor not in outage.sensors or outage.end_ns is not None or not _concerns(health, outage):
                continue
            if about.startswith("light/"):
                state.back_ns.setdefault(about, {})[health.sensor] = end_ns
            elif outage.cause != "silent" and len(outage.sensors) == 1 and not _stands(about):
                out += self._over(state, about, end_ns)
        return out

    def _over(self, state: HealthState, about: str, end_ns: int) -> list[Record]:
        """Close an outage, or let it wait for its re-test where somebody must have repaired something."""
        outage = state.open[about]
        if outage.cause in self.settings.retest_causes:
            if outage.id in state.repaired_ns:
                return []
            state.repaired_ns[outage.id] = end_ns
            reason = f"{outage.reason}; it answers again and waits for a re-test, or a waiver"
            state.open[about] = msgspec.structs.replace(outage, reason=reason)
            return [state.open[about]]
        return closed(state, about, end_ns)

    def _ended(self, state: HealthState, tick: Tick) -> list[Record]:
        """Outages whose end was told with them, that signs of life have ended, or that a re-test has closed."""
        out: list[Record] = []
        for about, outage in sorted(state.open.items()):
            if outage.id in state.repaired_ns:
                repaired_ns = state.repaired_ns[outage.id]
                if proven(outage, repaired_ns, state.tests, self.settings.retest_share, self.settings.retest_found):
                    out += closed(state, about, tick.time_ns)
            elif outage.end_ns is not None:
                if outage.end_ns <= tick.time_ns:
                    out += closed(state, about, outage.end_ns)
            elif about.startswith(SHARED):
                out += self._shared_end(state, about, outage, tick)
            elif outage.cause == "silent":
                life_ns = int(state.last_life_ns[self._number[outage.sensors[0]]])
                if outage.start_ns < life_ns <= tick.time_ns:
                    out += closed(state, about, life_ns)
        return out

    def _shared_end(self, state: HealthState, about: str, outage: Outage, tick: Tick) -> list[Record]:
        """The end of what several sensors share, when all are back; whoever takes too long goes on alone."""
        back = state.back_ns.setdefault(about, {})
        if not about.startswith("light/"):
            for name in outage.sensors:
                life_ns = int(state.last_life_ns[self._number[name]])
                if name not in back and outage.noticed_ns < life_ns:
                    back[name] = life_ns
        if not back:
            return []
        left = [name for name in outage.sensors if name not in back]
        if not left:
            return closed(state, about, min(max(back.values()), tick.time_ns))
        if tick.time_ns - min(back.values()) < round(self.settings.return_s * _NS_PER_S):
            return []
        out = closed(state, about, tick.time_ns)
        cause = outage.cause if about.startswith("light/") else "silent"
        for name in left:
            sensor = self.site.sensor(name)
            text = f"{name} is not back; the others of {outage.cause} are"
            alone = outage_of(sensor, cause, tick.time_ns, tick, text, outage.remaining_fraction)
            state.open[f"{name}/view" if cause in LIGHT else f"{name}{SILENT}"] = alone
            out.append(alone)
        return out

    # --------------------------------------------------------------------------------------------------------- acts

    def _act(self, state: HealthState, act: OperatorAct, tick: Tick) -> list[Record]:
        if act.move in mute.MOVES:
            return self._mute(state, act, tick)
        if act.move == thresholds.MOVE:
            return self._correct(state, act, tick)
        by_id = {outage.id: outage for outage in state.open.values()}
        if why_not := refusal_of(act, by_id):
            text = f"act {act.move} by {act.role} at {act.seat}: {why_not}"
            return [Health(self.site.lines[0].id, "", tick.time_ns, "refused", "note", text)]
        if act.move == "walk_test":
            test = test_of(act)
            state.tests = [*state.tests, test][-_KEPT_TESTS:]
            return [test]
        outage_id = dict(act.values)["outage"]
        if act.move == "assign_repair":
            state.assigned[outage_id] = assigned_of(act)
            return []
        about = next(a for a, o in state.open.items() if o.id == outage_id)
        if outage_id not in state.repaired_ns:
            text = f"act {act.move} by {act.role} at {act.seat}: outage {outage_id} is not repaired yet"
            return [Health(self.site.lines[0].id, "", tick.time_ns, "refused", "note", text)]
        waived = f"{state.open[about].reason}; re-test waived by {act.role} at {act.seat}: {act.reason}"
        state.open[about] = msgspec.structs.replace(state.open[about], reason=waived)
        return closed(state, about, tick.time_ns)

    def _mute(self, state: HealthState, act: OperatorAct, tick: Tick) -> list[Record]:
        """Begin a mute, or end one before its time."""
        if why_not := mute.mute_refusal(self.site, act, frozenset(state.open)):
            text = f"act {act.move} by {act.role} at {act.seat}: {why_not}"
            return [Health(self.site.lines[0].id, "", tick.time_ns, "refused", "note", text)]
        about = mute.about_mute(act)
        if act.move in ("unmute", "unmask"):
            # It is closed with the others that end at this tick, after what it hid has been told.
            state.open[about] = msgspec.structs.replace(state.open[about], end_ns=tick.time_ns)
            return []
        health, outage = mute.muted(self.site, act, tick)
        state.open[about] = msgspec.structs.replace(outage, end_ns=health.until_ns)
        state.hushed[about] = mute.Hushed(0, tick.time_ns)
        return [health, outage]

    def _correct(self, state: HealthState, act: OperatorAct, tick: Tick) -> list[Record]:
        """Raise or lower a threshold, or set it back."""
        number = self._number.get(dict(act.values).get("sensor", ""))
        streams = number is not None and bool(state.streams[number])
        why_not = thresholds.correction_refusal(self.site, act, state.corrections, tick, streams=streams)
        if why_not:
            text = f"act {act.move} by {act.role} at {act.seat}: {why_not}"
            return [Health(self.site.lines[0].id, "", tick.time_ns, "refused", "note", text)]
        return thresholds.corrected(self.site, act, tick, state.corrections, state.open)


def _stands(about: str) -> bool:
    """Whether an outage goes on though its sensor says that all is well: what hangs on noise, or on a person's word."""
    return HINT in about or thresholds.THRESHOLD in about


def _concerns(health: Health, outage: Outage) -> bool:
    """Whether a recovery is about this outage."""
    if health.ends is not None:
        same = outage.cause == health.ends or (outage.cause in VIEW and health.ends in VIEW)
        if not same:
            return False
    if health.first_channel is None or health.last_channel is None:
        return True
    if outage.first_channel is None or outage.last_channel is None:
        return False
    return health.first_channel <= outage.first_channel and outage.last_channel <= health.last_channel


def _end_ns(header: BlockHeader) -> int:
    return header.start_ns + round(header.n_samples * _NS_PER_S / header.rate_hz)
