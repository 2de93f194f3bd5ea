// Several sites on one console: what is known of each, and what may be said of all.
import { Problem } from './api';
import { countsAgree, queueOrder, waiting } from './queue';
import type { Counts, Incident, LiveState } from './types';

export interface SharedSite {
  /** Names it in paths: `s/KEY/`; empty for a site that is not served. */
  key: string;
  name: string;
  timezone: string;
  lines: string[];
  signed_in: boolean;
  person: string;
  role: string;
  seat: string;
  csrf: string;
  must_change_password: boolean;
  /** Null for those who have not signed in there. */
  state: LiveState | null;
  waiting: { count: number; priority: number | null; first: string } | null;
  /** Why the site is not served. */
  why: string;
}

export interface AllSites {
  locale: string;
  sites: SharedSite[];
}

/** An incident and the site that it is of. */
export type Placed = Incident & { site: string };

/** No priority is as high as this. */
export const NOTHING = 9;

/** Which site a page under `/s/KEY/` shows; empty elsewhere. */
export function siteIn(path: string): string {
  return /\/s\/([^/]+)\//.exec(path)?.[1] ?? '';
}

/** Under which name a browser remembers that it signed in at a site; empty for a console of one site. */
export function markOf(key: string): string {
  return key ? `linewatch.signed-in.${key}` : 'linewatch.signed-in';
}

/** The sum of what the sites count, over those whose counts are known. */
export function total(counts: (Counts | null | undefined)[]): Counts {
  const sum: Counts = { raised: 0, shown: 0, grouped: 0, shelved: 0 };
  for (const each of counts) {
    if (!each) continue;
    sum.raised += each.raised;
    sum.shown += each.shown;
    sum.grouped += each.grouped;
    sum.shelved += each.shelved;
  }
  return sum;
}

/** The queue over all sites: the order of one queue, whatever site an incident is of. */
export function allRows(held: Iterable<Placed>): Placed[] {
  return queueOrder([...held]);
}

/** Keys of sites whose counts and rows on this page differ. */
export function disagreeing(counts: Map<string, Counts>, rows: Placed[]): string[] {
  const shown = new Map<string, number>();
  for (const row of rows) if (row.state !== 'closed') shown.set(row.site, (shown.get(row.site) ?? 0) + 1);
  return [...counts].filter(([key, each]) => !countsAgree(each, shown.get(key) ?? 0)).map(([key]) => key);
}

/** The highest priority that waits at any of these sites but one. */
export function urgency(sites: SharedSite[], but: string): number {
  return Math.min(NOTHING, ...sites.filter((s) => s.key !== but).map((s) => s.waiting?.priority ?? NOTHING));
}

/** The site one step before or after this one, among those that can be opened. */
export function neighbour(sites: SharedSite[], key: string, by: number): SharedSite | undefined {
  const open = sites.filter((s) => s.key !== '');
  if (open.length === 0) return undefined;
  const at = open.findIndex((s) => s.key === key);
  return open[(at + by + open.length) % open.length];
}

/** Whether somebody still has to look at it first. */
export const waits = (row: Placed): boolean => waiting(row);

/** Asks one site of the console, or the console itself where `key` is empty. Throws a `Problem`. */
export async function askSite<T>(base: string, key: string, path: string, post?: { csrf: string; body: unknown }): Promise<T> {
  const headers: Record<string, string> = post ? { 'content-type': 'application/json', 'x-csrf': post.csrf } : {};
  let answer: Response;
  try {
    answer = await fetch(`${base}${key ? `s/${key}/` : ''}api/${path}`, {
      method: post ? 'POST' : 'GET',
      headers,
      body: post ? JSON.stringify(post.body) : undefined,
      cache: 'no-store',
    });
  } catch {
    throw new Problem(0, 'unreachable', '');
  }
  if (!answer.ok) throw new Problem(answer.status, answer.statusText, await answer.text());
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}
