import { expect, test } from 'vitest';
import { about, boxOf, holds, within, type Box } from './basemap';

const square = (x: number, y: number): number[][] => [[x, y], [x + 1, y], [x + 1, y + 1], [x, y + 1], [x, y]];
const world: GeoJSON.FeatureCollection = {
  type: 'FeatureCollection',
  features: [
    { type: 'Feature', properties: { is: 'land' }, geometry: { type: 'MultiPolygon', coordinates: [[square(20, 50)], [square(-70, 10)]] } },
    { type: 'Feature', properties: { is: 'border' }, geometry: { type: 'MultiLineString', coordinates: [[[22, 51], [24, 52]], [[100, 0], [101, 1]]] } },
    { type: 'Feature', properties: { is: 'label', name: 'here' }, geometry: { type: 'Point', coordinates: [21, 51] } },
    { type: 'Feature', properties: { is: 'label', name: 'far' }, geometry: { type: 'Point', coordinates: [-60, 11] } },
  ],
};

test('the map begins with what lies about the line, each part whole', () => {
  const near = within(world, about(boxOf([[23, 52], [24, 54]])!));
  expect(near.features.map((f) => (f.geometry as unknown as { coordinates: unknown[] }).coordinates.length)).toEqual([1, 1, 2]);
  expect((near.features[0]!.geometry as GeoJSON.MultiPolygon).coordinates[0]![0]).toEqual(square(20, 50));
  expect(near.features.at(-1)!.properties?.name).toBe('here');
});

test('a view that leaves what is held is noticed', () => {
  const held: Box = [10, 40, 30, 60];
  expect([holds(held, [11, 41, 29, 59]), holds(held, [9, 41, 29, 59]), holds(held, [11, 41, 29, 61])]).toEqual([true, false, false]);
});
