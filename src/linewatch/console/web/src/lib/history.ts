// What the strip remembers, so that it can be drawn anew at any zoom: detections and tracks of the last hour, bounded.
import type { DetectionFrame } from './follow';
import type { Track } from './types';

const MOVER_CODES = ['person', 'group', 'vehicle', 'animal', 'train', 'weather', 'unknown'];

/** The word of a mover code, in the order of the records' vocabulary. */
export function moverOf(code: number): string {
  return MOVER_CODES[code] ?? 'unknown';
}

export interface TrackFrame {
  tick_ms: number;
  line: string;
  id: string[];
  chainage_m: Float32Array;
  from_m: Float32Array;
  to_m: Float32Array;
  /** Mover code, or 255 for known activity. */
  mover: Uint8Array;
}

export const KNOWN = 255;

/** Columns of the tracks of one line: far smaller to keep than the records. */
export function trackFrame(tick_ms: number, line: string, tracks: Track[]): TrackFrame {
  const own = tracks.filter((t) => t.line === line);
  return {
    tick_ms,
    line,
    id: own.map((t) => t.id),
    chainage_m: Float32Array.from(own, (t) => t.chainage_m),
    from_m: Float32Array.from(own, (t) => t.from_m),
    to_m: Float32Array.from(own, (t) => t.to_m),
    mover: Uint8Array.from(own, (t) => (t.known ? KNOWN : Math.max(0, MOVER_CODES.indexOf(t.mover)))),
  };
}

/** Frames in order of arrival, forgotten by age and by number of rows: at 20,000 a second two minutes are kept, else an hour. */
export class History<T extends { tick_ms: number }> {
  private frames: T[] = [];
  private start = 0;
  private rows = 0;

  constructor(
    private readonly size: (frame: T) => number,
    private readonly maxRows: number,
    private readonly maxAge_ms: number,
  ) {}

  add(frame: T): void {
    this.frames.push(frame);
    this.rows += this.size(frame);
    while (
      this.start < this.frames.length - 1 &&
      (this.rows > this.maxRows || frame.tick_ms - this.frames[this.start]!.tick_ms > this.maxAge_ms)
    ) {
      this.rows -= this.size(this.frames[this.start]!);
      this.start++;
    }
    // Cutting off what is forgotten costs a copy: done rarely, when half of the array is dead.
    if (this.start > 512 && this.start * 2 > this.frames.length) {
      this.frames = this.frames.slice(this.start);
      this.start = 0;
    }
  }

  each(from_ms: number, use: (frame: T) => void): void {
    for (let i = this.start; i < this.frames.length; i++) {
      const frame = this.frames[i]!;
      if (frame.tick_ms >= from_ms) use(frame);
    }
  }

  get held(): number {
    return this.rows;
  }

  clear(): void {
    this.frames = [];
    this.start = 0;
    this.rows = 0;
  }
}

const HOUR_MS = 3_600_000;

export const detectionHistory = (): History<DetectionFrame> => new History((f) => f.c.length + 1, 2_500_000, HOUR_MS);
export const trackHistory = (): History<TrackFrame> => new History((f) => f.id.length + 1, 600_000, HOUR_MS);
