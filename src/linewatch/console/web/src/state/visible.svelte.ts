// Which rows of the queue the person has chosen to see, and how many that leaves out (which is said beside them).
import { filtered, waiting, type Filter } from '../lib/queue';
import { incidents } from './incidents.svelte';
import { session } from './session.svelte';

const FILTERS: Filter[] = ['all', 'waiting', 'mine'];

class Visible {
  filter = $state<Filter>('all');
  section = $state('');

  readonly rows = $derived(
    filtered(incidents.queue, this.filter, this.section, { name: session.me?.name ?? '', seat: session.me?.seat ?? '' }),
  );
  readonly hidden = $derived(incidents.queue.length - this.rows.length);
  readonly waiting = $derived(incidents.queue.filter(waiting).length);

  nextFilter(): void {
    this.filter = FILTERS[(FILTERS.indexOf(this.filter) + 1) % FILTERS.length]!;
  }
}

export const visible = new Visible();
