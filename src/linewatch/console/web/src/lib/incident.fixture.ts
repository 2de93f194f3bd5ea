// A made-up incident for tests, with what a test wants to be otherwise.
import type { Incident } from './types';

export function incident(over: Partial<Incident>): Incident {
  return {
    id: 'x', seq: 1, line: 'main', section: 'S01', kind: 'crossing', mover: 'person', act: 'none', concern: 'none', priority: 2,
    state: 'raised', reason: '', place: 'post 1', chainage_m: 100, chainage_sigma_m: 1, from_m: 95, to_m: 105, count_low: 1,
    count_high: 2, raised_ms: 0, updated_ms: 0, closed_ms: null, assessment: 'undetermined', outcome: 'unknown', hazards: [],
    owner: '', seat: '', group: null, sensors: [], late: false, ...over,
  };
}
