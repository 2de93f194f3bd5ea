import { expect, test } from 'vitest';
import { age, clock, fromLocal, interval, km, metres, offset, stamp, toLocal } from './words';

const ZONE = 'Europe/Warsaw';

test('lengths and counts are said as people read them', () => {
  expect(km(12345.6)).toBe('12.346');
  expect(metres(999)).toBe('999 m');
  expect(metres(1234)).toBe('1.23 km');
  expect(metres(201168)).toBe('201.2 km');
  expect(interval(2, 2)).toBe('2');
  expect(interval(2, 5)).toBe('2–5');
});

test('ages get coarser as they grow, and never run backwards', () => {
  expect(age(1000, 0)).toBe('0 s');
  expect(age(0, 90_000)).toBe('90 s');
  expect(age(0, 3_599_000)).toBe('59 min');
  expect(age(0, 7_500_000)).toBe('2 h 05 min');
});

test('times of day are of the site and not of the browser', () => {
  const winter = Date.UTC(2021, 10, 18, 23, 30, 5);
  expect(clock(winter, ZONE)).toBe('00:30:05');
  expect(stamp(winter, ZONE)).toBe('2021-11-19 00:30:05');
  expect(offset(winter, ZONE)).toBe('UTC+01:00');
});

test('what a date field shows leads back to the same moment, on both sides of a change of clocks', () => {
  for (const ms of [Date.UTC(2021, 9, 30, 12), Date.UTC(2021, 9, 31, 2), Date.UTC(2022, 2, 27, 0, 59), Date.UTC(2022, 2, 27, 1, 1), Date.UTC(2022, 6, 1)]) {
    expect(fromLocal(toLocal(ms, ZONE), ZONE)).toBe(ms);
  }
});
