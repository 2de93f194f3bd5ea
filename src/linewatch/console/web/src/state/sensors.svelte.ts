// Where the sensors stand and how they are: read once, kept current by events.
import { get } from '../lib/api';
import type { SensorColumns, SensorState } from '../lib/types';
import { live } from './live.svelte';

class Sensors {
  columns = $state.raw<SensorColumns | null>(null);
  /** Counts up with every change, so that lists are drawn anew at most once a second. */
  version = $state(0);
  private readonly states = new Map<string, SensorState>();
  private listeners = new Set<(id: string, state: SensorState) => void>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    live.onSensor = (id, state) => {
      this.states.set(id, state);
      this.listeners.forEach((l) => l(id, state));
      this.timer ??= setTimeout(() => {
        this.timer = undefined;
        this.version++;
      }, 1000);
    };
  }

  async load(): Promise<void> {
    this.columns = await get<SensorColumns>('sensors');
    this.columns.id.forEach((id, i) => {
      if (!this.states.has(id)) this.states.set(id, this.columns!.state[i]!);
    });
    this.version++;
  }

  state(id: string): SensorState | undefined {
    return this.states.get(id);
  }

  listen(listener: (id: string, state: SensorState) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

export const sensors = new Sensors();
