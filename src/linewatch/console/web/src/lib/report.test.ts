import { expect, test } from 'vitest';
import { csvOf, figures } from './report';

const row = {
  keys: { day: '2021-11-18', section: 'S01' }, detections: 40, incidents: 3, attempts: 2, persons_low: 3, persons_high: 9, returns: 1,
  nuisance: 0, metre_hours: 200, unwatched_metre_hours: 5, rate: 0.5, rate_low: 0.1, rate_high: 1.2, corrected: null, corrected_low: null, corrected_high: null,
};

test('counts stand as ranges, rates with their interval, and unwatched time beside them', () => {
  const table = figures({ as_of_ns: 5e15, table: { by: ['day', 'section'], rows: [row], total: { ...row, keys: {} }, assumption: 'A.' } });
  const cell = (name: string) => table.rows[0]?.[table.columns.findIndex((c) => c.name === name)];
  expect(cell('persons')).toBe('3–9');
  expect(cell('rate')).toBe('0.50 (0.10–1.20)');
  expect(cell('unwatched')).toBe('2.5 %');
  expect(cell('corrected')).toBe('–');
  expect(table.rows).toHaveLength(2);
  expect(table.as_of_ms).toBe(5e9);
});

test('a report without a table is an error and not an empty page', () => {
  expect(() => figures({ detail: 'no' })).toThrow('no table');
});

test('CSV quotes what needs quoting', () => {
  const csv = csvOf({ columns: [{ name: 'a', numeric: false }], rows: [['x,"y"']], hasTotal: false, notes: [], as_of_ms: null });
  expect(csv).toBe('a\r\n"x,""y"""\r\n');
});
