// Colours for the canvases and the map. Okabe and Ito's palette (2008), which the common kinds of colour blindness keep
// apart, adjusted in lightness for either ground; priority and state always carry a number or a word beside the colour.

export interface Palette {
  ground: string;
  land: string;
  sea: string;
  border: string;
  line: string;
  text: string;
  muted: string;
  halo: string;
  grid: string;
  select: string;
  known: string;
  gap: string;
  priority: [string, string, string, string, string];
  mover: Record<string, string>;
  sensor: Record<string, string>;
  /** Stops of the waterfall, weak to strong. */
  heat: [number, number, number][];
  /** Stops of the coverage bar, Pd 0 to 1. */
  cover: [number, number, number][];
}

const night: Palette = {
  ground: '#070b10',
  land: '#131b24',
  sea: '#0a1118',
  border: '#3a4857',
  line: '#7cc7f2',
  text: '#e7eef5',
  muted: '#94a6b8',
  halo: '#070b10',
  grid: 'rgba(150,175,200,0.16)',
  select: '#ffffff',
  known: '#c9d6e2',
  gap: '#e08ac0',
  priority: ['#ff6a45', '#ffa726', '#f0e05a', '#62bdf0', '#9db0c2'],
  mover: { person: '#ffb347', group: '#ff7f50', vehicle: '#62bdf0', animal: '#3fcf9b', train: '#9db0c2', unknown: '#f0e05a', weather: '#7f90a1' },
  sensor: { ok: '#2fb58a', degraded: '#ffa726', out: '#e08ac0', unknown: '#78899a' },
  heat: [[7, 11, 16], [16, 42, 74], [33, 84, 122], [92, 132, 134], [196, 178, 86], [255, 236, 150]],
  cover: [[86, 40, 72], [120, 78, 60], [110, 110, 70], [34, 110, 96], [38, 166, 132]],
};

const day: Palette = {
  ground: '#ffffff',
  land: '#f1f3f0',
  sea: '#dbe6ee',
  border: '#a9b5bf',
  line: '#0b5f94',
  text: '#10202e',
  muted: '#51626f',
  halo: '#ffffff',
  grid: 'rgba(20,50,80,0.14)',
  select: '#000000',
  known: '#51626f',
  gap: '#a8327f',
  priority: ['#b8360f', '#a85f00', '#7a6a00', '#0b6aa8', '#51626f'],
  mover: { person: '#a85f00', group: '#b8360f', vehicle: '#0b6aa8', animal: '#00795a', train: '#51626f', unknown: '#7a6a00', weather: '#8a99a5' },
  sensor: { ok: '#00795a', degraded: '#a85f00', out: '#a8327f', unknown: '#71828f' },
  heat: [[255, 255, 255], [206, 222, 234], [140, 178, 206], [92, 122, 140], [120, 96, 30], [70, 42, 0]],
  cover: [[214, 140, 190], [226, 180, 150], [214, 208, 150], [130, 200, 176], [40, 160, 124]],
};

export const PALETTES = { night, day };

function mix(stops: [number, number, number][], f: number): [number, number, number] {
  const x = Math.max(0, Math.min(1, f)) * (stops.length - 1);
  const i = Math.min(stops.length - 2, Math.floor(x));
  const [a, b] = [stops[i]!, stops[i + 1]!];
  return [0, 1, 2].map((k) => Math.round(a[k]! + (x - i) * (b[k]! - a[k]!))) as [number, number, number];
}

/** 256 colours as the little-endian RGBA words that ImageData holds. */
export function ramp(stops: [number, number, number][]): Uint32Array {
  const out = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    const [r, g, b] = mix(stops, i / 255);
    out[i] = (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
  }
  return out;
}

export function css(stops: [number, number, number][], f: number): string {
  return `rgb(${mix(stops, f).join(' ')})`;
}
