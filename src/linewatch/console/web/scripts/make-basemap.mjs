// Makes the map that ships: Natural Earth's countries (npm world-atlas, public domain). The whole world at 1:50m, so that
// a line anywhere has a map under it; Central Europe, where the reference line lies, at 1:10m. Land is one set of polygons,
// borders are lines of their own (polygons cut at a box would show its edge), and labels stand on points.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { feature, mesh } from 'topojson-client';

const DETAIL = [12, 46, 36, 61]; // west, south, east, north
const REST = [[-180, -90, 12, 90], [36, -90, 180, 90], [12, -90, 36, 46], [12, 61, 36, 90]];
const require = createRequire(import.meta.url);
const read = (file) => JSON.parse(readFileSync(require.resolve(`world-atlas/${file}`), 'utf8'));
const rounder = (digits) => (n) => Math.round(n * 10 ** digits) / 10 ** digits;
const within = ([x, y], [w, s, e, n]) => x >= w && x <= e && y >= s && y <= n;

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

/** Rounds a ring and closes it; null where too little is left. */
function ringOf(ring, digits) {
  const round = rounder(digits);
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

const polygonsOf = (shape) => (shape.type === 'Polygon' ? [shape.coordinates] : shape.coordinates);

function land(topology, boxes, digits) {
  const kept = [];
  for (const country of feature(topology, topology.objects.countries).features) {
    for (const box of boxes) {
      for (const rings of polygonsOf(country.geometry)) {
        const cut = rings.map((r) => clip(r, box)).filter(Boolean).map((r) => ringOf(r, digits)).filter(Boolean);
        if (cut.length > 0) kept.push(cut);
      }
    }
  }
  return { type: 'Feature', properties: { is: 'land' }, geometry: { type: 'MultiPolygon', coordinates: kept } };
}

function borders(topology, boxes, digits) {
  const round = rounder(digits);
  const between = mesh(topology, topology.objects.countries, (a, b) => a !== b);
  const kept = [];
  for (const line of between.coordinates) {
    for (const box of boxes) {
      let run = [];
      for (const p of line) {
        if (within(p, box)) run.push([round(p[0]), round(p[1])]);
        else if (run.length > 0) {
          if (run.length > 1) kept.push(run);
          run = [];
        }
      }
      if (run.length > 1) kept.push(run);
    }
  }
  return { type: 'Feature', properties: { is: 'border' }, geometry: { type: 'MultiLineString', coordinates: kept } };
}

/** Where a country's name stands: the middle of its largest ring. */
function label(country) {
  let best = { area: -1, at: [0, 0] };
  for (const [ring] of polygonsOf(country.geometry)) {
    let [area, x, y] = [0, 0, 0];
    for (let i = 1; i < ring.length; i++) {
      const cross = ring[i - 1][0] * ring[i][1] - ring[i][0] * ring[i - 1][1];
      area += cross / 2;
      x += (ring[i - 1][0] + ring[i][0]) * cross;
      y += (ring[i - 1][1] + ring[i][1]) * cross;
    }
    if (Math.abs(area) > best.area) best = { area: Math.abs(area), at: [x / (6 * area), y / (6 * area)] };
  }
  const properties = { is: 'label', name: country.properties.name, rank: Math.round(best.area) };
  return { type: 'Feature', properties, geometry: { type: 'Point', coordinates: best.at.map(rounder(2)) } };
}

const [world, fine] = [read('countries-50m.json'), read('countries-10m.json')];
const features = [
  land(world, REST, 2),
  land(fine, [DETAIL], 4),
  borders(world, REST, 2),
  borders(fine, [DETAIL], 4),
  ...feature(world, world.objects.countries).features.map(label),
];
mkdirSync(new URL('../public/', import.meta.url), { recursive: true });
const text = JSON.stringify({ type: 'FeatureCollection', features });
writeFileSync(new URL('../public/basemap.json', import.meta.url), text);
console.log(`basemap: ${features.length} features, ${(text.length / 1e6).toFixed(1)} MB`);
