// What stands on the strip beside the waterfall: sections, kilometres, coverage, places, incidents, pointer, times.
import { css, type Palette } from './palette';
import type { Coverage, Incident, KnownMover, LineShape, WeatherHere } from './types';
import { clock, km } from './words';

export const TOP_PX = 88; // overview, sections, coverage, kilometres and pins stand above the waterfall
const PINS_Y = 60;
const OVERVIEW = { y: 0, h: 7 };
const SECTIONS = { y: 10, h: 15 };
const COVER = { y: 27, h: 13 };
const AXIS = { y: 41, h: 20 };

export interface Marks {
  width: number;
  height: number;
  from_m: number;
  to_m: number;
  line: LineShape;
  whole: Coverage | undefined;
  zoomed: Coverage | undefined;
  incidents: Incident[];
  selected: string;
  known: KnownMover[];
  weather: WeatherHere[];
  top_ms: number | undefined;
  row_ms: number;
  zone: string;
  font: string;
}

export interface Pin {
  x: number;
  incidents: Incident[];
}

/** Distance between ticks that leaves about 90 px between labels: 1, 2 or 5 times a power of ten. */
export function tickStep(span_m: number, width_px: number): number {
  const rough = (span_m / Math.max(1, width_px)) * 90;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((n) => n * power >= rough) ?? 10;
  return step * power;
}

/** Incidents by their place on the strip; those that would cover each other share a pin that counts them. */
export function pins(list: Incident[], from_m: number, to_m: number, width: number, apart_px = 24): Pin[] {
  const scale = width / (to_m - from_m);
  const inside = list
    .filter((i) => i.to_m >= from_m && i.from_m <= to_m)
    .map((i) => ({ x: Math.max(8, Math.min(width - 8, (i.chainage_m - from_m) * scale)), i }))
    .sort((a, b) => a.x - b.x);
  const out: Pin[] = [];
  for (const { x, i } of inside) {
    const last = out[out.length - 1];
    if (last && x - last.x < apart_px) last.incidents.push(i);
    else out.push({ x, incidents: [i] });
  }
  for (const pin of out) pin.incidents.sort((a, b) => a.priority - b.priority || a.raised_ms - b.raised_ms);
  return out;
}

export function drawMarks(ctx: CanvasRenderingContext2D, m: Marks, p: Palette): Pin[] {
  ctx.clearRect(0, 0, m.width, m.height);
  ctx.fillStyle = p.ground;
  ctx.fillRect(0, 0, m.width, TOP_PX);
  overview(ctx, m, p);
  sections(ctx, m, p);
  drawCover(ctx, p, m.zoomed ?? m.whole, { width: m.width, ...COVER, from_m: m.from_m, to_m: m.to_m });
  axis(ctx, m, p);
  times(ctx, m, p);
  const shown = pins(m.incidents, m.from_m, m.to_m, m.width);
  conditions(ctx, m, p);
  incidents(ctx, m, p, shown);
  return shown;
}

export interface Bar {
  width: number;
  y: number;
  h: number;
  from_m: number;
  to_m: number;
}

/** Coverage as colour by probability; unwatched stretches as striped blocks that are never thinner than 3 px. */
export function drawCover(ctx: CanvasRenderingContext2D, p: Palette, c: Coverage | undefined, bar: Bar): void {
  ctx.fillStyle = p.grid;
  ctx.fillRect(0, bar.y, bar.width, bar.h);
  if (!c || c.pd.length === 0) return;
  const scale = bar.width / (bar.to_m - bar.from_m);
  const bin_m = (c.to_m - c.from_m) / c.pd.length;
  const first = Math.max(0, Math.floor((bar.from_m - c.from_m) / bin_m));
  const last = Math.min(c.pd.length, Math.ceil((bar.to_m - c.from_m) / bin_m));
  if (last > first) {
    const x = (c.from_m + first * bin_m - bar.from_m) * scale;
    ctx.imageSmoothingEnabled = false;
    ctx.drawImage(coverImage(c, p), first, 0, last - first, 1, x, bar.y, (last - first) * bin_m * scale, bar.h);
  }
  for (const gap of c.gaps) {
    const x = (gap.from_m - bar.from_m) * scale;
    const w = Math.max(3, (gap.to_m - gap.from_m) * scale);
    if (x + w >= 0 && x <= bar.width) striped(ctx, p, x, bar.y, w, bar.h);
  }
}

const images = new WeakMap<Coverage, Map<Palette, HTMLCanvasElement>>();

