// What is watched: the whole line once and after every change, and the stretch in sight in finer steps.
import { get } from '../lib/api';
import type { Coverage } from '../lib/types';

const WHOLE_BINS = 2000;
const ZOOM_BINS = 1500;

class CoverageState {
  mover = $state('person_walking');
  whole = $state.raw<Record<string, Coverage>>({});
  zoomed = $state.raw<Coverage | undefined>(undefined);
  trouble = $state('');

  /** Unwatched metres of all lines; null before the first answer. */
  get unwatched_m(): number | null {
    const lines = Object.values(this.whole);
    return lines.length === 0 ? null : lines.reduce((sum, c) => sum + c.unwatched_m, 0);
  }

  async read(line: string): Promise<void> {
    try {
      const asked = `coverage?line=${encodeURIComponent(line)}&mover=${this.mover}&bins=${WHOLE_BINS}`;
      this.whole = { ...this.whole, [line]: await get<Coverage>(asked) };
      this.trouble = '';
    } catch (error) {
      this.trouble = (error as Error).message;
    }
  }

  async zoom(line: string, from_m: number, to_m: number): Promise<void> {
    try {
      const asked = `coverage?line=${encodeURIComponent(line)}&mover=${this.mover}&bins=${ZOOM_BINS}&from_m=${from_m}&to_m=${to_m}`;
      this.zoomed = await get<Coverage>(asked);
    } catch {
      this.zoomed = undefined; // the whole line's bins stand in
    }
  }
}

export const coverage = new CoverageState();
