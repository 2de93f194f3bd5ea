// Along the line and back: chainage to position, position to chainage, and the words people use for both.
import type { LineShape, Place } from './types';

/** Position at `chainage_m`, between the two vertices about it; clamped to the ends. */
export function at(line: LineShape, chainage_m: number): [number, number] {
  const g = line.geometry;
  if (g.length === 0) return [0, 0];
  let low = 0;
  let high = g.length - 1;
  if (chainage_m <= g[0]![2]) return [g[0]![0], g[0]![1]];
  if (chainage_m >= g[high]![2]) return [g[high]![0], g[high]![1]];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (g[middle]![2] <= chainage_m) low = middle;
    else high = middle;
  }
  const [a, b] = [g[low]!, g[high]!];
  const f = (chainage_m - a[2]) / (b[2] - a[2] || 1);
  return [a[0] + f * (b[0] - a[0]), a[1] + f * (b[1] - a[1])];
}

/** The course between two chainages, both ends included. */
export function stretch(line: LineShape, from_m: number, to_m: number): [number, number][] {
  const inside = line.geometry.filter((v) => v[2] > from_m && v[2] < to_m).map((v): [number, number] => [v[0], v[1]]);
  return [at(line, from_m), ...inside, at(line, to_m)];
}

/** Chainage of the point of the line that is nearest to a position. Flat-earth, which is exact enough to point at things. */
export function nearest(line: LineShape, lon: number, lat: number): { chainage_m: number; distance_m: number } {
  const scale = Math.cos((lat * Math.PI) / 180);
  const metres = 111_320;
  let best = { chainage_m: 0, distance_m: Infinity };
  for (let i = 1; i < line.geometry.length; i++) {
    const [a, b] = [line.geometry[i - 1]!, line.geometry[i]!];
    const [bx, by] = [(b[0] - a[0]) * scale, b[1] - a[1]];
    const [px, py] = [(lon - a[0]) * scale, lat - a[1]];
    const length2 = bx * bx + by * by;
    const f = length2 === 0 ? 0 : Math.max(0, Math.min(1, (px * bx + py * by) / length2));
    const distance_m = Math.hypot(px - f * bx, py - f * by) * metres;
    if (distance_m < best.distance_m) best = { chainage_m: a[2] + f * (b[2] - a[2]), distance_m };
  }
  return best;
}

export function sectionAt(line: LineShape | undefined, chainage_m: number): string {
  return line?.sections.find((s) => chainage_m >= s.from_m && chainage_m < s.to_m)?.name ?? '';
}

export function nearestPlace(line: LineShape | undefined, chainage_m: number): Place | undefined {
  let best: Place | undefined;
  for (const place of line?.places ?? []) {
    if (!best || Math.abs(place.chainage_m - chainage_m) < Math.abs(best.chainage_m - chainage_m)) best = place;
  }
  return best;
}
