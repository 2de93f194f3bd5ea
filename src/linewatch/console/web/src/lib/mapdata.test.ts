import { expect, test } from 'vitest';
import { gapsOf, sensorPoints } from './mapdata';
import type { Coverage, LineShape } from './types';

const line: LineShape = { id: 'main', length_m: 1000, geometry: [[23, 53, 0], [23, 53.009, 1000]], sections: [], places: [] };
test('sensors that are spans are not points, and the newest state counts', () => {
  const columns = {
    id: ['cam', 'das'], kind: ['camera', 'fibre_das'], line: ['main', 'main'], from_m: [1, 0], to_m: [1, 1000],
    lon: [23, null], lat: [53, null], state: ['ok' as const, 'ok' as const], cabinet: [null, null],
  };
  const points = sensorPoints(columns, (id) => (id === 'cam' ? 'out' : undefined)).features;
  expect(points.map((f) => [f.properties?.id, f.properties?.state])).toEqual([['cam', 'out']]);
});

test('stretches that nobody watches lie on the line', () => {
  const coverage = { main: { gaps: [{ from_m: 100, to_m: 300, why: 'out' }] } as unknown as Coverage };
  const [gap] = gapsOf([line], coverage).features;
  expect((gap!.geometry as GeoJSON.LineString).coordinates.map(([, lat]) => Math.round((lat! - 53) * 1e4))).toEqual([9, 27]);
  expect(gapsOf([{ ...line, geometry: [] }], coverage).features).toEqual([]);
});
