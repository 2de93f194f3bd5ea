// How the map looks. No `glyphs` address stands in the style: MapLibre then draws every label with the browser's own fonts.
import type { ExpressionSpecification, StyleSpecification } from 'maplibre-gl';
import type { Palette } from './palette';

/** What the map's sources hold. */
export interface Data {
  base: GeoJSON.FeatureCollection;
  line: GeoJSON.FeatureCollection;
  gaps: GeoJSON.FeatureCollection;
  marks: GeoJSON.FeatureCollection;
  sensors: GeoJSON.FeatureCollection;
}

const byZoom = (stops: number[]): ExpressionSpecification =>
  ['interpolate', ['linear'], ['zoom'], ...stops] as unknown as ExpressionSpecification;

/** A colour by the value of a property. */
function match(property: ExpressionSpecification, colours: Record<string, string>, other: string): ExpressionSpecification {
  return ['match', property, ...Object.entries(colours).flat(), other] as unknown as ExpressionSpecification;
}

const is = (value: string): ExpressionSpecification => ['==', ['get', 'is'], value];
const FONT = { 'text-font': ['sans-serif'] };

export function styleOf(p: Palette, data: Data): StyleSpecification {
  const sensorState: ExpressionSpecification = ['coalesce', ['feature-state', 'state'], ['get', 'state']];
  const halo = { 'text-halo-color': p.halo, 'text-halo-width': 1.6 };
  return {
    version: 8,
    sources: {
      base: { type: 'geojson', data: data.base, attribution: 'Natural Earth', tolerance: 0.3, maxzoom: 10 },
      line: { type: 'geojson', data: data.line },
      gaps: { type: 'geojson', data: data.gaps },
      marks: { type: 'geojson', data: data.marks },
      sensors: { type: 'geojson', data: data.sensors, promoteId: 'id' },
    },
    layers: [
      { id: 'sea', type: 'background', paint: { 'background-color': p.sea } },
      { id: 'land', type: 'fill', source: 'base', filter: is('land'), paint: { 'fill-color': p.land, 'fill-antialias': false } },
      { id: 'border', type: 'line', source: 'base', filter: is('border'), paint: { 'line-color': p.border, 'line-width': 1 } },
      {
        id: 'country', type: 'symbol', source: 'base', filter: is('label'),
        layout: { ...FONT, 'text-field': ['get', 'name'], 'text-size': 13, 'text-letter-spacing': 0.12, 'text-transform': 'uppercase' },
        paint: { 'text-color': p.muted, ...halo },
      },
      {
        id: 'line', type: 'line', source: 'line', layout: { 'line-join': 'round', 'line-cap': 'round' },
        paint: { 'line-color': p.line, 'line-width': byZoom([5, 2, 10, 3, 14, 4]) },
      },
      {
        id: 'gap', type: 'line', source: 'gaps',
        paint: { 'line-color': p.gap, 'line-width': byZoom([5, 6, 12, 9]), 'line-dasharray': [0.5, 0.4] },
      },
      {
        id: 'section-end', type: 'circle', source: 'marks', filter: is('end'),
        paint: { 'circle-radius': 3.2, 'circle-color': p.land, 'circle-stroke-color': p.line, 'circle-stroke-width': 1.6 },
      },
      {
        id: 'section', type: 'symbol', source: 'marks', filter: is('section'),
        layout: { ...FONT, 'text-field': ['get', 'name'], 'text-size': 12, 'text-offset': [2.3, 0], 'text-anchor': 'left', 'text-optional': true },
        paint: { 'text-color': p.text, ...halo },
      },
      {
        id: 'faults', type: 'circle', source: 'sensors', maxzoom: 10,
        filter: ['in', ['get', 'state'], ['literal', ['out', 'degraded']]],
        paint: { 'circle-radius': 3, 'circle-color': match(sensorState, p.sensor, p.muted), 'circle-opacity': 0.9 },
      },
      {
        id: 'sensors', type: 'circle', source: 'sensors', minzoom: 10,
        paint: {
          'circle-radius': byZoom([10, 1.8, 13, 4, 16, 7]),
          'circle-color': match(sensorState, p.sensor, p.muted),
          'circle-stroke-color': p.land,
          'circle-stroke-width': byZoom([10, 0, 13, 1]),
        },
      },
      {
        id: 'sensor-name', type: 'symbol', source: 'sensors', minzoom: 14.2,
        layout: { ...FONT, 'text-field': ['get', 'id'], 'text-size': 10.5, 'text-offset': [0, 1], 'text-anchor': 'top', 'text-optional': true },
        paint: { 'text-color': p.muted, ...halo },
      },
      {
        id: 'place', type: 'symbol', source: 'marks', minzoom: 10.5, filter: is('place'),
        layout: { ...FONT, 'text-field': ['get', 'name'], 'text-size': 11.5, 'text-offset': [-1, 0], 'text-anchor': 'right', 'text-optional': true },
        paint: { 'text-color': p.muted, ...halo },
      },
    ],
  };
}
