// Sensors that are being placed or moved: drafts of this page until somebody saves them as a version of the site.
import { get, post, Problem } from '../lib/api';
import type { Difference, PlacingState, SensorPlace, Unplaced } from '../lib/types';
import { renewSite } from './renew.svelte';
import { sensors } from './sensors.svelte';
import { session } from './session.svelte';
import { t } from './settings.svelte';

export const NUMBERS = ['at_m', 'from_m', 'to_m', 'offset_m', 'range_m', 'azimuth_deg', 'fov_deg'] as const;
export type NumberKey = (typeof NUMBERS)[number];

export interface Draft {
  /** Id; of a new sensor as it is typed. */
  sensor: string;
  kind: string;
  line: string;
  values: Record<NumberKey, number | null>;
  /** How it stands now; null for a new sensor. */
  was: SensorPlace | null;
  from?: Unplaced;
}

const LOOK_MS = 500;
const PATIENCE_MS = 30_000;
const USUAL_RANGE_M: Record<string, number> = { pir: 8, camera: 100, contact: 2, geophone: 30, radar: 1000, microwave: 60, radio_link: 30 };

class Placing {
  drafts = $state<Draft[]>([]);
  /** Number of the draft that map, strip and form show. */
  chosen = $state(-1);
  standing = $state.raw<PlacingState | null>(null);
  preview = $state.raw<Difference[] | null>(null);
  busy = $state<'' | 'preview' | 'save'>('');
  refused = $state('');
  done = $state('');

  get draft(): Draft | undefined {
    return this.drafts[this.chosen];
  }

  /** What would be changed now; a draft that stands as the sensor does is none. */
  get changed(): Draft[] {
    return this.drafts.filter((d) => d.was === null || changes(d).length > 0);
  }

  get may(): boolean {
    return session.me?.role === 'administrator' || session.me?.role === 'maintainer';
  }

  async load(): Promise<void> {
    try {
      this.standing = await get<PlacingState>('site/placing');
    } catch {
      // the bar above says that the console is away; what stood here stays
    }
  }

  async choose(id: string): Promise<void> {
    const held = this.drafts.findIndex((d) => d.sensor === id && d.was);
    if (held >= 0) {
      this.chosen = held;
      return;
    }
    try {
      const was = await get<SensorPlace>(`site/sensors/${encodeURIComponent(id)}`);
      this.drafts = [...this.changed, { sensor: id, kind: was.kind, line: was.line, was, values: valuesOf(was) }];
      this.chosen = this.drafts.length - 1;
      this.refused = this.done = '';
    } catch (error) {
      this.refused = (error as Error).message;
    }
  }

  /** Begins a sensor of a device that was heard: it gets its place by a click, or in the form. */
  begin(device: Unplaced): void {
    const begun = this.drafts.findIndex((d) => d.from?.source === device.source && d.from.address === device.address);
    if (begun >= 0) {
      this.chosen = begun;
      return;
    }
    const line = session.site?.lines[0];
    const kind = device.plugin === 'asterix' ? 'radar' : device.plugin === 'seedlink' ? 'geophone' : 'pir';
    const id = device.id || device.address.replace(/[^A-Za-z0-9]+/g, '-').replace(/^-|-$/g, '');
    const values: Draft['values'] = { at_m: null, from_m: null, to_m: null, offset_m: 0, range_m: USUAL_RANGE_M[kind] ?? null, azimuth_deg: null, fov_deg: null };
    this.drafts = [...this.changed, { sensor: id, kind, line: line?.id ?? '', values, was: null, from: device }];
    this.chosen = this.drafts.length - 1;
    this.preview = null;
    this.refused = this.done = '';
  }

  set(name: NumberKey, value: number | null): void {
    const draft = this.draft;
    if (!draft || draft.values[name] === value) return;
    draft.values[name] = value;
    this.preview = null;
    this.done = '';
  }

