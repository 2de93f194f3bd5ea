// One selection for the queue, the map and the strip; and one view of the line that they share.

export type Screen = 'watch' | 'incident' | 'phone' | 'health' | 'replay' | 'shift' | 'reports' | 'site' | 'people';
const SCREENS: Screen[] = ['watch', 'incident', 'phone', 'health', 'replay', 'shift', 'reports', 'site', 'people'];

function fromHash(hash: string): { screen: Screen; id: string } {
  const [screen = '', id = ''] = hash.replace(/^#\/?/, '').split('/');
  return { screen: SCREENS.includes(screen as Screen) ? (screen as Screen) : 'watch', id: decodeURIComponent(id) };
}

class Selection {
  screen = $state<Screen>('watch');
  /** Id in the address: the incident of its own page. */
  routeId = $state('');
  incident = $state('');
  sensor = $state('');
  line = $state('');
  /** Where the pointer is on the line, whether on the map or on the strip; null elsewhere. */
  hover_m = $state<number | null>(null);
  /** The stretch that the strip shows. */
  from_m = $state(0);
  to_m = $state(0);
  /** Counts up when something asked map and strip to go there. */
  goTo = $state.raw<{ line: string; from_m: number; to_m: number } | null>(null);

  constructor() {
    const read = () => {
      const { screen, id } = fromHash(location.hash);
      if (this.screen === 'phone' && screen !== 'phone') this.incident = '';
      this.screen = screen;
      this.routeId = id;
      if (id && screen !== 'site') this.incident = id;
    };
    if (typeof location !== 'undefined') {
      read();
      addEventListener('hashchange', read);
    }
  }

  open(screen: Screen, id = ''): void {
    location.hash = id ? `/${screen}/${encodeURIComponent(id)}` : `/${screen}`;
  }

  view(from_m: number, to_m: number, length_m: number): void {
    const least = 20;
    let span = Math.min(length_m, Math.max(least, to_m - from_m));
    if (!Number.isFinite(span)) span = length_m;
    const from = Math.max(0, Math.min(length_m - span, from_m));
    this.from_m = from;
    this.to_m = from + span;
  }
}

export const selection = new Selection();
