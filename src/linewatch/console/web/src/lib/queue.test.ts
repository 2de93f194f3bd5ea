import { expect, test } from 'vitest';
import { incident } from './incident.fixture';
import { countsAgree, filtered, queueOrder } from './queue';

test('what waits comes before what somebody has, whatever its priority', () => {
  const taken = incident({ id: 'taken', priority: 1, state: 'acknowledged' });
  const waits = incident({ id: 'waits', priority: 5 });
  expect(queueOrder([taken, waits]).map((i) => i.id)).toEqual(['waits', 'taken']);
});

test('among those that wait the most urgent comes first, then the oldest', () => {
  const list = [
    incident({ id: 'new', priority: 1, raised_ms: 20 }),
    incident({ id: 'low', priority: 3, raised_ms: 0 }),
    incident({ id: 'old', priority: 1, raised_ms: 10 }),
  ];
  expect(queueOrder(list).map((i) => i.id)).toEqual(['old', 'new', 'low']);
});

test('one that went quiet before anybody looked still waits', () => {
  const list = [incident({ id: 'mine', priority: 1, state: 'responding' }), incident({ id: 'quiet', state: 'returned' })];
  expect(queueOrder(list)[0]?.id).toBe('quiet');
});

test('members of a group, shelved ones and those out of service have no row of their own', () => {
  const list = [incident({ id: 'a' }), incident({ id: 'b', group: 'a' }), incident({ id: 'c', state: 'shelved' }), incident({ id: 'd', state: 'out_of_service' })];
  expect(queueOrder(list).map((i) => i.id)).toEqual(['a']);
});

test('"mine" are those of my seat and those of my name', () => {
  const list = [incident({ id: 'seat', seat: 'north' }), incident({ id: 'name', owner: 'jo' }), incident({ id: 'other', seat: 'south' })];
  expect(filtered(list, 'mine', '', { name: 'jo', seat: 'north' }).map((i) => i.id)).toEqual(['seat', 'name']);
  expect(filtered(list, 'mine', '', { name: 'jo', seat: '' }).map((i) => i.id)).toEqual(['name']);
});

test('counts agree only where everything is accounted for and every row is here', () => {
  const counts = { raised: 6, shown: 3, grouped: 2, shelved: 1 };
  expect(countsAgree(counts, 3)).toBe(true);
  expect(countsAgree(counts, 2)).toBe(false);
  expect(countsAgree({ ...counts, raised: 7 }, 3)).toBe(false);
});
