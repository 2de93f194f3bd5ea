// What the console's server says, field for field (docs/console-api.md). Times are milliseconds since 1970, UTC.

export type Priority = 1 | 2 | 3 | 4 | 5;

export interface Incident {
  id: string;
  /** Position of this version in the record: a lower one came late. */
  seq: number;
  line: string;
  section: string;
  kind: string;
  mover: string;
  act: string;
  concern: string;
  priority: number;
  state: string;
  reason: string;
  place: string;
  chainage_m: number;
  chainage_sigma_m: number;
  from_m: number;
  to_m: number;
  count_low: number;
  count_high: number;
  raised_ms: number;
  updated_ms: number;
  closed_ms: number | null;
  assessment: string;
  outcome: string;
  hazards: string[];
  /** Who has it, or the seat that has. */
  owner: string | null;
  seat: string | null;
  /** Id of the lead it is counted under, where it is one of a group. */
  group: string | null;
  sensors: string[];
  late: boolean;
  withdrawn?: string;
  escalations?: number;
  merged_into?: string | null;
  assessment_cause?: string;
  thumb_url?: string | null;
  exposure?: Record<string, unknown> | null;
}

export interface TimelineEntry {
  time_ms: number;
  what: string;
  person?: string | null;
  role?: string | null;
  reason?: string | null;
}

export interface AllowedMove {
  move: string;
  label: string;
  needs_reason: boolean;
  undo_s: number;
}

export interface IncidentDetail extends Incident {
  timeline: TimelineEntry[];
  allowed: AllowedMove[];
  sensors_saw: (string | { id: string; kind?: string })[];
  sensors_should: { id: string; kind: string; why: string }[];
  /** Who sees best first; `sight_db` is null where it sees nothing of the place now. */
  cameras: { id: string; distance_m: number; blinded: boolean; view_url: string | null; sight_db?: number | null; faces_it?: boolean; why?: string }[];
  evidence: { id: string; kind: string; title: string; url: string }[];
  position: { lon: number; lat: number; mgrs?: string } | null;
  checklist: (string | { text: string; done?: boolean })[];
}

export interface Counts {
  raised: number;
  shown: number;
  grouped: number;
  shelved: number;
}

export interface IncidentList extends Counts {
  incidents: Incident[];
}

export interface SourceState {
  id?: string;
  name?: string;
  state?: string;
  why?: string;
  lag_s?: number;
  /** Presets that its cameras can be sent to, by sensor. */
  presets?: Record<string, string[]>;
}

export interface LiveState extends Counts {
  run?: string;
  tick_ms: number | null;
  watermark_ms: number | null;
  now_ms: number;
  lag_s: number;
  /** The record is of another time than now: a demonstration or a replay. */
  played?: boolean;
  sources: SourceState[];
  watch: 'up' | 'down';
  why?: string;
  /** Sections that no worker of a cluster works on. */
  unworked?: number;
}

export interface Me {
  name: string;
  role: string;
  seat: string | null;
  csrf: string;
  must_change_password: boolean;
  run: string;
  site: { name: string; timezone: string };
  locale: string | null;
  /** Where the queue over all sites is; empty where this is the only one. */
  all_sites: string;
}

export interface Place {
  name: string;
  kind: string;
  chainage_m: number;
  lon: number | null;
  lat: number | null;
}

export interface LineShape {
  id: string;
  length_m: number;
  /** Side of travel that is the approach side: left or right. */
  outside?: string;
  /** Vertices as lon, lat, chainage in metres. */
  geometry: [number, number, number][];
  sections: { name: string; from_m: number; to_m: number }[];
  places: Place[];
}

export interface Site {
  name: string;
  timezone: string;
  outside: string;
  lines: LineShape[];
  /** Hash of all of it. */
  version?: string;
}

export type SensorState = 'ok' | 'degraded' | 'out' | 'unknown';

export interface SensorColumns {
  id: string[];
  kind: string[];
  line: string[];
  /** Where each stands; of a span the middle. */
  at_m?: number[];
  offset_m?: number[];
  from_m: number[];
  to_m: number[];
  lon: (number | null)[];
  lat: (number | null)[];
  state: SensorState[];
  cabinet: (string | null)[];
}

