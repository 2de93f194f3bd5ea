// The live streams: state once a second, incidents as they come, detections and tracks to whoever draws them.
import { followEvents, followFeed, readFeedOnce, type DetectionFrame } from '../lib/follow';
import { countsAgree } from '../lib/queue';
import type { ActEvent, Incident, KnownMover, LiveState, SensorState, Track, WeatherHere } from '../lib/types';
import { incidents } from './incidents.svelte';
import { session } from './session.svelte';

/** A heartbeat is due every second; after this long without one the page says that it is stale (the bar must stand within 3 s). */
const STALE_AFTER_MS = 2000;
const LOOK_EVERY_MS = 200;
const LAG_LIMIT_S = 5;
/** The counters may differ while an event is on its way; this long, and the list is read anew. */
const DISAGREE_MS = 2500;
/** After so many vain readings the list is read only each so manieth time. */
const RELOADS = 6;
const CURVE_S = 900;
const PAST_PART_MS = 200_000;
const PAST_PARTS = 3;
/** Fast, but not so fast that reading the past takes the server's time from the present. */
const PAST_SPEED = 40;
/** Queue, strip and map come first. */
const PAST_AFTER_MS = 3000;
/** A position of own people counts as present for so long. */
const KNOWN_FOR_MS = 600_000;

export interface Watcher {
  detections?(frame: DetectionFrame): void;
  tracks?(tick_ms: number, tracks: Track[]): void;
  known?(tick_ms: number, movers: KnownMover[]): void;
  weather?(tick_ms: number, weather: WeatherHere[]): void;
  gap?(why: string): void;
  advance?(tick_ms: number): void;
  /** Older frames, read once after the page was opened; `pastRead` tells that all are there. */
  pastDetections?(frame: DetectionFrame): void;
  pastTracks?(tick_ms: number, tracks: Track[]): void;
  pastRead?(): void;
}

class Live {
  state = $state.raw<LiveState | null>(null);
  /** Seconds since the last sign of life, while stale; 0 while fresh. */
  stale_s = $state(0);
  feedUp = $state(false);
  eventsUp = $state(false);
  /** The site's own time, for ages: the server's clock, carried on by the page's between heartbeats. */
  now_ms = $state(Date.now());
  /** Rows this page has while they are fewer or more than the server shows; null while all agrees. */
  disagree = $state<number | null>(null);
  gap = $state.raw<{ why: string; at: number } | null>(null);
  coverageVersion = $state(0);
  /** Tracks that live, by id, with where each was a moment ago. */
  readonly tracks = new Map<string, Track>();
  /** Own people and work parties, by call sign, with when each last said where it is. */
  readonly known = new Map<string, KnownMover>();
  /** Weather as it was last reported, by stretch. */
  readonly weather = new Map<string, WeatherHere>();

  /** Detections a second and lag of the last minutes, as columns for a curve. */
  readonly curve = { times_s: [] as number[], detections: [] as number[], lag_s: [] as number[] };
  private felt = 0;
  private watchers = new Set<Watcher>();
  private lastSign = performance.now();
  private skew = 0;
  private disagreeSince = 0;
  private reloads = 0;
  private stops: (() => void)[] = [];
  onAct: (act: ActEvent) => void = () => {};
  /** The console answers again after it was away: perhaps it shows another site. */
  onAgain: () => void = () => {};
  onSensor: (id: string, state: SensorState, why: string) => void = () => {};

  watch(watcher: Watcher): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  /** Whether what is on the screen can be trusted to be now. */
  get trouble(): '' | 'stale' | 'watch_down' | 'lagging' {
    if (this.stale_s > 0) return 'stale';
    if (this.state?.watch === 'down') return 'watch_down';
    if ((this.state?.lag_s ?? 0) > LAG_LIMIT_S) return 'lagging';
    return '';
  }

  start(): void {
    this.stop();
    this.lastSign = performance.now();
    const feed = followFeed(
      './api/feed',
      {
        detections: (f) => {
          this.felt += f.c.length;
          this.watchers.forEach((w) => w.detections?.(f));
        },
        tracks: (tick, tracks, whole) => {
          this.keep(tracks, whole);
          this.watchers.forEach((w) => w.tracks?.(tick, tracks));
        },
        known: (tick, movers) => {
          for (const mover of movers) this.known.set(mover.id, mover);
          this.watchers.forEach((w) => w.known?.(tick, movers));
        },
        weather: (tick, weather) => {
          for (const each of weather) this.weather.set(`${each.line}/${each.from_m}-${each.to_m}`, each);
          this.watchers.forEach((w) => w.weather?.(tick, weather));
        },
        gap: (why) => {
          this.gap = { why, at: Date.now() };
          this.watchers.forEach((w) => w.gap?.(why));
        },
        state: (s) => this.heartbeat(s),
        connected: (yes) => (this.feedUp = yes),
      },
      session.me?.run ?? '',
    );
    const events = followEvents('./api/events', {
      event: (e) => this.event(e.event, e.data),
      connected: (yes, again) => {
        this.eventsUp = yes;
        if (yes && again) void incidents.load();
        if (yes && again) this.onAgain();
      },
      refused: (status) => {
        if (status === 401) session.me = null;
      },
    });
    const look = setInterval(() => this.look(), LOOK_EVERY_MS);
    const second = setInterval(() => incidents.sweep(), 1000);
    this.stops = [feed, events, () => clearInterval(look), () => clearInterval(second)];
    void incidents.load();
  }