/** One pixel a bin, made once for each answer of the server: the bar is drawn anew with every step of a pan. */
function coverImage(c: Coverage, p: Palette): HTMLCanvasElement {
  const held = images.get(c) ?? new Map<Palette, HTMLCanvasElement>();
  images.set(c, held);
  let canvas = held.get(p);
  if (!canvas) {
    canvas = document.createElement('canvas');
    canvas.width = c.pd.length;
    canvas.height = 1;
    const ctx = canvas.getContext('2d')!;
    c.pd.forEach((pd, i) => {
      ctx.fillStyle = css(p.cover, pd);
      ctx.fillRect(i, 0, 1, 1);
    });
    held.set(p, canvas);
  }
  return canvas;
}

const STRIPE_PX = 5;
const stripes = new Map<Palette, CanvasPattern>();

function striped(ctx: CanvasRenderingContext2D, p: Palette, x: number, y: number, w: number, h: number): void {
  let pattern = stripes.get(p);
  if (!pattern) {
    const tile = document.createElement('canvas');
    tile.width = tile.height = STRIPE_PX;
    const on = tile.getContext('2d')!;
    on.fillStyle = p.ground;
    on.fillRect(0, 0, STRIPE_PX, STRIPE_PX);
    on.strokeStyle = p.gap;
    on.lineWidth = 1.6;
    for (const shift of [-STRIPE_PX, 0, STRIPE_PX]) {
      on.beginPath();
      on.moveTo(shift - 1, STRIPE_PX + 1);
      on.lineTo(shift + STRIPE_PX + 1, -1);
      on.stroke();
    }
    pattern = ctx.createPattern(tile, 'repeat')!;
    stripes.set(p, pattern);
  }
  ctx.fillStyle = pattern;
  ctx.fillRect(x, y, w, h);
}

function overview(ctx: CanvasRenderingContext2D, m: Marks, p: Palette): void {
  drawCover(ctx, p, m.whole, { width: m.width, ...OVERVIEW, from_m: 0, to_m: m.line.length_m });
  if (m.to_m - m.from_m >= m.line.length_m) return;
  const scale = m.width / m.line.length_m;
  const x = m.from_m * scale;
  const w = Math.max(4, (m.to_m - m.from_m) * scale);
  ctx.strokeStyle = p.select;
  ctx.lineWidth = 2;
  ctx.strokeRect(x, OVERVIEW.y + 1, w, OVERVIEW.h - 1);
}

function sections(ctx: CanvasRenderingContext2D, m: Marks, p: Palette): void {
  const scale = m.width / (m.to_m - m.from_m);
  ctx.font = `600 11px ${m.font}`;
  ctx.textAlign = 'center';
  ctx.textBaseline = 'middle';
  for (const [i, s] of m.line.sections.entries()) {
    const x = Math.max(0, (s.from_m - m.from_m) * scale);
    const end = Math.min(m.width, (s.to_m - m.from_m) * scale);
    if (end <= 0 || x >= m.width) continue;
    ctx.fillStyle = i % 2 ? p.grid : 'transparent';
    ctx.fillRect(x, SECTIONS.y, end - x, SECTIONS.h);
    ctx.fillStyle = p.text;
    if (end - x > 30) ctx.fillText(s.name, (x + end) / 2, SECTIONS.y + SECTIONS.h / 2 + 0.5, end - x - 4);
    ctx.fillStyle = p.border;
    if (x > 0) ctx.fillRect(Math.round(x), SECTIONS.y, 1, m.height - SECTIONS.y);
  }
}

function axis(ctx: CanvasRenderingContext2D, m: Marks, p: Palette): void {
  const span = m.to_m - m.from_m;
  const step = tickStep(span, m.width);
  const scale = m.width / span;
  const digits = step >= 1000 ? 0 : step >= 100 ? 1 : step >= 10 ? 2 : 3;
  ctx.font = `500 11px ${m.font}`;
  ctx.textBaseline = 'middle';
  ctx.textAlign = 'center';
  for (let at = Math.ceil(m.from_m / step) * step; at <= m.to_m; at += step) {
    const x = Math.round((at - m.from_m) * scale);
    ctx.fillStyle = p.grid;
    ctx.fillRect(x, AXIS.y, 1, m.height - AXIS.y);
    ctx.fillStyle = p.muted;
    ctx.fillText(km(at, digits), Math.max(14, Math.min(m.width - 14, x)), AXIS.y + AXIS.h / 2);
  }
}

function times(ctx: CanvasRenderingContext2D, m: Marks, p: Palette): void {
  if (m.top_ms === undefined) return;
  const span_ms = (m.height - TOP_PX) * m.row_ms;
  const step_ms = [10, 30, 60, 120, 300, 600, 900].map((s) => s * 1000).find((s) => (s / span_ms) * (m.height - TOP_PX) >= 38) ?? 1_800_000;
  ctx.font = `500 11px ${m.font}`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'middle';
  for (let at = Math.floor(m.top_ms / step_ms) * step_ms; at > m.top_ms - span_ms; at -= step_ms) {
    const y = TOP_PX + (m.top_ms - at) / m.row_ms;
    if (y < TOP_PX + 8 || y > m.height - 8) continue;
    ctx.fillStyle = p.grid;
    ctx.fillRect(0, Math.round(y), m.width, 1);
    label(ctx, clock(at, m.zone), 4, y, p.text, p.halo);
  }
}

