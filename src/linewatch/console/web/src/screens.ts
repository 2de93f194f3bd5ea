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

function load(screen: Screen, loader: Loader): Promise<{ default: Component }> {
  let promise = started.get(screen);
  if (!promise) {
    promise = loader();
    promise.catch(() => started.delete(screen)); // asked for again the next time
    started.set(screen, promise);
  }
  return promise;
}

/** A screen's component; the same promise every time, so that showing it again waits for nothing. */
export function screenOf(screen: Screen): Promise<{ default: Component }> | undefined {
  const loader = LOADERS[screen];
  return loader && load(screen, loader);
}

/** Fetches all screens while nothing else is to be done: they are small, and then stand ready without the console. */
export function fetchAll(): void {
  for (const [screen, loader] of Object.entries(LOADERS)) void load(screen as Screen, loader).catch(() => {});
}
