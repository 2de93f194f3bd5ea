// All sites of this console as they stand, asked for once a second by every page that is one of them.
import { Problem } from '../lib/api';
import { askSite, markOf, neighbour, siteIn, total, urgency, type AllSites, type SharedSite } from '../lib/joint';
import { canSound } from '../lib/sound';

const ASK_MS = 1000;
/** A site's own stale bar stands within 3 s; what is said of the others is as young. */
const STALE_MS = 3000;
const BEAT_MS = 10_000;
const MARKS = markOf('x').slice(0, -1);

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
      this.remember();
      this.locale = all.locale;
      this.refused = false;
      this.heard = performance.now();
    } catch (error) {
      if (error instanceof Problem && error.status === 401) {
        this.refused = true;
        for (const site of this.sites) if (site.key) this.forget(site.key);
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
    const look = () => {
      if (!this.refused) void this.look(); // asking would only earn another refusal
    };
    look();
    const ask = setInterval(look, ASK_MS);
    const beat = setInterval(() => void this.beat(), BEAT_MS);
    this.stops = [() => clearInterval(ask), () => clearInterval(beat)];
  }

  /** Whether this browser has signed in at any site, as far as it remembers. */
  signedInBefore(): boolean {
    try {
      return Object.keys(localStorage).some((key) => key.startsWith(MARKS));
    } catch {
      return true;
    }
  }

  private keep(key: string): void {
    try {
      localStorage.setItem(markOf(key), 'inside');
    } catch {
      // a browser that keeps nothing asks the person again
    }
  }

  private forget(key: string): void {
    try {
      localStorage.removeItem(markOf(key));
    } catch {
      // as above
    }
  }

  /** Pages of sites that were opened here know that asking makes sense. */
  private remember(): void {
    for (const site of this.sites) {
      if (site.signed_in && !site.must_change_password) this.keep(site.key);
      else if (site.key) this.forget(site.key);
    }
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
