// Cuts Natural Earth countries (npm world-atlas, public domain) to a size that ships, and writes them as GeoJSON: the
// whole world at 1:50m, so that a line anywhere has a map under it, and Central Europe (where the reference line lies) at
// 1:10m. MapLibre draws fill, border and label from the same polygons.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { feature } from 'topojson-client';

const DETAIL = [12, 46, 36, 61]; // west, south, east, north
const require = createRequire(import.meta.url);

function countries(file) {
  const topology = JSON.parse(readFileSync(require.resolve(`world-atlas/${file}`), 'utf8'));
  return feature(topology, topology.objects.countries).features;
}

const rounded = (digits) => (n) => Math.round(n * 10 ** digits) / 10 ** digits;

/** Clips a ring to a box, one side at a time (Sutherland and Hodgman, 1974). */
function clip(ring, box) {
  let out = ring;
  for (const [axis, limit, sign] of [[0, box[0], 1], [0, box[2], -1], [1, box[1], 1], [1, box[3], -1]]) {
    const inside = (p) => sign * (p[axis] - limit) >= 0;
    const next = [];
    out.forEach((p, i) => {
      const q = out[(i + out.length - 1) % out.length];
      if (inside(p) !== inside(q)) {
        const f = (limit - q[axis]) / (p[axis] - q[axis]);
        next.push([q[0] + f * (p[0] - q[0]), q[1] + f * (p[1] - q[1])]);
      }
      if (inside(p)) next.push(p);
    });
    out = next;
    if (out.length === 0) return null;
  }
  return out;
}

function closed(ring, digits) {
  const round = rounded(digits);
  const out = [];
  for (const [x, y] of ring) {
    const p = [round(x), round(y)];
    const last = out[out.length - 1];
    if (!last || last[0] !== p[0] || last[1] !== p[1]) out.push(p);
  }
  const [first, last] = [out[0], out[out.length - 1]];
  if (first[0] !== last[0] || first[1] !== last[1]) out.push(first);
  return out.length >= 4 ? out : null;
}

function cut(list, box, digits, detail) {
  const features = [];
  for (const country of list) {
    const shape = country.geometry;
    const polygons = shape.type === 'Polygon' ? [shape.coordinates] : shape.coordinates;
    const kept = polygons
      .map((rings) =>
        rings
          .map((ring) => (box ? clip(ring, box) : ring))
          .filter(Boolean)
          .map((ring) => closed(ring, digits))
          .filter(Boolean),
      )
      .filter((rings) => rings.length > 0);
    if (kept.length === 0) continue;
    const properties = { name: country.properties.name, detail };
    features.push({ type: 'Feature', properties, geometry: { type: 'MultiPolygon', coordinates: kept } });
  }
  return features;
}

const features = [
  ...cut(countries('countries-50m.json'), null, 2, 0),
  ...cut(countries('countries-10m.json'), DETAIL, 4, 1),
];
mkdirSync(new URL('../public/', import.meta.url), { recursive: true });
const text = JSON.stringify({ type: 'FeatureCollection', features });
writeFileSync(new URL('../public/basemap.json', import.meta.url), text);
console.log(`basemap: ${features.length} countries, ${(text.length / 1e6).toFixed(1)} MB`);