  /** Puts the chosen sensor somewhere, to the decimetre: a hand does not point more exactly. */
  put(chainage_m: number, offset_m: number): void {
    const draft = this.draft;
    if (!draft) return;
    const shape = session.line(draft.line);
    const at = Math.round(Math.max(0, Math.min(shape?.length_m ?? chainage_m, chainage_m)) * 10) / 10;
    if (draft.was && draft.was.at_m === null) {
      const middle = ((draft.values.from_m ?? 0) + (draft.values.to_m ?? 0)) / 2;
      if (draft.was.calibrated) return;
      this.set('from_m', round((draft.values.from_m ?? 0) + at - middle));
      this.set('to_m', round((draft.values.to_m ?? 0) + at - middle));
    } else this.set('at_m', at);
    this.set('offset_m', round(offset_m));
  }

  drop(draft: Draft): void {
    this.drafts = this.drafts.filter((d) => d !== draft);
    this.chosen = Math.min(this.chosen, this.drafts.length - 1);
    this.preview = null;
    this.refused = '';
  }

  private bodies(): Record<string, unknown>[] {
    return this.changed.map((d) => ({
      sensor: d.sensor,
      ...Object.fromEntries((d.was ? changes(d) : NUMBERS).filter((n) => d.values[n] !== null).map((n) => [n, d.values[n]])),
      ...(d.was ? {} : { kind: d.kind, line: d.line, source: d.from?.source ?? '', address: d.from?.address ?? '' }),
    }));
  }

  async tryOut(): Promise<void> {
    this.busy = 'preview';
    this.refused = '';
    try {
      this.preview = await post<Difference[]>('site/preview', { placements: this.bodies() });
    } catch (error) {
      this.refused = (error as Error).message;
    } finally {
      this.busy = '';
    }
  }

  async save(reason: string): Promise<boolean> {
    const body = { placements: this.bodies(), reason, base: this.standing?.base ?? '' };
    if (!(await this.send('site/versions', body))) return false;
    this.drafts = [];
    this.chosen = -1;
    this.preview = null;
    return true;
  }

  async undo(version: number, reason: string): Promise<boolean> {
    return this.send(`site/versions/${version}/undo`, { reason });
  }

  /** Asks for a version and waits until the console shows it: it begins anew on a changed site. */
  private async send(path: string, body: unknown): Promise<boolean> {
    const before = this.standing?.versions.at(-1)?.number ?? 0;
    this.busy = 'save';
    this.refused = this.done = '';
    try {
      await post(path, body);
    } catch (error) {
      // An answer that was cut off may have been a yes: the versions tell.
      if (!(error instanceof Problem) || error.status !== 0) {
        this.refused = (error as Error).message;
        this.busy = '';
        await this.load();
        return false;
      }
    }
    const until = performance.now() + PATIENCE_MS;
    while (performance.now() < until) {
      await this.load();
      const stands = this.standing;
      if (stands && (stands.versions.at(-1)?.number ?? 0) > before && stands.here === stands.base) {
        await renewSite().catch(() => sensors.load());
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    this.busy = '';
    const number = this.standing?.versions.at(-1)?.number ?? 0;
    const shown = this.standing?.here === this.standing?.base;
    if (number > before) this.done = t(shown ? 'place.saved' : 'place.saved_elsewhere', { n: number });
    else this.refused = t('place.unknown');
    return number > before;
  }
}

const round = (value: number): number => Math.round(value * 10) / 10;

function valuesOf(was: SensorPlace): Draft['values'] {
  return Object.fromEntries(NUMBERS.map((n) => [n, was[n]])) as Draft['values'];
}

/** Names of what a draft changes. */
export function changes(d: Draft): NumberKey[] {
  return NUMBERS.filter((n) => d.values[n] !== null && d.values[n] !== (d.was?.[n] ?? null));
}

/** Where a draft stands: of a span the middle; null while it has no place. */
export function spot(d: Draft): { chainage_m: number; offset_m: number } | null {
  const { at_m, from_m, to_m, offset_m } = d.values;
  const chainage_m = at_m ?? (from_m !== null && to_m !== null ? (from_m + to_m) / 2 : null);
  return chainage_m === null ? null : { chainage_m, offset_m: offset_m ?? 0 };
}

export const placing = new Placing();
