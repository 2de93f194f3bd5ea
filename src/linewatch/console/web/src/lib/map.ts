// The map itself. Fetched after queue and strip stand, for it is by far the largest part of the page.
import { AttributionControl, LngLatBounds, Map as GlMap, NavigationControl, setWorkerUrl, type GeoJSONSource } from 'maplibre-gl';
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url';
import 'maplibre-gl/dist/maplibre-gl.css';
import { about, boxOf, holds, within, type Box } from './basemap';
import { collection } from './mapdata';
import { styleOf, type Data } from './mapstyle';
import type { Palette } from './palette';

// A bundler moves the worker file: MapLibre 6 has to be told where (once, before the first map).
setWorkerUrl(workerUrl);

/** Whether WebGL is computed by the processor: then a dense screen's pixels cost more than they show. */
function drawnInSoftware(gl: WebGL2RenderingContext): boolean {
  const names = gl.getExtension('WEBGL_debug_renderer_info');
  const renderer: unknown = names && gl.getParameter(names.UNMASKED_RENDERER_WEBGL);
  return typeof renderer === 'string' && /swiftshader|llvmpipe|software/i.test(renderer);
}

export { boxOf, type Box };

const base = fetch('./basemap.json').then((answer) => answer.json() as Promise<GeoJSON.FeatureCollection>);
base.catch(() => {}); // whoever awaits it is told

/** The map that ships, as far as it lies about the line; nothing where it cannot be had: the line alone is a map, too. */
export async function baseAbout(box: Box | null): Promise<GeoJSON.FeatureCollection> {
  return box ? within(await base.catch(() => collection([])), about(box)) : collection([]);
}

/** A map whose sources can be filled at any time: what comes before the style is ready waits for it. */
export class LineMap {
  readonly gl: GlMap;
  private readonly states = new Map<string, string>();
  private ready = false;

  /** Throws where the browser has no WebGL 2: the caller shows the page without a map. */
  constructor(container: HTMLElement, palette: Palette, box: Box | null, private readonly data: Data, onReady: () => void) {
    this.gl = new GlMap({
      container,
      style: styleOf(palette, data), // all that is known already is in the first picture
      ...(box ? { bounds: new LngLatBounds([box[0], box[1]], [box[2], box[3]]), fitBoundsOptions: { padding: 36 } } : {}),
      minZoom: 2,
      maxZoom: 18,
      attributionControl: false,
      fadeDuration: 0,
      dragRotate: false,
      pitchWithRotate: false,
      canvasContextAttributes: { antialias: false },
    });
    if (devicePixelRatio > 1 && drawnInSoftware(this.gl.getCanvas().getContext('webgl2')!)) this.gl.setPixelRatio(1);
    this.gl.touchZoomRotate.disableRotation();
    this.gl.keyboard.disable(); // arrows and plus belong to the line, on map and strip alike
    this.gl.addControl(new NavigationControl({ visualizePitch: false, showCompass: false }), 'bottom-right');
    this.gl.addControl(new AttributionControl({ compact: false }), 'bottom-left');
    this.gl.on('style.load', () => {
      this.ready = true;
      for (const [id, state] of this.states) this.putState(id, state);
    });
    this.gl.once('load', onReady);
    if (box) this.whenLeft(about(box));
  }

  /** The rest of the world, once somebody looks there. */
  private whenLeft(held: Box): void {
    const look = () => {
      const b = this.gl.getBounds();
      if (holds(held, [b.getWest(), b.getSouth(), b.getEast(), b.getNorth()])) return;
      this.gl.off('moveend', look);
      void base.then((all) => this.set('base', all)).catch(() => {});
    };
    this.gl.on('moveend', look);
    this.gl.once('load', look);
  }

  set(name: keyof Data, data: GeoJSON.FeatureCollection): void {
    if (this.data[name] === data) return;
    this.data[name] = data;
    if (this.ready) void (this.gl.getSource(name) as GeoJSONSource | undefined)?.setData(data);
    else this.gl.once('style.load', () => void (this.gl.getSource(name) as GeoJSONSource | undefined)?.setData(this.data[name]));
  }

  private putState(id: string, state: string): void {
    if (!this.gl.getSource('sensors')) return;
    this.gl.setFeatureState({ source: 'sensors', id }, { state });
  }

  sensorState(id: string, state: string): void {
    this.states.set(id, state);
    if (this.ready) this.putState(id, state);
  }

  /** Another palette: the style begins anew, with everything that was shown. */
  restyle(palette: Palette): void {
    this.ready = false;
    this.gl.setStyle(styleOf(palette, this.data), { diff: false });
  }

  fit(box: Box, maxZoom = 15): void {
    this.gl.fitBounds([[box[0], box[1]], [box[2], box[3]]], { padding: 50, maxZoom, duration: 500 });
  }

  remove(): void {
    this.gl.remove();
  }
}
