// What the map shows, as GeoJSON.
import { at, stretch } from './line';
import type { Coverage, LineShape, SensorColumns, SensorState } from './types';

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

export function courses(lines: LineShape[]): GeoJSON.FeatureCollection {
  return collection(lines.map((l) => path(l.geometry.map((v) => [v[0], v[1]]), { line: l.id })));
}

/** Stretches that nobody watches. */
export function gapsOf(lines: LineShape[], coverage: Record<string, Coverage>): GeoJSON.FeatureCollection {
  return collection(
    lines.filter((l) => l.geometry.length > 0).flatMap((l) => (coverage[l.id]?.gaps ?? []).map((g) => path(stretch(l, g.from_m, g.to_m), { why: g.why }))),
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
