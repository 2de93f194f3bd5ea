// Moves on incidents: ask, tell what came of it, and offer to take it back while that is allowed.
import { post, Problem } from '../lib/api';
import type { ActEvent, AllowedMove, Incident } from '../lib/types';
import { incidents } from './incidents.svelte';
import { t, word } from './settings.svelte';

export interface MoveValues {
  reason?: string;
  assessment?: string;
  assessment_cause?: string;
  outcome?: string;
  hazards?: string[];
  until_ms?: number;
  patrol?: string;
  into?: string;
}

export interface Toast {
  key: number;
  text: string;
  bad: boolean;
  /** What the offer to undo would take back, and until when (ms of this page). */
  undo?: { id: string; until: number };
}

const STAY_MS = 6000;
const OWN_WAIT_MS = 600;

class Acting {
  toasts = $state.raw<Toast[]>([]);
  /** Counts up after every answered move: whoever shows a detail reads it anew. */
  version = $state(0);
  /** Move whose form is open in the panel. */
  form = $state('');
  busy = $state(false);
  private next = 1;
  private readonly underWay = new Set<string>();
  private last: Promise<void> = Promise.resolve();
  /** Positions in the record of what this page did, so that it does not report its own acts as news. */
  private readonly mine = new Set<number>();

  say(text: string, bad = false, undo?: Toast['undo']): void {
    const toast: Toast = { key: this.next++, text, bad, undo };
    this.toasts = [...this.toasts, toast].slice(-4);
    const stay = undo ? Math.max(0, undo.until - Date.now()) : bad ? STAY_MS * 2 : STAY_MS;
    setTimeout(() => this.drop(toast.key), stay);
  }

  private own(seq: number | undefined): void {
    if (seq !== undefined) this.mine.add(seq);
  }

  /** Tells of an act of somebody else. Waits for the answer to an act of this page's own, which may come after the event. */
  heard(act: ActEvent): void {
    setTimeout(() => {
      if (this.mine.has(act.seq) || this.busy || !act.incident) return;
      const who = act.person || word('role', act.role);
      const where = act.seat && act.seat !== act.person ? ` (${act.seat})` : '';
      const incident = incidents.get(act.incident);
      const what = incident ? ` · ${word('kind', incident.kind)}, ${incident.place}` : '';
      this.say(`${who}${where}: ${word('do', act.move)}${what}`);
    }, OWN_WAIT_MS);
  }

  drop(key: number): void {
    this.toasts = this.toasts.filter((x) => x.key !== key);
  }

  async move(id: string, move: Pick<AllowedMove, 'move' | 'undo_s'>, values: MoveValues = {}): Promise<boolean> {
    // The same move twice is one move; another one waits for its turn, for it may follow from the first.
    const key = `${id} ${move.move}`;
    if (this.underWay.has(key)) return false;
    this.underWay.add(key);
    const before = this.last;
    let done = () => {};
    this.last = new Promise((resolve) => (done = resolve));
    await before;
    this.busy = true;
    try {
      const answer = await post<{ seq: number; incident: Incident }>(`incidents/${encodeURIComponent(id)}/moves`, {
        move: move.move,
        ...values,
      });
      if (answer?.incident) incidents.take(answer.incident);
      this.own(answer?.seq);
      if (this.form === move.move) this.form = '';
      const undo = move.undo_s > 0 ? { id, until: Date.now() + move.undo_s * 1000 } : undefined;
      this.say(t('move.done', { move: word('do', move.move) }), false, undo);
      return true;
    } catch (error) {
      const why = error instanceof Problem && error.status === 0 ? t('app.unreachable') : (error as Error).message;
      this.say(t('move.refused', { why }), true);
      return false;
    } finally {
      this.underWay.delete(key);
      done();
      this.busy = this.underWay.size > 0;
      this.version++;
    }
  }

  /** Takes back the newest move that can still be taken back. */
  async undo(): Promise<void> {
    const toast = this.toasts.findLast((x) => x.undo !== undefined && x.undo.until > Date.now());
    if (!toast?.undo) return;
    this.drop(toast.key);
    try {
      const path = `incidents/${encodeURIComponent(toast.undo.id)}/moves`;
      const answer = await post<{ seq: number; incident: Incident }>(path, { move: 'undo' });
      this.own(answer?.seq);
      if (answer?.incident) incidents.take(answer.incident);
      this.say(t('move.undone'));
    } catch (error) {
      this.say(t('move.refused', { why: (error as Error).message }), true);
    } finally {
      this.version++;
    }
  }
}

export const acting = new Acting();
