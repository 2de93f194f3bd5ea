// What moves, on a plain 2D canvas over the map: the map itself, which WebGL computes in software on machines without a
// graphics card, is then drawn only when somebody moves it. A thousand dots here cost a hundredth of one frame there.
import { at, stretch } from './line';
import type { Palette } from './palette';
import { waiting } from './queue';
import type { Incident, KnownMover, LineShape, Track, WeatherHere } from './types';

const TILE_PX = 512;
const HEADING_S = 45;
const LEAST_STRETCH_M = 40;
/** From this zoom on, headings and the uncertainty of a place can be told apart. */
export const CLOSE_ZOOM = 11;
const HIT_PX = 12;

const mercatorX = (lon: number): number => (180 + lon) / 360;
const mercatorY = (lat: number): number => (180 - (180 / Math.PI) * Math.log(Math.tan(Math.PI / 4 + (lat * Math.PI) / 360))) / 360;

/** Web Mercator without tilt or turn: pixels of a canvas whose middle is the map's centre. */
export class Projection {
  private readonly world_px: number;
  private readonly left: number;
  private readonly top: number;

  constructor(
    centre: { lng: number; lat: number },
    readonly zoom: number,
    readonly width: number,
    readonly height: number,
  ) {
    this.world_px = TILE_PX * 2 ** zoom;
    this.left = mercatorX(centre.lng) * this.world_px - width / 2;
    this.top = mercatorY(centre.lat) * this.world_px - height / 2;
  }

  x(lon: number): number {
    return mercatorX(lon) * this.world_px - this.left;
  }

  y(lat: number): number {
    return mercatorY(lat) * this.world_px - this.top;
  }
}

/** A value at a zoom, between stops of zoom and value, as the map's own styles interpolate. */
export function byZoom(zoom: number, stops: [number, number][]): number {
  const next = stops.findIndex(([z]) => z > zoom);
  if (next === 0) return stops[0]![1];
  if (next < 0) return stops.at(-1)![1];
  const [[z0, v0], [z1, v1]] = [stops[next - 1]!, stops[next]!];
  return v0 + ((zoom - z0) / (z1 - z0)) * (v1 - v0);
}

export interface Scene {
  lines: Map<string, LineShape>;
  tracks: Iterable<Track>;
  known: Iterable<KnownMover>;
  weather: WeatherHere[];
  incidents: Incident[];
  chosen: string;
  /** The stretch that the strip shows, where that is not all. */
  view: { line: string; from_m: number; to_m: number } | null;
  pointer: { line: string; chainage_m: number } | null;
  font: string;
}

/** Where an incident stands on the canvas. */
export interface Spot {
  x: number;
  y: number;
  id: string;
}

/** Draws the scene anew; what comes back is where its incidents are. */
export function drawOverlay(ctx: CanvasRenderingContext2D, scene: Scene, on: Projection, p: Palette): Spot[] {
  ctx.clearRect(0, 0, on.width, on.height);
  ctx.lineCap = 'round';
  if (scene.view) course(ctx, scene, scene.view, on, { colour: p.select, width: 11, alpha: 0.2 });
  for (const w of scene.weather) weatherHere(ctx, scene, w, on, p);
  tracks(ctx, scene, on, p);
  for (const mover of scene.known) knownMover(ctx, scene, mover, on, p);
  const spots = incidents(ctx, scene, on, p);
  pointer(ctx, scene, on, p);
  return spots;
}

/** The incident under a place of the canvas, the topmost of several. */
export function hit(spots: Spot[], x: number, y: number): string | undefined {
  return spots.findLast((s) => Math.hypot(s.x - x, s.y - y) <= HIT_PX)?.id;
}

interface Pen {
  colour: string;
  width: number;
  alpha: number;
}

function course(ctx: CanvasRenderingContext2D, scene: Scene, part: { line: string; from_m: number; to_m: number }, on: Projection, pen: Pen): void {
  const line = scene.lines.get(part.line);
  if (!line || line.geometry.length === 0) return;
  ctx.beginPath();
  for (const [lon, lat] of stretch(line, part.from_m, part.to_m)) ctx.lineTo(on.x(lon), on.y(lat));
  ctx.strokeStyle = pen.colour;
  ctx.lineWidth = pen.width;
  ctx.globalAlpha = pen.alpha;
  ctx.stroke();
  ctx.globalAlpha = 1;
}

function tracks(ctx: CanvasRenderingContext2D, scene: Scene, on: Projection, p: Palette): void {
  const close = on.zoom >= CLOSE_ZOOM;
  const radius = byZoom(on.zoom, [[6, 1.8], [10, 3.4], [14, 6]]);
  const wide_px = byZoom(on.zoom, [[6, 5], [12, 10], [15, 16]]);
  const dots = new Map<string, Path2D>();
  for (const t of scene.tracks) {
    if (t.lon === null || t.lat === null) continue;
    const [x, y] = [on.x(t.lon), on.y(t.lat)];
    if (x < -200 || y < -200 || x > on.width + 200 || y > on.height + 200) continue;
    const colour = t.known ? p.known : (p.mover[t.mover] ?? p.text);
    const wide = t.to_m - t.from_m > LEAST_STRETCH_M;
    const spread = close && !wide && t.sigma_m > 1 ? 2 * t.sigma_m : 0;
    if (wide) course(ctx, scene, t, on, { colour, width: wide_px, alpha: 0.34 });
    else if (spread) {
      const part = { line: t.line, from_m: t.chainage_m - spread, to_m: t.chainage_m + spread };
      course(ctx, scene, part, on, { colour, width: wide_px, alpha: 0.34 });
    }
    if (close && Math.abs(t.speed_mps) > 0.2) heading(ctx, scene, t, x, y, on, colour);
    // One path a colour: a thousand single fills would cost many times as much.
    const path = dots.get(colour) ?? new Path2D();
    dots.set(colour, path);
    path.moveTo(x + radius, y);
    path.arc(x, y, radius, 0, 2 * Math.PI);
  }
  for (const [colour, path] of dots) {
    ctx.fillStyle = colour;
    ctx.fill(path);
    if (!close) continue;
    ctx.strokeStyle = p.ground;
    ctx.lineWidth = 1;
    ctx.stroke(path);
  }
}

