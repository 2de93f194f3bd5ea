import { expect, test } from 'vitest';
import { span, Trace, WINDOW_MS, type ScopeAnswer, type ScopeFrame } from './scope';

const frame = (time_ms: number, level_db: number | null, suppressed = false): ScopeFrame => ({ time_ms, level_db, floor_db: 26, threshold_db: 41, suppressed });
const answer = (more: Partial<ScopeAnswer>): ScopeAnswer => ({
  sensor: 'f1', kind: 'fibre_vibration', line: 'main', channel: 3, channels: 120, from_m: 3, to_m: 4, now_ms: 1000, last_heard_ms: 900,
  basis: 'frames', why: '', frames: [], detections: [], life: [], cursor: 0, matters: [], correction_db: 0, ...more,
});
const mark = (time_ms: number, strength_db: number) => ({ time_ms, chainage_m: 3.5, strength_db, probability: 0.9 });

test('the next question begins after what is known', () => {
  const trace = new Trace();
  expect(trace.query(3)).toBe('channel=3&after_ms=0&after=0');
  trace.take(answer({ frames: [frame(950, 27), frame(1000, 28)], cursor: 7 }));
  expect(trace.query(3)).toBe('channel=3&after_ms=1000&after=7');
});

test('what is older than the window is let go, and counted all the same', () => {
  const trace = new Trace();
  trace.take(answer({ frames: [frame(1000, 27)], detections: [mark(990, 20)] }));
  trace.take(answer({ now_ms: 1000 + WINDOW_MS, frames: [frame(1000 + WINDOW_MS, 28)] }));
  expect(trace.frames.map((f) => f.time_ms)).toEqual([1000 + WINDOW_MS]);
  expect(trace.marks).toEqual([]);
  expect(trace.seen).toBe(2);
});

test('a frame without a level leaves a gap in the line, and no number is made up for it', () => {
  const trace = new Trace();
  trace.take(answer({ frames: [frame(950, 27), frame(1000, null)] }));
  expect(trace.columns()).toEqual([[0.95, 1], [27, null], [26, 26], [41, 41]]);
  expect(trace.now?.time_ms).toBe(950);
});

test('without levels the strength of detections is drawn, in the order of their times', () => {
  const trace = new Trace();
  trace.take(answer({ basis: 'none', detections: [mark(900, 12)], cursor: 1 }));
  trace.take(answer({ basis: 'none', detections: [mark(800, 9)], cursor: 2 }));
  expect(trace.columns()).toEqual([[0.8, 0.9], [9, 12]]);
});

test('that there are no levels is said only once the watch has had the time to look', () => {
  const trace = new Trace();
  for (let n = 0; n < 3; n++) trace.take(answer({ basis: 'none' }));
  expect(trace.without_levels).toBe(false);
  trace.take(answer({ basis: 'none' }));
  expect(trace.without_levels).toBe(true);
});

test('what is drawn fits, with at least 20 dB to look at', () => {
  expect(span([[26, null, 28], [41]])).toEqual([23, 44]);
  expect(span([[30, 30]])).toEqual([20, 40]);
  expect(span([[null]])).toEqual([0, 20]);
});
