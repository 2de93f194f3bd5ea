import { expect, test } from 'vitest';
import { incident } from './incident.fixture';
import { incidentMark, incidentPoints, sensorPoints, trackFeatures, trackMark } from './mapdata';
import type { LineShape, Track } from './types';

const line: LineShape = { id: 'main', length_m: 1000, geometry: [[23, 53, 0], [23, 53.009, 1000]], sections: [], places: [] };
const lines = new Map([[line.id, line]]);
const track = (over: Partial<Track>): Track => ({
  id: 't', line: 'main', chainage_m: 500, offset_m: 0, speed_mps: 1, from_m: 499, to_m: 501, sigma_m: 3, mover: 'person', count_low: 1,
  count_high: 1, known: false, life: 'live', lon: 23, lat: 53.0045, ...over,
});
const kinds = (tracks: Track[], close: boolean) => trackFeatures(tracks, lines, close).features.map((f) => f.properties?.is as string);

test('close by, a track shows where it is heading and how unsure its place is', () => {
  expect(kinds([track({})], true)).toEqual(['track', 'stretch', 'heading']);
  expect(kinds([track({ speed_mps: 0 })], true)).toEqual(['track', 'stretch']);
});

test('from afar a single mover is a point and a group a stretch', () => {
  expect(kinds([track({})], false)).toEqual(['track']);
  expect(kinds([track({ from_m: 300, to_m: 600 })], false)).toEqual(['track', 'stretch']);
});

test('a track of a line without geography is not drawn', () => {
  expect(kinds([track({ lon: null, lat: null })], true)).toEqual([]);
});

test('the mark of tracks changes with what would be drawn and with nothing else', () => {
  const mark = (over: Partial<Track>) => trackMark([track(over)], 0.001, false);
  expect(mark({ lon: 23.0001, count_high: 9 })).toBe(mark({}));
  expect(mark({ lon: 23.01 })).not.toBe(mark({}));
  expect(mark({ known: true })).not.toBe(mark({}));
});

test('the mark of incidents changes with their state and place, and not with their words', () => {
  const mark = (over: object) => incidentMark([incident(over)], '', 0.001);
  expect(mark({ reason: 'other words', count_high: 30 })).toBe(mark({}));
  expect(mark({ state: 'acknowledged' })).not.toBe(mark({}));
});

test('closed incidents leave the map', () => {
  const list = [incident({ id: 'a' }), incident({ id: 'b', state: 'closed' })];
  expect(incidentPoints(list, lines, 'a').features.map((f) => [f.properties?.id, f.properties?.chosen])).toEqual([['a', true]]);
});

test('sensors that are spans are not points, and the newest state counts', () => {
  const columns = {
    id: ['cam', 'das'], kind: ['camera', 'fibre_das'], line: ['main', 'main'], from_m: [1, 0], to_m: [1, 1000],
    lon: [23, null], lat: [53, null], state: ['ok' as const, 'ok' as const], cabinet: [null, null],
  };
  const points = sensorPoints(columns, (id) => (id === 'cam' ? 'out' : undefined)).features;
  expect(points.map((f) => [f.properties?.id, f.properties?.state])).toEqual([['cam', 'out']]);
});
