// What the map shows, as GeoJSON.
import { at, stretch } from './line';
import { waiting } from './queue';
import type { Coverage, Incident, LineShape, SensorColumns, SensorState, Track } from './types';

type Feature = GeoJSON.Feature;
const point = (coordinates: [number, number], properties: Record<string, unknown>): Feature => ({
  type: 'Feature',
  properties,
  geometry: { type: 'Point', coordinates },
});
const path = (coordinates: [number, number][], properties: Record<string, unknown>): Feature => ({
  type: 'Feature',
  properties,
  geometry: { type: 'LineString', coordinates },
});
export const collection = (features: Feature[]): GeoJSON.FeatureCollection => ({ type: 'FeatureCollection', features });

export function courses(lines: LineShape[], coverage: Record<string, Coverage>): GeoJSON.FeatureCollection {
  return collection(
    lines.flatMap((l) => [
      path(l.geometry.map((v) => [v[0], v[1]]), { is: 'course', line: l.id }),
      ...(coverage[l.id]?.gaps ?? []).map((g) => path(stretch(l, g.from_m, g.to_m), { is: 'gap', why: g.why })),
    ]),
  );
}

export function landmarks(lines: LineShape[]): GeoJSON.FeatureCollection {
  return collection(
    lines.flatMap((l) => [
      ...l.sections.map((s) => point(at(l, (s.from_m + s.to_m) / 2), { is: 'section', name: s.name })),
      ...[0, ...l.sections.map((s) => s.to_m)].map((m) => point(at(l, m), { is: 'end' })),
      ...l.places
        .filter((p) => p.lon !== null && p.lat !== null)
        .map((p) => point([p.lon!, p.lat!], { is: 'place', name: p.name, kind: p.kind })),
    ]),
  );
}

/** Sensors that stand at a point; spans are told by the coverage of the line. */
export function sensorPoints(c: SensorColumns, state: (id: string) => SensorState | undefined): GeoJSON.FeatureCollection {
  const features: Feature[] = [];
  for (let i = 0; i < c.id.length; i++) {
    const [lon, lat] = [c.lon[i], c.lat[i]];
    if (lon == null || lat == null) continue;
    features.push(point([lon, lat], { id: c.id[i], kind: c.kind[i], state: state(c.id[i]!) ?? c.state[i] }));
  }
  return collection(features);
}

const HEADING_S = 45;
const LEAST_STRETCH_M = 40;

/** Tracks as points, with where they are heading and, close by, how far they reach or how unsure their place is. */
export function trackFeatures(tracks: Iterable<Track>, lines: Map<string, LineShape>, close: boolean): GeoJSON.FeatureCollection {
  const features: Feature[] = [];
  for (const t of tracks) {
    const line = lines.get(t.line);
    if (t.lon === null || t.lat === null || !line) continue;
    const mover = t.known ? 'known' : t.mover;
    features.push(point([t.lon, t.lat], { is: 'track', id: t.id, mover }));
    const wide = t.to_m - t.from_m > LEAST_STRETCH_M;
    if (wide) features.push(path(stretch(line, t.from_m, t.to_m), { is: 'stretch', mover }));
    if (!close) continue;
    if (!wide && t.sigma_m > 1) {
      features.push(path(stretch(line, t.chainage_m - 2 * t.sigma_m, t.chainage_m + 2 * t.sigma_m), { is: 'stretch', mover }));
    }
    if (Math.abs(t.speed_mps) > 0.2) {
      // The offset of the mover from the line is kept along the way it is heading.
      const [here, there] = [at(line, t.chainage_m), at(line, t.chainage_m + t.speed_mps * HEADING_S)];
      features.push(path([[t.lon, t.lat], [t.lon + there[0] - here[0], t.lat + there[1] - here[1]]], { is: 'heading', mover }));
    }
  }
  return collection(features);
}

export function incidentPoints(list: Incident[], lines: Map<string, LineShape>, chosen: string): GeoJSON.FeatureCollection {
  const features: Feature[] = [];
  for (const i of list) {
    const line = lines.get(i.line);
    if (!line || line.geometry.length === 0 || i.state === 'closed') continue;
    const properties = { id: i.id, priority: i.priority, waits: waiting(i), chosen: i.id === chosen };
    features.push(point(at(line, i.chainage_m), properties));
  }
  return collection(features);
}

/** A mark that changes when tracks would be drawn otherwise at this many degrees a pixel. */
export function trackMark(tracks: Iterable<Track>, pixel_deg: number, close: boolean): string {
  const parts: (string | number)[] = [String(close)];
  for (const t of tracks) {
    if (t.lon === null || t.lat === null) continue;
    const wide = Math.round((t.to_m - t.from_m) / 111_320 / pixel_deg);
    parts.push(t.id, Math.round(t.lon / pixel_deg), Math.round(t.lat / pixel_deg), wide, t.known ? 'known' : t.mover);
    if (close) parts.push(Math.round(t.speed_mps), Math.round(t.sigma_m / 111_320 / pixel_deg));
  }
  return parts.join();
}

/** The same for incidents: most of their news (a reason, a count) does not show on the map. */
export function incidentMark(list: Incident[], chosen: string, pixel_deg: number): string {
  const at = (i: Incident): number => Math.round(i.chainage_m / 111_320 / pixel_deg);
  return `${chosen}|${list.map((i) => `${i.id},${i.priority},${i.state},${at(i)}`).join()}`;
}
