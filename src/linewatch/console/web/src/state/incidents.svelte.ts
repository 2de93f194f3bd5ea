// The incidents that the page knows. The server's list is read once, then events keep it current.
import { get } from '../lib/api';
import { queueOrder } from '../lib/queue';
import type { Counts, Incident, IncidentList } from '../lib/types';
import { FIRST_LIST, LIST_PAGE } from './session.svelte';

/** Closed incidents stay in sight for a moment, so that a row does not vanish under the hand. */
const KEEP_CLOSED_MS = 15_000;
const FLUSH_MS = 60;
const MOST = 20_000;

const gone = (incident: Incident): boolean => incident.state === 'closed' || Boolean(incident.merged_into);

class Incidents {
  /** Open incidents in the order of the queue. */
  queue = $state.raw<Incident[]>([]);
  /** Every incident held, by id. */
  all = $state.raw<Map<string, Incident>>(new Map());
  loaded = $state(false);
  trouble = $state('');
  counts = $state.raw<Counts | null>(null);

  /** The rest of a long queue is on its way: the counts cannot agree yet. */
  paging = false;
  /** Counts readings of the list, so that only the last one fills it. */
  private reading = 0;
  private readonly held = new Map<string, Incident>();
  private readonly closedAt = new Map<string, number>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  async load(): Promise<void> {
    try {
      const reading = ++this.reading;
      const list = await get<IncidentList>(FIRST_LIST);
      if (reading !== this.reading) return; // a later reading has begun
      this.held.clear();
      for (const incident of list.incidents) this.held.set(incident.id, incident);
      this.counts = list;
      this.trouble = '';
      this.loaded = true;
      this.flush();
      if (list.incidents.length === LIST_PAGE) await this.more(reading);
    } catch (error) {
      this.trouble = error instanceof Error ? error.message : String(error);
    }
  }

  /** The rest of a long queue, page by page: the most pressing stand already. What came by events meanwhile is newer. */
  private async more(reading: number): Promise<void> {
    this.paging = true;
    try {
      for (let skip = LIST_PAGE; skip < MOST; skip += LIST_PAGE) {
        const page = await get<IncidentList>(`${FIRST_LIST}&skip=${skip}`);
        if (reading !== this.reading) return;
        for (const incident of page.incidents) if ((this.held.get(incident.id)?.seq ?? -1) <= incident.seq) this.held.set(incident.id, incident);
        this.flush();
        if (page.incidents.length < LIST_PAGE) return;
      }
    } finally {
      if (reading === this.reading) this.paging = false;
    }
  }

  take(incident: Incident): void {
    const before = this.held.get(incident.id);
    if (before && before.seq > incident.seq) return; // an older version came late
    if (gone(incident)) {
      if (incident.merged_into) {
        this.held.delete(incident.id);
        this.timer ??= setTimeout(() => this.flush(), FLUSH_MS);
        return;
      }
      if (before && !this.closedAt.has(incident.id)) this.closedAt.set(incident.id, Date.now());
      if (!before) return;
    } else {
      this.closedAt.delete(incident.id);
    }
    this.held.set(incident.id, incident);
    this.timer ??= setTimeout(() => this.flush(), FLUSH_MS);
  }

  get(id: string): Incident | undefined {
    return this.all.get(id);
  }

  /** Drops what was closed a while ago; called once a second. */
  sweep(): void {
    const now = Date.now();
    let gone = false;
    for (const [id, since] of this.closedAt) {
      if (now - since < KEEP_CLOSED_MS) continue;
      this.closedAt.delete(id);
      this.held.delete(id);
      gone = true;
    }
    if (gone) this.flush();
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.all = new Map(this.held);
    this.queue = queueOrder([...this.held.values()]);
  }
}

export const incidents = new Incidents();