export interface Coverage {
  line: string;
  from_m: number;
  to_m: number;
  pd: number[];
  watched: boolean[];
  basis: string;
  /** The longest gaps; `gaps_total` says how many there are. */
  gaps: { from_m: number; to_m: number; why: string; state?: string }[];
  gaps_total?: number;
  weakest_km: { from_m: number; to_m: number; mean_pd: number; place: string } | null;
  unwatched_m: number;
  version?: number;
}

export interface Mute {
  sensor: string;
  line: string;
  from_m: number;
  to_m: number;
  first_channel: number | null;
  last_channel: number | null;
  why: string;
  since_ms: number;
  until_ms: number;
  /** For days. */
  mask: boolean;
}

/** A threshold that somebody has corrected, until it is taken back. */
export interface Correction {
  sensor: string;
  line: string;
  from_m: number;
  to_m: number;
  first_channel: number | null;
  last_channel: number | null;
  correction_db: number;
  why: string;
  since_ms: number;
}

export interface Repair {
  outage: string;
  sensors: string[];
  why: string;
  from_m: number;
  to_m: number;
  place: string;
  since_ms: number;
  lost_metre_hours: number;
  owner: string;
  due_ms: number | null;
  overdue: boolean;
  waits_for_retest: boolean;
}

export interface Health {
  sensors: { id: string; kind: string; state: SensorState; why: string; since_ms: number | null; last_heard_ms: number | null }[];
  outages: { line: string; from_m: number; to_m: number; why: string; since_ms: number; partial: boolean }[];
  /** How many sensors are in order, and how many were never heard; `sensors` lists the others. */
  well?: number;
  never_heard?: number;
  sources: SourceState[];
  repair: Repair[];
  mutes?: Mute[];
  corrections?: Correction[];
  cluster?: Cluster | null;
}

/** The run on a cluster that decides this store. */
export interface Cluster {
  run: string;
  state: string;
  why: string;
  workers: number | null;
  spare: number | null;
  restarts: number | null;
  checkpoint_age_s: number | null;
  shipped: number | null;
  decided: number | null;
  behind_s: number | null;
  /** All that was shipped is decided. */
  idle: boolean;
  sections: number;
  without: { line: string; section: string; since_ms: number; why: string }[];
}

export interface Track {
  id: string;
  line: string;
  chainage_m: number;
  offset_m: number;
  speed_mps: number;
  from_m: number;
  to_m: number;
  sigma_m: number;
  mover: string;
  count_low: number;
  count_high: number;
  known: boolean;
  life: string;
  /** Null on a line without geography. */
  lon: number | null;
  lat: number | null;
}

export interface KnownMover {
  id: string;
  what: string;
  line: string;
  chainage_m: number;
  authenticated: boolean;
  /** When it was there. */
  time_ms: number;
}

/** Weather on a stretch, in words. */
export interface WeatherHere {
  line: string;
  from_m: number;
  to_m: number;
  words: string;
}

export interface ActEvent {
  seq: number;
  incident: string;
  move: string;
  person: string;
  role: string;
  seat: string;
  time_ms: number;
  reason: string;
}

export interface SensorPlace {
  id: string;
  kind: string;
  line: string;
  at_m: number | null;
  from_m: number | null;
  to_m: number | null;
  offset_m: number;
  range_m: number | null;
  azimuth_deg: number | null;
  fov_deg: number | null;
  channels: number | null;
  calibrated: boolean;
  state: string;
}

/** A device that is heard and is no sensor; `id` where it may have no other. */
export interface Unplaced {
  source: string;
  plugin: string;
  address: string;
  heard: number;
  id: string;
}

export interface SiteVersion {
  number: number;
  time_ms: number;
  role: string;
  seat: string;
  reason: string;
  what: string[];
  undoes: number | null;
}

/** What can be changed of the site; `here` is the version that the console shows, `base` that of the watch. */
export interface PlacingState {
  here: string;
  base: string;
  why_not: string;
  undo: number | null;
  versions: SiteVersion[];
  unplaced: Unplaced[];
}

/** Coverage of a line before and after a change, for one mover. */
export interface Difference {
  line: string;
  mover: string;
  not_watched_before_m: number;
  not_watched_after_m: number;
  weak_before_m: number;
  weak_after_m: number;
  stretches: { from_m: number; to_m: number; before: number; after: number }[];
}
