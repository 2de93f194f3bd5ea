// Places beside the line: a chainage and an offset to positions and back. Flat-earth, which is exact to centimetres for a
// sensor some hundred metres away; what is stored is the chainage and the offset themselves.
import { at, nearest } from './line';
import type { LineShape } from './types';

const METRES_A_DEGREE = 111_320;

/** Direction of the line at a chainage as a unit vector, east and north. */
function along(line: LineShape, chainage_m: number): [number, number] {
  const g = line.geometry;
  let i = g.findIndex((v) => v[2] > chainage_m);
  if (i < 0) i = g.length - 1;
  const [a, b] = [g[Math.max(0, i - 1)]!, g[Math.max(1, i)]!];
  const x = (b[0] - a[0]) * Math.cos((a[1] * Math.PI) / 180);
  const y = b[1] - a[1];
  const length = Math.hypot(x, y) || 1;
  return [x / length, y / length];
}

/** Sign of the left side of travel: offsets are positive on the approach side. */
const left = (line: LineShape): number => (line.outside === 'right' ? -1 : 1);

/** Position of a place beside the line. */
export function beside(line: LineShape, chainage_m: number, offset_m: number): [number, number] {
  const [lon, lat] = at(line, chainage_m);
  const [x, y] = along(line, chainage_m);
  const by = (offset_m * left(line)) / METRES_A_DEGREE;
  return [lon - (y * by) / Math.cos((lat * Math.PI) / 180), lat + x * by];
}

/** Chainage and offset of a position. */
export function placeOf(line: LineShape, lon: number, lat: number): { chainage_m: number; offset_m: number } {
  const near = nearest(line, lon, lat);
  const [lon0, lat0] = at(line, near.chainage_m);
  const [x, y] = along(line, near.chainage_m);
  const cross = x * (lat - lat0) - y * (lon - lon0) * Math.cos((lat * Math.PI) / 180);
  return { chainage_m: near.chainage_m, offset_m: Math.sign(cross) * near.distance_m * left(line) };
}

/** Outline of a field of view on the ground, as positions; a circle where it sees all around. */
export function view(lon: number, lat: number, range_m: number, azimuth_deg: number | null, fov_deg: number | null): [number, number][] {
  const scale = Math.cos((lat * Math.PI) / 180);
  const [middle, width] = azimuth_deg === null || fov_deg === null ? [0, 360] : [azimuth_deg, fov_deg];
  const round = width >= 360;
  const points: [number, number][] = round ? [] : [[lon, lat]];
  for (let i = 0; i <= 24; i++) {
    const turn = ((middle - width / 2 + (width * i) / 24) * Math.PI) / 180;
    points.push([lon + (Math.sin(turn) * range_m) / METRES_A_DEGREE / scale, lat + (Math.cos(turn) * range_m) / METRES_A_DEGREE]);
  }
  return points;
}
