import { expect, test } from 'vitest';
import { incident } from './incident.fixture';
import { byZoom, drawOverlay, hit, Projection, type Scene } from './overlay';
import { PALETTES } from './palette';
import type { LineShape, Track } from './types';

const line: LineShape = { id: 'main', length_m: 1000, geometry: [[23, 53, 0], [23, 53.009, 1000]], sections: [], places: [] };
const track = (over: Partial<Track>): Track => ({
  id: 't', line: 'main', chainage_m: 500, offset_m: 0, speed_mps: 1, from_m: 499, to_m: 501, sigma_m: 3, mover: 'person', count_low: 1,
  count_high: 1, known: false, life: 'live', lon: 23, lat: 53.0045, ...over,
});
const scene = (over: Partial<Scene>): Scene => ({
  lines: new Map([[line.id, line]]), tracks: [], known: [], weather: [], incidents: [], chosen: '', view: null, pointer: null, font: 'x', ...over,
});
const on = (zoom: number) => new Projection({ lng: 23, lat: 53.0045 }, zoom, 800, 600);

/** A canvas that only notes what is asked of it, by name. */
function canvas(): { ctx: CanvasRenderingContext2D; count(name: string): number } {
  const calls: string[] = [];
  const ctx = new Proxy({}, { get: (_, name) => (...given: unknown[]) => (calls.push(`${String(name)} ${given.length}`), undefined), set: () => true });
  return { ctx: ctx as CanvasRenderingContext2D, count: (name) => calls.filter((c) => c.startsWith(`${name} `)).length };
}
class Path {
  static made = 0;
  constructor() {
    Path.made++;
  }
  moveTo(): void {}
  arc(): void {}
}
Object.assign(globalThis, { Path2D: Path });

test('the middle of the map is the middle of the canvas, north is up and east is right', () => {
  const p = on(12);
  expect([p.x(23), p.y(53.0045)]).toEqual([400, 300]);
  expect(p.y(53.01)).toBeLessThan(300);
  expect(p.x(23.01)).toBeGreaterThan(400);
});

test('one more of zoom doubles every distance', () => {
  expect(on(13).x(23.01) - 400).toBeCloseTo(2 * (on(12).x(23.01) - 400), 6);
});

test('a value between two zooms lies between their values, and is held beyond them', () => {
  const stops: [number, number][] = [[6, 2], [10, 4]];
  expect([5, 6, 8, 10, 12].map((z) => byZoom(z, stops))).toEqual([2, 2, 3, 4, 4]);
});

test('a thousand tracks of one kind are one path', () => {
  Path.made = 0;
  const { ctx, count } = canvas();
  drawOverlay(ctx, scene({ tracks: Array.from({ length: 1000 }, (_, n) => track({ id: String(n) })) }), on(8), PALETTES.night);
  expect([Path.made, count('fill')]).toEqual([1, 1]);
});

test('heading and uncertainty are drawn close by, and a group as a stretch at any zoom', () => {
  const strokes = (over: Partial<Track>, zoom: number) => {
    const { ctx, count } = canvas();
    drawOverlay(ctx, scene({ tracks: [track(over)] }), on(zoom), PALETTES.night);
    return count('stroke');
  };
  expect(strokes({}, 8)).toBe(0);
  expect(strokes({ from_m: 300, to_m: 600 }, 8)).toBe(1);
  expect(strokes({}, 13)).toBe(3); // uncertainty, heading, rim of the dots
  expect(strokes({ speed_mps: 0 }, 13)).toBe(2);
});

test('an incident is found under the pointer, the chosen one first, and a closed one not at all', () => {
  const list = [incident({ id: 'a', line: 'main', chainage_m: 500 }), incident({ id: 'b', line: 'main', chainage_m: 500 }), incident({ id: 'c', line: 'main', state: 'closed' })];
  const spots = drawOverlay(canvas().ctx, scene({ incidents: list, chosen: 'a' }), on(8), PALETTES.night);
  expect(spots.map((s) => s.id).sort()).toEqual(['a', 'b']);
  expect(hit(spots, spots[0]!.x + 5, spots[0]!.y)).toBe('a');
  expect(hit(spots, 5, 5)).toBeUndefined();
});

test('own people and weather are named on the map', () => {
  const { ctx, count } = canvas();
  const known = [{ id: 'patrol 7', what: 'patrol', line: 'main', chainage_m: 400, authenticated: true, time_ms: 0 }];
  drawOverlay(ctx, scene({ known, weather: [{ line: 'main', from_m: 0, to_m: 1000, words: 'wind 12 m/s' }] }), on(10), PALETTES.night);
  expect(count('fillText')).toBe(2);
});
