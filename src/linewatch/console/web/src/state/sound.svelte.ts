// Whether new incidents are heard, and the alarm that repeats until somebody acknowledges.
import { post } from '../lib/api';
import { alarm, canSound, testTone, wake } from '../lib/sound';
import { waiting } from '../lib/queue';
import { incidents } from './incidents.svelte';
import { session } from './session.svelte';

const REPEAT_MS = 4000;
/** New incidents up to this priority are heard. */
export const LOUD_PRIORITY = 2;
const BEAT_MS = 10_000;

class Sound {
  /** What the person wants. */
  wanted = $state(true);
  /** What the browser does. */
  on = $state(false);
  /** The highest priority that waits at another site of this console. */
  elsewhere: () => number = () => LOUD_PRIORITY + 1;
  private stops: (() => void)[] = [];

  async turn(on: boolean): Promise<void> {
    this.wanted = on;
    this.on = on && (await wake());
    void this.beat();
  }

  async test(): Promise<boolean> {
    this.wanted = true;
    this.on = await testTone();
    return this.on;
  }

  start(): void {
    const first = () => void (this.wanted && this.turn(true));
    addEventListener('click', first, { once: true });
    addEventListener('keydown', first, { once: true });
    const look = setInterval(() => {
      const on = this.wanted && canSound();
      if (on !== this.on) this.on = on;
    }, 1000);
    const ring = setInterval(() => this.ring(), REPEAT_MS);
    const beat = setInterval(() => void this.beat(), BEAT_MS);
    const seen = () => void this.beat();
    document.addEventListener('visibilitychange', seen);
    this.stops = [
      () => clearInterval(look),
      () => clearInterval(ring),
      () => clearInterval(beat),
      () => document.removeEventListener('visibilitychange', seen),
    ];
  }

  stop(): void {
    this.stops.forEach((stop) => stop());
    this.stops = [];
  }

  /** Sounds for the most urgent incident that still waits; falls silent once it is acknowledged. */
  private ring(): void {
    if (!this.on) return;
    const waits = incidents.queue.filter(waiting).map((i) => i.priority);
    const urgent = Math.min(this.elsewhere(), LOUD_PRIORITY + 1, ...waits);
    if (urgent <= LOUD_PRIORITY) alarm(urgent);
  }

  /** Tells the server whether this seat can hear and see: a seat that cannot is passed on. */
  private async beat(): Promise<void> {
    if (!session.me?.seat) return;
    try {
      await post('shift/beat', { sound: this.on, visible: document.visibilityState === 'visible' });
    } catch {
      // the stale bar speaks for a console that does not answer
    }
  }
}

export const sound = new Sound();
