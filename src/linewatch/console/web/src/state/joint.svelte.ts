// All sites of this console as they stand, asked for once a second by every page that is one of them.
import { Problem } from '../lib/api';
import { askSite, neighbour, siteIn, total, urgency, type AllSites, type SharedSite } from '../lib/joint';
import { canSound } from '../lib/sound';

const ASK_MS = 1000;
/** A site's own stale bar stands within 3 s; what is said of the others is as young. */
const STALE_MS = 3000;
const BEAT_MS = 10_000;

class Joint {
  sites = $state.raw<SharedSite[]>([]);
  /** Nothing was heard of the other sites for too long. */
  stale = $state(false);
  /** The console does not know this browser any more. */
  refused = $state(false);
  locale = $state('');
  base = '';
  here = '';
  private heard = 0;
  private stops: (() => void)[] = [];

  get on(): boolean {
    return this.sites.length > 0;
  }

  get counts() {
    return total(this.sites.map((s) => s.state));
  }

  /** The highest priority that waits at another site than the one that this page shows. */
  get elsewhere(): number {
    return urgency(this.sites, this.here);
  }

  /** Sites but this one at which something urgent waits, the most urgent first. */
  calling(loud: number): SharedSite[] {
    return this.sites
      .filter((s) => s.key !== this.here && (s.waiting?.priority ?? loud + 1) <= loud)
      .sort((a, b) => a.waiting!.priority! - b.waiting!.priority!);
  }

  async look(): Promise<void> {
    try {
      const all = await askSite<AllSites>(this.base, '', 'sites');
      this.sites = all.sites;
      this.locale = all.locale;
      this.refused = false;
      this.heard = performance.now();
    } catch (error) {
      if (error instanceof Problem && error.status === 401) {
        this.refused = true;
        this.sites = [];
      }
    }
    this.stale = this.sites.length > 0 && performance.now() - this.heard > STALE_MS;
  }

  /** Asks on and on; `base` is the way to the console, over all sites. */
  start(base: string): void {
    this.stop();
    this.base = base;
    this.here = siteIn(location.pathname);
    void this.look();
    const ask = setInterval(() => void this.look(), ASK_MS);
    const beat = setInterval(() => void this.beat(), BEAT_MS);
    this.stops = [() => clearInterval(ask), () => clearInterval(beat)];
  }

  stop(): void {
    this.stops.forEach((stop) => stop());
    this.stops = [];
  }

  open(key: string, incident = ''): void {
    location.href = `${this.base}s/${key}/${incident ? `#/watch/${encodeURIComponent(incident)}` : ''}`;
  }

  all(): void {
    location.href = this.base;
  }

  step(by: number): void {
    const next = neighbour(this.sites, this.here, by);
    if (next && next.key !== this.here) this.open(next.key);
  }

  /** What waits at other sites is heard and seen on this page too: their seats are told so. */
  private async beat(): Promise<void> {
    for (const site of this.sites) {
      if (site.key === this.here || !site.seat || this.stale) continue;
      const body = { sound: canSound(), visible: document.visibilityState === 'visible' };
      await askSite(this.base, site.key, 'shift/beat', { csrf: site.csrf, body }).catch(() => {});
    }
  }
}

export const joint = new Joint();
