// The map that ships shows the whole world, of which an operator sees a corner: cutting the rest into tiles would hold up
// the first picture by as long as all else together. So the map begins with what lies about the line.
export type Box = [west: number, south: number, east: number, north: number];

const LEAST_LON_DEG = 6;
const LEAST_LAT_DEG = 3;

export function boxOf(points: [number, number][]): Box | null {
  if (points.length === 0) return null;
  const box: Box = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of points) {
    box[0] = Math.min(box[0], x);
    box[1] = Math.min(box[1], y);
    box[2] = Math.max(box[2], x);
    box[3] = Math.max(box[3], y);
  }
  return box;
}

/** What is worth having about a line: a wide screen shows several times its width. */
export function about([west, south, east, north]: Box): Box {
  const across = Math.max(LEAST_LON_DEG, 3 * (east - west), 4 * (north - south));
  const along = Math.max(LEAST_LAT_DEG, 1.5 * (north - south));
  return [west - across, south - along, east + across, north + along];
}

export function holds(outer: Box, inner: Box): boolean {
  return inner[0] >= outer[0] && inner[1] >= outer[1] && inner[2] <= outer[2] && inner[3] <= outer[3];
}

const meets = (a: Box, b: Box): boolean => a[0] <= b[2] && a[2] >= b[0] && a[1] <= b[3] && a[3] >= b[1];

/** The parts of a map that meet a box. Parts stay whole, so that no cut shows. */
export function within(all: GeoJSON.FeatureCollection, box: Box): GeoJSON.FeatureCollection {
  const near = (points: GeoJSON.Position[]): boolean => {
    const own = boxOf(points as [number, number][]);
    return own !== null && meets(own, box);
  };
  const features: GeoJSON.Feature[] = [];
  for (const feature of all.features) {
    const g = feature.geometry;
    if (g.type === 'MultiPolygon') {
      features.push({ ...feature, geometry: { ...g, coordinates: g.coordinates.filter((polygon) => near(polygon[0]!)) } });
    } else if (g.type === 'MultiLineString') {
      features.push({ ...feature, geometry: { ...g, coordinates: g.coordinates.filter(near) } });
    } else if (g.type === 'Point' && near([g.coordinates])) features.push(feature);
  }
  return { type: 'FeatureCollection', features };
}
