// Chainage (x) by time (y, newest on top) on plain 2D canvases. Each row is written once into a ring; drawing copies the
// rows that changed, or, when time has moved on by a row, two images a layer. Zooming and panning stretch the ring, which
// is drawn anew from the history afterwards.
import type { DetectionFrame } from './follow';
import { KNOWN, moverOf, type History, type TrackFrame } from './history';
import { ramp, type Palette } from './palette';

export interface View {
  from_m: number;
  to_m: number;
  /** Time that one row stands for. */
  row_ms: number;
}

const FAINT_DB = 8;
const FULL_DB = 32;

/** Level 0..255 of a strength: what just passes a threshold (8 dB and less) is faint but seen, 32 dB and more is full. */
export function level(strength_db: number): number {
  const f = Math.max(0, Math.min(1, (strength_db - FAINT_DB) / (FULL_DB - FAINT_DB)));
  return Math.round(26 + 229 * f);
}

/** Writes detections into one row of levels: each column keeps its largest. */
export function binLevels(f: Pick<DetectionFrame, 'c' | 'h' | 'g'>, view: View, row: Uint8Array): void {
  const scale = row.length / (view.to_m - view.from_m);
  for (let i = 0; i < f.c.length; i++) {
    const centre = f.c[i]!;
    const half = f.h[i]!;
    if (centre + half < view.from_m || centre - half >= view.to_m) continue;
    const first = Math.max(0, Math.floor((centre - half - view.from_m) * scale));
    const last = Math.min(row.length - 1, Math.floor((centre + half - view.from_m) * scale));
    const value = level(f.g[i]!);
    for (let k = first; k <= last; k++) if (value > row[k]!) row[k] = value;
  }
}

const canvasOf = (width: number, height: number): [HTMLCanvasElement, CanvasRenderingContext2D] => {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  return [canvas, canvas.getContext('2d')!];
};

export class Waterfall {
  private heat!: CanvasRenderingContext2D;
  private heatCanvas!: HTMLCanvasElement;
  private paths!: CanvasRenderingContext2D;
  private pathCanvas!: HTMLCanvasElement;
  private levels!: Uint8Array;
  private image!: ImageData;
  private pixels!: Uint32Array;
  private colours: Uint32Array;
  private dirty = new Set<number>();
  /** Rows that the canvas does not show yet as they are. */
  private touched = new Set<number>();
  private drawn = -1;
  private last = new Map<string, { row: number; x: number }>();
  /** Absolute number of the newest row: time in ms divided by the row's length. */
  private newest = -1;

  constructor(
    private cols: number,
    private rows: number,
    private view: View,
    private palette: Palette,
  ) {
    this.colours = ramp(palette.heat);
    this.allot();
  }

  private allot(): void {
    [this.heatCanvas, this.heat] = canvasOf(this.cols, this.rows);
    [this.pathCanvas, this.paths] = canvasOf(this.cols, this.rows);
    this.levels = new Uint8Array(this.cols * this.rows);
    this.image = this.heat.createImageData(this.cols, 1);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.heat.fillStyle = this.palette.heat[0] ? `rgb(${this.palette.heat[0].join(' ')})` : '#000';
    this.heat.fillRect(0, 0, this.cols, this.rows);
  }

  /** Begins anew with another size, view or palette, from what the history holds. */
  reset(
    cols: number,
    rows: number,
    view: View,
    palette: Palette,
    line: string,
    detections: History<DetectionFrame>,
    tracks: History<TrackFrame>,
  ): void {
    const newest_ms = this.newest < 0 ? -1 : (this.newest + 1) * this.view.row_ms - 1;
    this.cols = cols;
    this.rows = rows;
    this.view = view;
    this.palette = palette;
    this.colours = ramp(palette.heat);
    this.dirty.clear();
    this.touched.clear();
    this.last.clear();
    this.newest = this.drawn = -1;
    this.allot();
    if (newest_ms < 0) return;
    this.advance(newest_ms);
    const oldest_ms = newest_ms - rows * view.row_ms;
    detections.each(oldest_ms, (f) => f.line === line && this.detections(f));
    tracks.each(oldest_ms, (f) => f.line === line && this.tracks(f));
  }

  /** Time flows also where nothing is felt. */
  advance(tick_ms: number): void {
    const row = Math.floor(tick_ms / this.view.row_ms);
    // Far back means another time altogether (a store begun anew, a replay): the ring begins anew with it.
    if (row < this.newest - 4 * this.rows) this.newest = -1;
    if (row <= this.newest) return;
    const first = this.newest < 0 || row - this.newest > this.rows ? row - this.rows + 1 : this.newest + 1;
    for (let r = first; r <= row; r++) {
      const y = this.y(r);
      this.levels.fill(0, y * this.cols, (y + 1) * this.cols);
      this.paths.clearRect(0, y, this.cols, 1);
      this.dirty.add(y);
    }
    this.newest = row;
  }

