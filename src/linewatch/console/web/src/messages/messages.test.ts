import { expect, test } from 'vitest';
import { en } from './en';
import { pl } from './pl';

const holes = (text: string): string[] => [...text.matchAll(/\{\w+\}/g)].map((m) => m[0]).sort();

test('every message has the same holes to fill in both languages', () => {
  for (const key of Object.keys(en) as (keyof typeof en)[]) expect([key, holes(pl[key])]).toEqual([key, holes(en[key])]);
});

test('both catalogues hold the same keys', () => {
  expect(Object.keys(pl).sort()).toEqual(Object.keys(en).sort());
});
