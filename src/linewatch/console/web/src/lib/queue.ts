// The order of the queue, and the counts that have to agree.
import type { Counts, Incident } from './types';

/** States in which somebody still has to look first. */
export const WAITING = new Set(['raised', 'returned']);

export function waiting(incident: Incident): boolean {
  return WAITING.has(incident.state);
}

const rank = (incident: Incident): number => (waiting(incident) ? 0 : incident.state === 'closed' ? 2 : 1);

/** Whether an incident has a row of its own: not shelved, out of service or counted under the lead of its group. */
export function ownRow(incident: Incident): boolean {
  return !incident.group && incident.state !== 'shelved' && incident.state !== 'out_of_service';
}

/** What waits comes first; then by priority; then what has waited longest. */
export function queueOrder<T extends Incident>(list: T[]): T[] {
  return list
    .filter(ownRow)
    .sort((a, b) => rank(a) - rank(b) || a.priority - b.priority || a.raised_ms - b.raised_ms || (a.id < b.id ? -1 : 1));
}

export type Filter = 'all' | 'waiting' | 'mine';

export function filtered(list: Incident[], filter: Filter, section: string, me: { name: string; seat: string }): Incident[] {
  return list.filter(
    (i) =>
      (filter === 'all' || (filter === 'waiting' ? waiting(i) : i.owner === me.name || (me.seat !== '' && i.seat === me.seat))) && (section === '' || i.section === section),
  );
}

/** Members of a lead's group, the newest first. */
export function members(all: Map<string, Incident>, lead: string): Incident[] {
  return [...all.values()].filter((i) => i.group === lead).sort((a, b) => b.raised_ms - a.raised_ms);
}

/** Whether the server's own numbers agree, and the page shows as many rows as the server says it should. */
export function countsAgree(counts: Counts, rows: number): boolean {
  return counts.raised === counts.shown + counts.grouped + counts.shelved && counts.shown === rows;
}