  /** Fills a strip with what was felt before it was opened, the newest part first. Returns a function that stops it. */
  past(): () => void {
    let stop = () => {};
    const begin = setTimeout(() => part(Math.round(this.state?.now_ms ?? 0), 0), PAST_AFTER_MS);
    const part = (to_ms: number, done: number): void => {
      if (done >= PAST_PARTS || to_ms <= PAST_PART_MS) return;
      const asked = `from_ms=${to_ms - PAST_PART_MS}&to_ms=${to_ms}&speed=${PAST_SPEED}`;
      stop = readFeedOnce(`./api/replay/feed?${asked}`, {
        detections: (f) => this.watchers.forEach((w) => w.pastDetections?.(f)),
        tracks: (tick, tracks) => this.watchers.forEach((w) => w.pastTracks?.(tick, tracks)),
        gap: () => {},
        end: () => {
          this.watchers.forEach((w) => w.pastRead?.());
          part(to_ms - PAST_PART_MS, done + 1);
        },
      });
    };
    return () => {
      clearTimeout(begin);
      stop();
    };
  }

  stop(): void {
    this.stops.forEach((stop) => stop());
    this.stops = [];
  }

  /** Own people who have said lately where they are; whoever falls silent is not shown where they no longer may be. */
  knownNow(): KnownMover[] {
    return [...this.known.values()].filter((mover) => this.now_ms - mover.time_ms < KNOWN_FOR_MS);
  }

  private keep(tracks: Track[], whole: boolean): void {
    if (whole) this.tracks.clear();
    for (const track of tracks) {
      if (track.life === 'ended') this.tracks.delete(track.id);
      else this.tracks.set(track.id, track);
    }
  }

  private event(name: string, data: string): void {
    const value: unknown = JSON.parse(data);
    if (name === 'incident') incidents.take(value as Incident);
    else if (name === 'state') this.heartbeat(value as LiveState);
    else if (name === 'sensor') {
      const s = value as { id: string; state: SensorState; why: string };
      this.onSensor(s.id, s.state, s.why);
    } else if (name === 'coverage') this.coverageVersion++;
    else if (name === 'gap' || name === 'reset') void incidents.load();
    else if (name === 'act') this.onAct(value as ActEvent);
  }

  private heartbeat(state: LiveState): void {
    this.lastSign = performance.now();
    this.skew = state.now_ms - Date.now();
    this.state = state;
    incidents.counts = state;
    this.watchers.forEach((w) => w.advance?.(state.now_ms));
    if (this.stale_s !== 0) this.stale_s = 0;
    this.compare(state);
    this.note(state);
  }

  private note(state: LiveState): void {
    const { times_s, detections, lag_s } = this.curve;
    const now_s = Math.floor(state.now_ms / 1000);
    if (now_s <= (times_s.at(-1) ?? 0)) return; // both streams carry the state
    times_s.push(now_s);
    detections.push(this.felt);
    lag_s.push(state.lag_s);
    this.felt = 0;
    if (times_s.length > CURVE_S) [times_s, detections, lag_s].forEach((column) => column.shift());
  }

  private compare(state: LiveState): void {
    const rows = incidents.queue.filter((i) => i.state !== 'closed').length;
    if (incidents.trouble ? false : !incidents.loaded || incidents.paging || countsAgree(state, rows)) {
      this.disagreeSince = 0;
      this.disagree = null;
      this.reloads = 0;
      return;
    }
    const now = performance.now();
    this.disagreeSince ||= now;
    if (now - this.disagreeSince < DISAGREE_MS) return;
    this.disagreeSince = now;
    // Reading the list anew mends a page that missed something; where that does not help, the bar says so.
    if (this.reloads++ > 0) this.disagree = rows;
    if (this.reloads > RELOADS && this.reloads % RELOADS > 0) return;
    void incidents.load();
  }

  private look(): void {
    const silent = performance.now() - this.lastSign;
    const stale = silent > STALE_AFTER_MS ? Math.round(silent / 1000) : 0;
    if (stale !== this.stale_s) this.stale_s = stale;
    const now = Date.now() + this.skew;
    if (Math.floor(now / 1000) !== Math.floor(this.now_ms / 1000)) this.now_ms = now;
  }
}

export const live = new Live();
