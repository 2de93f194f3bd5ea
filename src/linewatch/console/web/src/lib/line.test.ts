import { expect, test } from 'vitest';
import { at, nearest, nearestPlace, sectionAt, stretch } from './line';
import type { LineShape } from './types';

const line: LineShape = {
  id: 'main',
  length_m: 2000,
  geometry: [[23, 53, 0], [23, 53.009, 1000], [23.015, 53.009, 2000]],
  sections: [{ name: 'S01', from_m: 0, to_m: 1000 }, { name: 'S02', from_m: 1000, to_m: 2000 }],
  places: [{ name: 'post 1', kind: 'post', chainage_m: 500, lon: 23, lat: 53.0045 }, { name: 'gate 1', kind: 'gate', chainage_m: 1500, lon: null, lat: null }],
};

test('a chainage lies between its vertices, and beyond the ends at the ends', () => {
  expect(at(line, 500)).toEqual([23, expect.closeTo(53.0045, 9)]);
  expect(at(line, -10)).toEqual([23, 53]);
  expect(at(line, 9999)).toEqual([23.015, 53.009]);
});

test('a position on the line leads back to its chainage', () => {
  for (const m of [0, 123, 999, 1000, 1777, 2000]) {
    const [lon, lat] = at(line, m);
    const back = nearest(line, lon, lat);
    expect(back.chainage_m).toBeCloseTo(m, 3);
    expect(back.distance_m).toBeLessThan(0.01);
  }
});

test('a stretch follows the bends between its ends', () => {
  expect(stretch(line, 900, 1100)).toHaveLength(3);
  expect(stretch(line, 100, 200)).toHaveLength(2);
});

test('sections and places are found by chainage', () => {
  expect(sectionAt(line, 1000)).toBe('S02');
  expect(sectionAt(line, 2500)).toBe('');
  expect(nearestPlace(line, 900)?.name).toBe('post 1');
});
