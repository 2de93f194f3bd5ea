// Which component shows which screen. All but the watch are fetched when they are first opened.
import type { Component } from 'svelte';
import type { Screen } from './state/selection.svelte';

type Loader = () => Promise<{ default: Component }>;

const LOADERS: Partial<Record<Screen, Loader>> = {
  incident: () => import('./screens/IncidentPage.svelte'),
  phone: () => import('./screens/Phone.svelte'),
  health: () => import('./screens/Health.svelte'),
  replay: () => import('./screens/Replay.svelte'),
  shift: () => import('./screens/Shift.svelte'),
  reports: () => import('./screens/Reports.svelte'),
  site: () => import('./screens/Site.svelte'),
  people: () => import('./screens/People.svelte'),
};

const started = new Map<Screen, Promise<{ default: Component }>>();

/** How to get a screen's component; the same promise every time, so that showing it again waits for nothing. */
export function screenOf(screen: Screen): Loader | undefined {
  const load = LOADERS[screen];
  if (!load) return undefined;
  return () => {
    let promise = started.get(screen);
    if (!promise) {
      promise = load();
      started.set(screen, promise);
    }
    return promise;
  };
}
