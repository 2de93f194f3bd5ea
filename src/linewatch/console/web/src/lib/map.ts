// The map itself. Fetched after queue and strip stand, for it is by far the largest part of the page.
import { AttributionControl, LngLatBounds, Map as GlMap, NavigationControl, setWorkerUrl, type GeoJSONSource } from 'maplibre-gl';
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url';
import 'maplibre-gl/dist/maplibre-gl.css';
import { styleOf } from './mapstyle';
import type { Palette } from './palette';

// A bundler moves the worker file: MapLibre 6 has to be told where (once, before the first map).
setWorkerUrl(workerUrl);

export type Box = [west: number, south: number, east: number, north: number];

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

/** Whether WebGL is computed by the processor: then a dense screen's pixels cost more than they show. */
function drawnInSoftware(gl: WebGL2RenderingContext): boolean {
  const names = gl.getExtension('WEBGL_debug_renderer_info');
  const renderer: unknown = names && gl.getParameter(names.UNMASKED_RENDERER_WEBGL);
  return typeof renderer === 'string' && /swiftshader|llvmpipe|software/i.test(renderer);
}

/** A map whose sources can be filled at any time: what comes before the style is ready waits for it. */
export class LineMap {
  readonly gl: GlMap;
  private readonly data = new Map<string, GeoJSON.FeatureCollection>();
  private readonly states = new Map<string, string>();
  private ready = false;

  /** Throws where the browser has no WebGL 2: the caller shows the page without a map. */
  constructor(container: HTMLElement, palette: Palette, box: Box | null, onReady: () => void) {
    const probe = document.createElement('canvas').getContext('webgl2');
    if (!probe) throw new Error('no WebGL 2');
    this.gl = new GlMap({
      container,
      style: styleOf(palette),
      ...(box ? { bounds: new LngLatBounds([box[0], box[1]], [box[2], box[3]]), fitBoundsOptions: { padding: 36 } } : {}),
      minZoom: 2,
      maxZoom: 18,
      attributionControl: false,
      fadeDuration: 0,
      dragRotate: false,
      pitchWithRotate: false,
      canvasContextAttributes: { antialias: false },
      ...(drawnInSoftware(probe) ? { pixelRatio: 1 } : {}),
    });
    this.gl.touchZoomRotate.disableRotation();
    this.gl.keyboard.disable(); // arrows and plus belong to the line, on map and strip alike
    this.gl.addControl(new NavigationControl({ visualizePitch: false, showCompass: false }), 'bottom-right');
    this.gl.addControl(new AttributionControl({ compact: false }), 'bottom-left');
    this.gl.on('styledata', () => this.refill());
    this.gl.once('load', () => {
      this.ready = true;
      this.refill();
      onReady();
    });
  }

  private refill(): void {
    for (const [name, data] of this.data) this.put(name, data);
    for (const [id, state] of this.states) this.putState(id, state);
  }

  private put(name: string, data: GeoJSON.FeatureCollection): void {
    const source = this.gl.getSource(name) as GeoJSONSource | undefined;
    if (!source) return;
    void source.setData(data);
    this.data.delete(name);
    this.shown.set(name, data);
  }

  private readonly shown = new Map<string, GeoJSON.FeatureCollection>();

  set(name: string, data: GeoJSON.FeatureCollection): void {
    if (this.ready) this.put(name, data);
    else this.data.set(name, data);
  }

  private putState(id: string, state: string): void {
    if (!this.gl.getSource('sensors')) return;
    this.gl.setFeatureState({ source: 'sensors', id }, { state });
  }

  sensorState(id: string, state: string): void {
    this.states.set(id, state);
    if (this.ready) this.putState(id, state);
  }

  /** Another palette: the style begins anew, and everything that was shown is filled in again. */
  restyle(palette: Palette): void {
    for (const [name, data] of this.shown) this.data.set(name, data);
    this.gl.setStyle(styleOf(palette), { diff: false });
  }

  fit(box: Box, maxZoom = 15): void {
    this.gl.fitBounds([[box[0], box[1]], [box[2], box[3]]], { padding: 50, maxZoom, duration: 500 });
  }

  remove(): void {
    this.gl.remove();
  }
}