/** Text that stays legible on any ground. */
function label(ctx: CanvasRenderingContext2D, text: string, x: number, y: number, colour: string, halo: string): void {
  ctx.lineWidth = 3;
  ctx.lineJoin = 'round';
  ctx.strokeStyle = halo;
  ctx.strokeText(text, x, y);
  ctx.fillStyle = colour;
  ctx.fillText(text, x, y);
}

function incidents(ctx: CanvasRenderingContext2D, m: Marks, p: Palette, shown: Pin[]): void {
  const scale = m.width / (m.to_m - m.from_m);
  const selected = m.incidents.find((i) => i.id === m.selected);
  if (selected) {
    const x = (selected.from_m - m.from_m) * scale;
    const w = Math.max(3, (selected.to_m - selected.from_m) * scale);
    ctx.fillStyle = p.select;
    ctx.globalAlpha = 0.14;
    ctx.fillRect(x, TOP_PX, w, m.height - TOP_PX);
    ctx.globalAlpha = 1;
    ctx.fillRect(Math.round((selected.chainage_m - m.from_m) * scale), TOP_PX, 1, m.height - TOP_PX);
  }
  ctx.textAlign = 'center';
  ctx.textBaseline = 'middle';
  for (const pin of shown) {
    const lead = pin.incidents.find((i) => i.id === m.selected) ?? pin.incidents[0]!;
    const colour = p.priority[lead.priority - 1] ?? p.priority[4];
    if (m.top_ms !== undefined) {
      const y = TOP_PX + (m.top_ms - lead.raised_ms) / m.row_ms;
      if (y > TOP_PX && y < m.height) {
        ctx.strokeStyle = colour;
        ctx.lineWidth = 1.5;
        ctx.strokeRect(pin.x - 4, y - 4, 8, 8);
      }
    }
    badge(ctx, pin, lead, colour, m, p);
  }
}

function badge(ctx: CanvasRenderingContext2D, pin: Pin, lead: Incident, colour: string, m: Marks, p: Palette): void {
  const y = PINS_Y + 11;
  const waits = lead.state === 'raised' || lead.state === 'returned';
  ctx.beginPath();
  ctx.moveTo(pin.x, PINS_Y + 26);
  ctx.arc(pin.x, y, 8, Math.PI * 0.75, Math.PI * 2.25);
  ctx.closePath();
  ctx.fillStyle = waits ? colour : p.ground;
  ctx.fill();
  ctx.lineWidth = lead.id === m.selected ? 3 : 1.6;
  ctx.strokeStyle = lead.id === m.selected ? p.select : colour;
  ctx.stroke();
  ctx.font = `700 11px ${m.font}`;
  ctx.fillStyle = waits ? p.ground : colour;
  ctx.fillText(String(lead.priority), pin.x, y + 0.5);
  if (pin.incidents.length > 1) {
    ctx.font = `600 10px ${m.font}`;
    ctx.textAlign = 'left';
    label(ctx, String(pin.incidents.length), pin.x + 7, y + 10, p.text, p.halo);
    ctx.textAlign = 'center';
  }
}

/** Weather where it holds and own people where they are, at the top of the waterfall: that is where now is. */
function conditions(ctx: CanvasRenderingContext2D, m: Marks, p: Palette): void {
  const scale = m.width / (m.to_m - m.from_m);
  const x = (at_m: number): number => (at_m - m.from_m) * scale;
  ctx.font = `500 11px ${m.font}`;
  ctx.textAlign = 'center';
  ctx.textBaseline = 'middle';
  for (const w of m.weather) {
    const [from, to] = [Math.max(0, x(w.from_m)), Math.min(m.width, x(w.to_m))];
    if (to <= from || !w.words) continue;
    if (ctx.measureText(w.words).width < to - from) label(ctx, w.words, (from + to) / 2, TOP_PX + 22, p.muted, p.halo);
  }
  ctx.textAlign = 'left';
  for (const mover of m.known) {
    const at = x(mover.chainage_m);
    if (at < 0 || at > m.width) continue;
    ctx.lineWidth = 2;
    ctx.strokeStyle = ctx.fillStyle = p.known;
    ctx.strokeRect(at - 4, TOP_PX + 4, 8, 8);
    if (mover.authenticated) ctx.fillRect(at - 4, TOP_PX + 4, 8, 8);
    label(ctx, mover.id, at + 8, TOP_PX + 8, p.text, p.halo);
  }
}
