// The whole page by keyboard. Keys act where nothing is being typed.
import { waiting } from '../lib/queue';
import { acting } from './acting.svelte';
import { details } from './details.svelte';
import { incidents } from './incidents.svelte';
import { joint } from './joint.svelte';
import { selection, type Screen } from './selection.svelte';
import { session } from './session.svelte';
import { settings } from './settings.svelte';
import { sound } from './sound.svelte';
import { visible } from './visible.svelte';

export const MOVE_KEYS: Record<string, string> = {
  a: 'acknowledge',
  s: 'assess',
  r: 'respond',
  c: 'close',
  h: 'shelve',
  u: 'unshelve',
  n: 'note',
  o: 'outcome',
  w: 'take',
  d: 'hazards',
  e: 'escalate',
  p: 'progress',
};

export const SCREEN_KEYS: Screen[] = ['watch', 'health', 'replay', 'shift', 'reports', 'site', 'people'];

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

class Keys {
  mapOpen = $state(false);

  listen(): () => void {
    const down = (event: KeyboardEvent) => this.down(event);
    addEventListener('keydown', down);
    return () => removeEventListener('keydown', down);
  }

  private down(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.repeat && !/^(j|k|Arrow.*)$/.test(event.key)) return;
    if (event.key === 'Escape') return this.escape(event);
    if (typing(event.target)) return;
    if (this.mapOpen && event.key !== '?') return;
    if (this.page(event.key) || this.queue(event.key) || this.line(event.key)) event.preventDefault();
  }

  private escape(event: KeyboardEvent): void {
    if (this.mapOpen) this.mapOpen = false;
    else if (acting.form) acting.form = '';
    else if (typing(event.target)) (event.target as HTMLElement).blur();
    else if (selection.screen === 'incident') selection.open('watch');
    else selection.incident = '';
  }

  private page(key: string): boolean {
    const number = Number(key);
    if (key === '?') this.mapOpen = !this.mapOpen;
    else if (number >= 1 && number <= SCREEN_KEYS.length) selection.open(SCREEN_KEYS[number - 1]!);
    else if (key === 'm') void sound.turn(!sound.on);
    else if (key === 't') settings.theme = settings.theme === 'night' ? 'day' : 'night';
    else if (key === 'l') settings.large = !settings.large;
    else if (key === 'z') void acting.undo();
    else if (joint.on && (key === '[' || key === ']')) joint.step(key === ']' ? 1 : -1);
    else if (joint.on && key === '`') joint.all();
    else return false;
    return true;
  }

  private queue(key: string): boolean {
    if (key === 'j' || key === 'k') return this.step(key === 'j' ? 1 : -1);
    if (key === 'g') {
      const first = incidents.queue.find(waiting);
      if (first) selection.incident = first.id;
      return true;
    }
    if (key === 'f') {
      visible.nextFilter();
      return true;
    }
    if (key === 'Enter' && selection.incident && document.activeElement === document.body) {
      selection.open('incident', selection.incident);
      return true;
    }
    const move = MOVE_KEYS[key];
    return move !== undefined && details.start(move);
  }

  private step(by: number): boolean {
    const list = visible.rows;
    if (list.length === 0) return true;
    const at = list.findIndex((i) => i.id === selection.incident);
    const next = at < 0 ? (by > 0 ? 0 : list.length - 1) : Math.max(0, Math.min(list.length - 1, at + by));
    selection.incident = list[next]!.id;
    if (selection.screen === 'incident') selection.open('incident', selection.incident);
    return true;
  }

  private line(key: string): boolean {
    const line = session.line(selection.line);
    if (!line) return false;
    const span = selection.to_m - selection.from_m;
    const middle = (selection.from_m + selection.to_m) / 2;
    const zoom = (factor: number) => selection.view(middle - (span * factor) / 2, middle + (span * factor) / 2, line.length_m);
    if (key === '+' || key === '=') zoom(0.5);
    else if (key === '-') zoom(2);
    else if (key === '0') selection.view(0, line.length_m, line.length_m);
    else if (key === 'ArrowLeft') selection.view(selection.from_m - span / 5, selection.to_m - span / 5, line.length_m);
    else if (key === 'ArrowRight') selection.view(selection.from_m + span / 5, selection.to_m + span / 5, line.length_m);
    else if (key === '.') {
      const chosen = incidents.get(selection.incident);
      if (chosen) goTo(chosen.line, chosen.from_m, chosen.to_m, line.length_m);
    } else return false;
    return true;
  }
}

/** Shows a stretch with room about it, on the strip and on the map. */
export function goTo(line: string, from_m: number, to_m: number, length_m: number): void {
  const room = Math.max(300, (to_m - from_m) * 1.5);
  const centre = (from_m + to_m) / 2;
  selection.line = line;
  selection.view(centre - room, centre + room, length_m);
  selection.goTo = { line, from_m: centre - room, to_m: centre + room };
}

export const keys = new Keys();
