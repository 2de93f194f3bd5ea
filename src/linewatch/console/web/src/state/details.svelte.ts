// The chosen incident in full, read again whenever it changed or somebody acted.
import { get } from '../lib/api';
import type { IncidentDetail } from '../lib/types';
import { acting } from './acting.svelte';
import { incidents } from './incidents.svelte';

/** Moves that ask for nothing more than the move itself. */
const AT_ONCE = new Set(['acknowledge', 'take', 'unshelve', 'put_back', 'accept', 'set_out', 'arrive', 'escalate']);
/** How a patrol comes along: one key leads from each step to the next. */
const PROGRESS = ['accept', 'set_out', 'arrive'];

class Details {
  detail = $state.raw<IncidentDetail | null>(null);
  trouble = $state('');
  private wanted = '';

  /** Reads the detail of `id`; an answer that is no longer wanted is left out. */
  async read(id: string): Promise<void> {
    this.wanted = id;
    if (!id) {
      this.detail = null;
      return;
    }
    if (this.detail?.id !== id) this.detail = null;
    try {
      const detail = await get<IncidentDetail>(`incidents/${encodeURIComponent(id)}`);
      if (this.wanted !== id) return;
      this.detail = detail;
      this.trouble = '';
      if (detail.state !== incidents.get(id)?.state) incidents.take(detail);
    } catch (error) {
      if (this.wanted === id) this.trouble = (error as Error).message;
    }
  }

  /** Begins a move by its name: at once, or by opening its form. False where the move is not allowed now. */
  start(name: string): boolean {
    const names = name === 'progress' ? PROGRESS : [name];
    const move = this.detail?.allowed.find((m) => names.includes(m.move));
    if (!this.detail || !move) return false;
    if (AT_ONCE.has(move.move) && !move.needs_reason) void acting.move(this.detail.id, move);
    else acting.form = move.move;
    return true;
  }
}

export const details = new Details();
