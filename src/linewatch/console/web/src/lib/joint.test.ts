import { expect, test } from 'vitest';
import { incident } from './incident.fixture';
import { allRows, disagreeing, neighbour, siteIn, total, urgency, type Placed, type SharedSite } from './joint';

const placed = (site: string, over: Partial<Placed>): Placed => ({ ...incident(over), site });
const shared = (key: string, priority: number | null): SharedSite => ({
  key, name: key, timezone: 'UTC', lines: [], signed_in: true, person: '', role: '', seat: '', csrf: '', must_change_password: false,
  state: null, waiting: { count: priority ? 1 : 0, priority, first: '' }, why: '',
});

test('one order over all sites: what waits, then the most urgent, then the oldest, wherever it is', () => {
  const rows = allRows([
    placed('north', { id: 'a', priority: 1, state: 'acknowledged' }),
    placed('south', { id: 'b', priority: 2, raised_ms: 5 }),
    placed('north', { id: 'c', priority: 2, raised_ms: 1 }),
    placed('south', { id: 'd', priority: 1, raised_ms: 9 }),
  ]);
  expect(rows.map((r) => r.id)).toEqual(['d', 'c', 'b', 'a']);
});

test('a site whose rows are fewer than it counts is named, and another one does not make up for it', () => {
  const counts = new Map([
    ['north', { raised: 2, shown: 2, grouped: 0, shelved: 0 }],
    ['south', { raised: 1, shown: 0, grouped: 1, shelved: 0 }],
  ]);
  const rows = [placed('north', { id: 'a' }), placed('south', { id: 'b' })];
  expect(disagreeing(counts, rows)).toEqual(['north', 'south']);
  expect(disagreeing(counts, [placed('north', { id: 'a' }), placed('north', { id: 'c' })])).toEqual([]);
});

test('sums leave out sites that are not known, and count all others', () => {
  expect(total([{ raised: 3, shown: 1, grouped: 1, shelved: 1 }, null, { raised: 2, shown: 2, grouped: 0, shelved: 0 }]))
    .toEqual({ raised: 5, shown: 3, grouped: 1, shelved: 1 });
});

test('what waits elsewhere is the most urgent of all sites but the one that is shown', () => {
  const sites = [shared('north', 1), shared('south', 3), shared('east', null)];
  expect(urgency(sites, 'north')).toBe(3);
  expect(urgency(sites, '')).toBe(1);
  expect(urgency([shared('east', null)], '')).toBe(9);
});

test('the next site comes round, past those that are not served', () => {
  const sites = [shared('north', null), { ...shared('', null), why: 'gone' }, shared('south', null)];
  expect(neighbour(sites, 'south', 1)?.key).toBe('north');
  expect(neighbour(sites, 'north', -1)?.key).toBe('south');
  expect(siteIn('/s/north/')).toBe('north');
  expect(siteIn('/')).toBe('');
});