  private y(row: number): number {
    return ((-row % this.rows) + this.rows) % this.rows;
  }

  private inSight(row: number): boolean {
    return row <= this.newest && row > this.newest - this.rows;
  }

  detections(f: DetectionFrame): void {
    this.advance(f.tick_ms);
    const row = Math.floor(f.tick_ms / this.view.row_ms);
    if (!this.inSight(row) || f.c.length === 0) return;
    const y = this.y(row);
    binLevels(f, this.view, this.levels.subarray(y * this.cols, (y + 1) * this.cols));
    this.dirty.add(y);
  }

  tracks(f: TrackFrame): void {
    this.advance(f.tick_ms);
    const row = Math.floor(f.tick_ms / this.view.row_ms);
    if (!this.inSight(row)) return;
    const scale = this.cols / (this.view.to_m - this.view.from_m);
    const seen = new Map<string, { row: number; x: number }>();
    for (let i = 0; i < f.id.length; i++) {
      const x = (f.chainage_m[i]! - this.view.from_m) * scale;
      const before = this.last.get(f.id[i]!);
      seen.set(f.id[i]!, { row, x });
      const first = (f.from_m[i]! - this.view.from_m) * scale;
      const width = (f.to_m[i]! - f.from_m[i]!) * scale;
      if (first + width < -2 || first > this.cols + 2) continue;
      const code = f.mover[i]!;
      const colour = code === KNOWN ? this.palette.known : (this.palette.mover[moverOf(code)] ?? this.palette.text);
      this.paths.fillStyle = colour;
      if (width > 6) {
        this.paths.globalAlpha = 0.28;
        this.paths.fillRect(first, this.y(row), width, 1);
        this.paths.globalAlpha = 1;
      }
      this.stroke(before && row - before.row < 40 ? before : { row, x }, row, x);
    }
    this.last = seen;
  }

  /** One dash in each row between the last place and this one: a ring has no straight lines across its seam. */
  private stroke(from: { row: number; x: number }, row: number, x: number): void {
    const steps = row - from.row;
    for (let k = row - Math.max(0, steps - 1); k <= row; k++) this.touched.add(this.y(k));
    if (steps <= 0) {
      this.paths.fillRect(Math.round(x) - 1, this.y(row), 2, 1);
      return;
    }
    for (let k = 1; k <= steps; k++) {
      const a = from.x + ((x - from.x) * (k - 1)) / steps;
      const b = from.x + ((x - from.x) * k) / steps;
      this.paths.fillRect(Math.round(Math.min(a, b)) - 1, this.y(from.row + k), Math.max(2, Math.abs(b - a) + 1), 1);
    }
  }

  /** Whether the canvas would show something else than when it was last drawn. */
  get stale(): boolean {
    return this.newest !== this.drawn || this.dirty.size > 0 || this.touched.size > 0;
  }

  /** Copies the ring onto a canvas of the same size: all of it, or, where `whole` is false and no row has begun, what changed. */
  draw(ctx: CanvasRenderingContext2D, whole: boolean): void {
    for (const y of this.dirty) {
      this.touched.add(y);
      const at = y * this.cols;
      for (let i = 0; i < this.cols; i++) this.pixels[i] = this.colours[this.levels[at + i]!]!;
      this.heat.putImageData(this.image, 0, y);
    }
    this.dirty.clear();
    const head = this.newest < 0 ? 0 : this.y(this.newest);
    const below = this.rows - head;
    const few = !whole && this.newest === this.drawn && this.touched.size < this.rows / 4;
    this.drawn = this.newest;
    if (few) {
      for (const y of this.touched) {
        const to = (y - head + this.rows) % this.rows;
        for (const layer of [this.heatCanvas, this.pathCanvas]) ctx.drawImage(layer, 0, y, this.cols, 1, 0, to, this.cols, 1);
      }
      this.touched.clear();
      return;
    }
    this.touched.clear();
    for (const layer of [this.heatCanvas, this.pathCanvas]) {
      ctx.drawImage(layer, 0, head, this.cols, below, 0, 0, this.cols, below);
      if (head > 0) ctx.drawImage(layer, 0, 0, this.cols, head, 0, below, this.cols, head);
    }
  }

  /** Time of the top row, in ms; undefined before anything came. */
  get top_ms(): number | undefined {
    return this.newest < 0 ? undefined : this.newest * this.view.row_ms;
  }
}
