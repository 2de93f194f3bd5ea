// A past period under other settings: what is asked for, and what comes back.

export interface Tried {
  name: string;
  value: unknown;
  by_section: boolean;
}

export interface Compared {
  id: string;
  kind: string;
  priority: number;
  line: string;
  section: string;
  place: string;
  chainage_m: number;
  from_m: number;
  to_m: number;
  raised_ms: number;
  reason: string;
  assessment: string;
  count_low: number;
  count_high: number;
}

export interface Pair {
  before: Compared;
  after: Compared;
  later_s: number;
}

export interface Result {
  from_ms: number;
  to_ms: number;
  begun_ms: number;
  settings_before: string;
  settings_after: string;
  changed: { name: string; before: unknown; after: unknown }[];
  raised_before: number;
  raised_after: number;
  by_priority_before: number[];
  by_priority_after: number[];
  both: Pair[];
  only_before: Compared[];
  only_after: Compared[];
  later_s: number;
  priorities_changed: number;
}

export interface Run {
  id: string;
  state: 'running' | 'done' | 'failed' | 'cancelled';
  progress: number;
  why: string;
  result: Result | null;
}

export interface Change {
  /** `step.key`. */
  name: string;
  /** `LINE/SECTION`, or empty for the whole site. */
  place: string;
  value: unknown;
}

export const MASKS = 'vibration.masks';

/** A value as a person reads and types it: JSON, without quotation marks about a word. */
export function written(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** What somebody typed, in the sort of the present value; undefined where it is of another sort. */
export function typed(text: string, present: unknown): unknown {
  if (typeof present === 'string') return text.trim();
  try {
    const value: unknown = JSON.parse(text.trim().replace(/^(-?\d+),(\d+)$/, '$1.$2'));
    const same = typeof value === typeof present && Array.isArray(value) === Array.isArray(present);
    return same || present === null ? value : undefined;
  } catch {
    return undefined;
  }
}

type Tables = Record<string, Record<string, unknown>>;

/** Changes as the server takes them. The last of two for the same setting and place holds; masks add up. */
export function asked(changes: Change[]): { settings: Tables; sections: Record<string, Tables> } {
  const settings: Tables = {};
  const sections: Record<string, Tables> = {};
  for (const { name, place, value } of changes) {
    const [step = '', key = ''] = name.split('.', 2);
    const tables = place ? (sections[place] ??= {}) : settings;
    const table = (tables[step] ??= {});
    const before = table[key];
    table[key] = name === MASKS && Array.isArray(before) ? [...(before as unknown[]), ...(value as unknown[])] : value;
  }
  return { settings, sections };
}
