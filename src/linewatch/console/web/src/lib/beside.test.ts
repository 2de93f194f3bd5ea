import { expect, test } from 'vitest';
import { beside, placeOf, view } from './beside';
import type { LineShape } from './types';

const line = (outside: string): LineShape => ({
  id: 'main', length_m: 4000, outside, sections: [], places: [],
  geometry: [[23.5, 52.7, 0], [23.53, 52.7, 2027], [23.53, 52.72, 4252]],
});

test('a place beside the line is found again, on either side, along every leg', () => {
  for (const outside of ['left', 'right'])
    for (const chainage of [10, 1500, 2500, 4000])
      for (const offset of [-300, -2.5, 4, 120]) {
        const found = placeOf(line(outside), ...beside(line(outside), chainage, offset));
        expect(found.chainage_m).toBeCloseTo(chainage, 0);
        expect(found.offset_m).toBeCloseTo(offset, 0);
      }
});

test('the approach side is where the site says that it is', () => {
  expect(beside(line('left'), 1000, 50)[1]).toBeGreaterThan(52.7); // left of eastward is north
  expect(beside(line('right'), 1000, 50)[1]).toBeLessThan(52.7);
});

test('a field of view begins where its sensor stands and faces its azimuth', () => {
  const east = view(23.5, 52.7, 100, 90, 40);
  expect(east[0]).toEqual([23.5, 52.7]);
  expect(east.slice(1).every(([lon]) => lon > 23.5)).toBe(true);
  expect(view(23.5, 52.7, 100, null, null)).toHaveLength(25);
});