/** The way it will go in three quarters of a minute; the offset of the mover from the line is kept. */
function heading(ctx: CanvasRenderingContext2D, scene: Scene, t: Track, x: number, y: number, on: Projection, colour: string): void {
  const line = scene.lines.get(t.line);
  if (!line || line.geometry.length === 0) return;
  const [here, there] = [at(line, t.chainage_m), at(line, t.chainage_m + t.speed_mps * HEADING_S)];
  ctx.beginPath();
  ctx.moveTo(x, y);
  ctx.lineTo(x + on.x(there[0]) - on.x(here[0]), y + on.y(there[1]) - on.y(here[1]));
  ctx.strokeStyle = colour;
  ctx.lineWidth = 2;
  ctx.stroke();
}

function incidents(ctx: CanvasRenderingContext2D, scene: Scene, on: Projection, p: Palette): Spot[] {
  const spots: Spot[] = [];
  const list = scene.incidents.filter((i) => i.state !== 'closed');
  list.sort((a, b) => Number(a.id === scene.chosen) - Number(b.id === scene.chosen) || b.priority - a.priority);
  ctx.textAlign = 'center';
  ctx.textBaseline = 'middle';
  ctx.font = `700 11px ${scene.font}`;
  for (const i of list) {
    const line = scene.lines.get(i.line);
    if (!line || line.geometry.length === 0) continue;
    const [lon, lat] = at(line, i.chainage_m);
    const [x, y] = [on.x(lon), on.y(lat)];
    if (x < -20 || y < -20 || x > on.width + 20 || y > on.height + 20) continue;
    const [chosen, waits] = [i.id === scene.chosen, waiting(i)];
    const colour = p.priority[i.priority - 1] ?? p.priority[4];
    ctx.beginPath();
    ctx.arc(x, y, chosen ? 11 : 8, 0, 2 * Math.PI);
    ctx.fillStyle = waits ? colour : p.ground;
    ctx.fill();
    ctx.strokeStyle = chosen ? p.select : waits ? p.ground : colour;
    ctx.lineWidth = chosen ? 3.5 : 2;
    ctx.stroke();
    ctx.fillStyle = waits ? p.ground : colour;
    ctx.fillText(String(i.priority), x, y + 0.5);
    spots.push({ x, y, id: i.id });
  }
  return spots;
}

/** Own people: a square, which no mover is, with the call sign; hollow where nobody proved who it is. */
function knownMover(ctx: CanvasRenderingContext2D, scene: Scene, mover: KnownMover, on: Projection, p: Palette): void {
  const line = scene.lines.get(mover.line);
  if (!line || line.geometry.length === 0) return;
  const [lon, lat] = at(line, mover.chainage_m);
  const [x, y] = [on.x(lon), on.y(lat)];
  if (x < -50 || y < -50 || x > on.width + 50 || y > on.height + 50) return;
  ctx.lineWidth = 2;
  ctx.strokeStyle = ctx.fillStyle = p.known;
  if (mover.authenticated) ctx.fillRect(x - 5, y - 5, 10, 10);
  ctx.strokeRect(x - 5, y - 5, 10, 10);
  words(ctx, mover.id, x + 9, y, scene.font, p);
}

function weatherHere(ctx: CanvasRenderingContext2D, scene: Scene, w: WeatherHere, on: Projection, p: Palette): void {
  const line = scene.lines.get(w.line);
  if (!line || line.geometry.length === 0 || !w.words) return;
  const [lon, lat] = at(line, (w.from_m + w.to_m) / 2);
  // Below the name of the section, which stands beside the same place.
  words(ctx, w.words, on.x(lon) + 28, on.y(lat) + 16, scene.font, p);
}

function words(ctx: CanvasRenderingContext2D, text: string, x: number, y: number, font: string, p: Palette): void {
  ctx.font = `500 11px ${font}`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'middle';
  ctx.lineJoin = 'round';
  ctx.lineWidth = 3;
  ctx.strokeStyle = p.halo;
  ctx.strokeText(text, x, y);
  ctx.fillStyle = p.text;
  ctx.fillText(text, x, y);
}

function pointer(ctx: CanvasRenderingContext2D, scene: Scene, on: Projection, p: Palette): void {
  const line = scene.pointer && scene.lines.get(scene.pointer.line);
  if (!scene.pointer || !line || line.geometry.length === 0) return;
  const [lon, lat] = at(line, scene.pointer.chainage_m);
  ctx.beginPath();
  ctx.arc(on.x(lon), on.y(lat), 7, 0, 2 * Math.PI);
  ctx.strokeStyle = p.text;
  ctx.lineWidth = 2;
  ctx.stroke();
}
