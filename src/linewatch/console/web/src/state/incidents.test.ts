import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { incident } from '../lib/incident.fixture';
import { incidents } from './incidents.svelte';

const FLUSH_MS = 100;
let number = 0;
const fresh = () => `i${number++}`;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const settle = () => void vi.advanceTimersByTime(FLUSH_MS);

test('an older version that comes late does not undo a newer one', () => {
  const id = fresh();
  incidents.take(incident({ id, seq: 5, state: 'acknowledged' }));
  incidents.take(incident({ id, seq: 4, state: 'raised' }));
  settle();
  expect(incidents.get(id)?.state).toBe('acknowledged');
});

test('a closed incident stays in sight for a moment and then goes', () => {
  const id = fresh();
  incidents.take(incident({ id, seq: 1 }));
  incidents.take(incident({ id, seq: 2, state: 'closed' }));
  settle();
  expect(incidents.queue.map((i) => i.id)).toContain(id);
  vi.advanceTimersByTime(16_000);
  incidents.sweep();
  expect(incidents.queue.map((i) => i.id)).not.toContain(id);
});

test('an incident that was merged into another goes at once', () => {
  const id = fresh();
  incidents.take(incident({ id, seq: 1 }));
  settle();
  incidents.take(incident({ id, seq: 2, state: 'closed', merged_into: 'lead' }));
  settle();
  expect(incidents.get(id)).toBeUndefined();
});

test('one that was closed before this page knew it is not shown', () => {
  const id = fresh();
  incidents.take(incident({ id, seq: 1, state: 'closed' }));
  settle();
  expect(incidents.get(id)).toBeUndefined();
});
