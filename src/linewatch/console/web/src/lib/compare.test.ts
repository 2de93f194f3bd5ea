import { expect, test } from 'vitest';
import { asked, MASKS, typed, written } from './compare';

test('what is typed has the sort of the present value, or is refused', () => {
  expect(typed('0.95', 0.9)).toBe(0.95);
  expect(typed('0,95', 0.9)).toBe(0.95);
  expect(typed('yes', 0.9)).toBeUndefined();
  expect(typed('true', false)).toBe(true);
  expect(typed('nearest', 'best')).toBe('nearest');
  expect(typed('[1, 2]', [60, 120])).toEqual([1, 2]);
  expect(typed('{"a": 1}', [60])).toBeUndefined();
  expect([written('best'), written([60, 120])]).toEqual(['best', '[60,120]']);
});

test('changes are asked for by step and by section, and masks add up', () => {
  const mask = (from_m: number) => [{ from_m, to_m: from_m + 10, reason: 'trial' }];
  const found = asked([
    { name: 'incident.raise_probability', place: '', value: 0.8 },
    { name: 'incident.raise_probability', place: '', value: 0.95 },
    { name: 'track.gate_sigma', place: 'main/S01', value: 3 },
    { name: MASKS, place: '', value: mask(0) },
    { name: MASKS, place: '', value: mask(50) },
  ]);
  expect(found.settings).toEqual({ incident: { raise_probability: 0.95 }, vibration: { masks: [...mask(0), ...mask(50)] } });
  expect(found.sections).toEqual({ 'main/S01': { track: { gate_sigma: 3 } } });
});
