import { expect, test } from 'vitest';
import { History, KNOWN, trackFrame } from './history';
import { pins, tickStep } from './marks';
import { PALETTES, ramp } from './palette';
import { incident } from './incident.fixture';
import type { Track } from './types';
import { binLevels, level } from './waterfall';

const frame = (c: number[], h: number[], g: number[]) => ({ c: new Float32Array(c), h: new Float32Array(h), g: new Float32Array(g) });
const view = { from_m: 0, to_m: 100, row_ms: 1000 };

test('the stronger a detection, the brighter, within 8 bits', () => {
  expect(level(-40)).toBe(level(0));
  expect(level(20)).toBeGreaterThan(level(12));
  expect(level(99)).toBe(255);
});

test('a column keeps the strongest of what falls into it', () => {
  const row = new Uint8Array(10);
  binLevels(frame([15, 16, 95], [1, 1, 1], [10, 30, 20]), view, row);
  expect(row[1]).toBe(level(30));
  expect(row[9]).toBe(level(20));
  expect([...row].filter(Boolean)).toHaveLength(2);
});

test('a detection covers its stretch, and what lies outside the view is left out', () => {
  const row = new Uint8Array(10);
  binLevels(frame([50, 150, -30], [12, 10, 5], [10, 40, 40]), view, row);
  expect([...row].map((v) => v > 0)).toEqual([false, false, false, true, true, true, true, false, false, false]);
});

test('a detection at the edge of the view still shows the part that reaches in', () => {
  const row = new Uint8Array(10);
  binLevels(frame([105], [10], [20]), view, row);
  expect(row[9]).toBe(level(20));
});

test('history forgets by rows and by age, oldest first', () => {
  const h = new History<{ tick_ms: number; n: number }>((f) => f.n, 10, 1000);
  for (let i = 0; i < 20; i++) h.add({ tick_ms: i, n: 1 });
  const seen: number[] = [];
  h.each(0, (f) => seen.push(f.tick_ms));
  expect(seen).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  h.add({ tick_ms: 5000, n: 1 });
  expect(h.held).toBe(1);
});

test('tracks of other lines are left out, and known activity keeps a code of its own', () => {
  const track = (over: Partial<Track>): Track => ({
    id: 't', line: 'main', chainage_m: 5, offset_m: 0, speed_mps: 1, from_m: 4, to_m: 6, sigma_m: 1, mover: 'vehicle', count_low: 1,
    count_high: 1, known: false, life: 'live', lon: null, lat: null, ...over,
  });
  const f = trackFrame(1, 'main', [track({}), track({ id: 'k', known: true }), track({ id: 'o', line: 'other' })]);
  expect(f.id).toEqual(['t', 'k']);
  expect([...f.mover]).toEqual([2, KNOWN]);
});

test('ticks are round and far enough apart to be read', () => {
  for (const span of [20, 137, 5000, 201_168]) {
    const step = tickStep(span, 1000);
    expect(String(step).replace(/0|\./g, '')).toMatch(/^[125]$/);
    expect((step / span) * 1000).toBeGreaterThanOrEqual(90);
  }
});

test('incidents that would cover each other share a pin led by the most urgent', () => {
  const at = (id: string, m: number, priority: number) => incident({ id, chainage_m: m, from_m: m, to_m: m, priority });
  const got = pins([at('a', 100, 3), at('b', 101, 1), at('c', 900, 2), at('far', 5000, 1)], 0, 1000, 1000);
  expect(got.map((p) => p.incidents.map((i) => i.id))).toEqual([['b', 'a'], ['c']]);
});

test('both palettes run from their ground to something far from it', () => {
  const light = (word: number) => (word & 255) + ((word >> 8) & 255) + ((word >> 16) & 255);
  const [night, day] = [ramp(PALETTES.night.heat), ramp(PALETTES.day.heat)];
  expect(light(night[255]!) - light(night[0]!)).toBeGreaterThan(400);
  expect(light(day[0]!) - light(day[255]!)).toBeGreaterThan(400);
});
