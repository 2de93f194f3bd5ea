// The scope of one channel: what the server has answered so far, cut to the window that is drawn.

export interface ScopeFrame {
  time_ms: number;
  level_db: number | null;
  floor_db: number | null;
  threshold_db: number | null;
  /** Over the threshold, and raised nothing. */
  suppressed: boolean;
}

export interface ScopeMark {
  time_ms: number;
  chainage_m: number;
  strength_db: number;
  probability: number;
}

export interface ScopeLife {
  time_ms: number;
  what: string;
  text: string;
}

export interface ScopeAnswer {
  sensor: string;
  kind: string;
  line: string;
  channel: number;
  channels: number;
  from_m: number;
  to_m: number;
  now_ms: number;
  last_heard_ms: number | null;
  /** Frames of a detector, with floor and threshold; the level of the samples alone; or no levels at all. */
  basis: 'frames' | 'samples' | 'none';
  why: string;
  frames: ScopeFrame[];
  detections: ScopeMark[];
  life: ScopeLife[];
  cursor: number;
  matters: { cause: string; why: string; since_ms: number; left: number }[];
  correction_db: number;
}

export const WINDOW_MS = 60_000;

type Column = (number | null)[];

export class Trace {
  frames: ScopeFrame[] = [];
  marks: ScopeMark[] = [];
  life: ScopeLife[] = [];
  last: ScopeAnswer | null = null;
  /** Frames shown since the scope was opened. */
  seen = 0;
  answers = 0;

  /** What to ask for next. */
  query(channel: number): string {
    return `channel=${channel}&after_ms=${this.frames.at(-1)?.time_ms ?? 0}&after=${this.last?.cursor ?? 0}`;
  }

  take(answer: ScopeAnswer): void {
    this.last = answer;
    this.answers++;
    this.seen += answer.frames.length;
    this.frames = [...this.frames, ...answer.frames].filter((f) => f.time_ms > this.from_ms);
    // What comes late is drawn where it belongs.
    this.marks = [...this.marks, ...answer.detections].filter((m) => m.time_ms > this.from_ms).sort((a, b) => a.time_ms - b.time_ms);
    this.life = [...this.life, ...answer.life].filter((l) => l.time_ms > this.from_ms).sort((a, b) => a.time_ms - b.time_ms);
  }

  get to_ms(): number {
    return Math.max(this.last?.now_ms ?? 0, this.frames.at(-1)?.time_ms ?? 0);
  }

  get from_ms(): number {
    const newest = Math.max(this.last?.now_ms ?? 0, this.last?.frames.at(-1)?.time_ms ?? 0);
    return newest - WINDOW_MS;
  }

  /** Columns to draw, times in seconds: level, floor and threshold; or, where no level is known, strength of detections. */
  columns(): [number[], ...Column[]] {
    if (this.last?.basis === 'none') {
      return [this.marks.map((m) => m.time_ms / 1000), this.marks.map((m) => m.strength_db)];
    }
    return [
      this.frames.map((f) => f.time_ms / 1000),
      this.frames.map((f) => f.level_db),
      this.frames.map((f) => f.floor_db),
      this.frames.map((f) => f.threshold_db),
    ];
  }

  /** The last frame that has a level. */
  get now(): ScopeFrame | undefined {
    return this.frames.findLast((f) => f.level_db !== null);
  }

  /** No level came with the first answers either, which the watch needs to begin to look. */
  get without_levels(): boolean {
    return this.last?.basis === 'none' && this.answers > 3;
  }

  get suppressed(): number {
    return this.frames.filter((f) => f.suppressed).length;
  }
}

/** Values that hold all that is drawn, with room above and below; never narrower than 20 dB. */
export function span(columns: Column[]): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const column of columns)
    for (const value of column)
      if (value !== null) {
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
  if (low > high) return [0, 20];
  const room = Math.max(2, (20 - (high - low)) / 2);
  return [Math.floor(low - room), Math.ceil(high + room)];
}
