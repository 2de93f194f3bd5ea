// The queue over all sites, joined in the browser: each site's list is read once, then one stream keeps all current.
import { allRows, askSite, disagreeing, type Placed } from '../lib/joint';
import { followEvents } from '../lib/follow';
import type { Incident, IncidentList, LiveState } from '../lib/types';
import { joint } from './joint.svelte';

const USUAL = 1000;
const MOST = 10_000;
const FLUSH_MS = 60;
const LOOK_MS = 200;
const STALE_MS = 2000;
/** Counts may differ while an event is on its way; this long, and the lists are read anew. */
const DISAGREE_MS = 2500;
const COVERAGE_MS = 60_000;

class JointQueue {
  rows = $state.raw<Placed[]>([]);
  states = $state.raw<Map<string, LiveState>>(new Map());
  /** Metres that nobody watches, by site. */
  unwatched = $state.raw<Map<string, number>>(new Map());
  loaded = $state(false);
  /** Sites of which nothing was heard for too long, with how long. */
  stale = $state.raw<Map<string, number>>(new Map());
  /** Sites whose counts and rows do not agree. */
  disagree = $state.raw<string[]>([]);
  now_ms = $state(Date.now());

  private held = new Map<string, Placed>();
  private heard = new Map<string, number>();
  private disagreeSince = 0;
  private flushing: ReturnType<typeof setTimeout> | undefined;
  private stops: (() => void)[] = [];

  /** Follows these sites. */
  start(keys: string[]): void {
    this.stop();
    let site = '';
    for (const key of keys) this.heard.set(key, performance.now());
    const events = followEvents(`${joint.base}api/events`, {
      event: (e) => {
        if (e.event === 'site') site = JSON.parse(e.data) as string;
        else this.event(site, e.event, e.data);
      },
      connected: (yes) => {
        if (yes) void this.load(keys);
      },
      refused: (status) => {
        if (status === 401 || status === 403) void joint.look();
      },
    });
    const look = setInterval(() => this.look(), LOOK_MS);
    const cover = setInterval(() => void this.cover(keys), COVERAGE_MS);
    void this.cover(keys);
    this.stops = [events, () => clearInterval(look), () => clearInterval(cover)];
  }

  stop(): void {
    this.stops.forEach((stop) => stop());
    this.stops = [];
  }

  private async load(keys: string[]): Promise<void> {
    const lists = await Promise.all(keys.map((key) => this.list(key).catch(() => null)));
    lists.forEach((list, at) => list && this.replace(keys[at]!, list.incidents));
    this.loaded = true;
  }

  private async list(key: string): Promise<IncidentList> {
    const list = await askSite<IncidentList>(joint.base, key, `incidents?state=open&limit=${USUAL}`);
    if (list.raised <= list.incidents.length) return list;
    return askSite<IncidentList>(joint.base, key, `incidents?state=open&limit=${MOST}`);
  }

  private replace(key: string, list: Incident[]): void {
    // What an event brought while the list was on its way is newer than all of it, and stays.
    const last = Math.max(-1, ...list.map((incident) => incident.seq));
    for (const [id, row] of this.held) if (row.site === key && row.seq <= last) this.held.delete(id);
    for (const incident of list) {
      const id = `${key}/${incident.id}`;
      if ((this.held.get(id)?.seq ?? -1) < incident.seq) this.held.set(id, { ...incident, site: key });
    }
    this.flushSoon();
  }

  private event(key: string, name: string, data: string): void {
    if (name === 'incident') this.take(key, JSON.parse(data) as Incident);
    else if (name === 'state') {
      const state = JSON.parse(data) as LiveState;
      this.heard.set(key, performance.now());
      this.states = new Map(this.states).set(key, state);
      this.compare();
    } else if (name === 'gap' || name === 'reset') void this.load([key]);
    else if (name === 'coverage') void this.cover([key]);
  }

  private take(key: string, incident: Incident): void {
    const id = `${key}/${incident.id}`;
    const before = this.held.get(id);
    if (before && before.seq > incident.seq) return; // an older version came late
    if (incident.state === 'closed' || incident.merged_into) this.held.delete(id);
    else this.held.set(id, { ...incident, site: key });
    this.flushSoon();
  }

  private flushSoon(): void {
    this.flushing ??= setTimeout(() => {
      this.flushing = undefined;
      this.rows = allRows(this.held.values());
      this.compare();
    }, FLUSH_MS);
  }

  private compare(): void {
    const found = this.loaded ? disagreeing(this.states, this.rows) : [];
    if (found.length === 0) {
      this.disagreeSince = 0;
      if (this.disagree.length > 0) this.disagree = [];
      return;
    }
    const now = performance.now();
    this.disagreeSince ||= now;
    if (now - this.disagreeSince < DISAGREE_MS) return;
    this.disagreeSince = now;
    this.disagree = found;
    void this.load(found);
  }

  private look(): void {
    const now = performance.now();
    const silent = new Map<string, number>();
    for (const [key, at] of this.heard) if (now - at > STALE_MS) silent.set(key, Math.round((now - at) / 1000));
    if (silent.size > 0 || this.stale.size > 0) this.stale = silent;
    if (Math.floor(Date.now() / 1000) !== Math.floor(this.now_ms / 1000)) this.now_ms = Date.now();
  }

  private async cover(keys: string[]): Promise<void> {
    for (const key of keys) {
      const lines = joint.sites.find((s) => s.key === key)?.lines ?? [];
      const told = await Promise.all(
        lines.map((line) => askSite<{ unwatched_m: number }>(joint.base, key, `coverage?line=${encodeURIComponent(line)}&bins=1`).catch(() => null)),
      );
      const known = told.filter((each) => each !== null);
      if (known.length < lines.length) continue;
      this.unwatched = new Map(this.unwatched).set(key, known.reduce((sum, each) => sum + each.unwatched_m, 0));
    }
  }
}

export const jointQueue = new JointQueue();
