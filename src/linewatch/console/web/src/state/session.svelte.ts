// Who sits here, and which site this is.
import { ask, get, login, post, Problem, probe, useCsrf, whenSignedOut } from '../lib/api';
import { markOf, siteIn } from '../lib/joint';
import type { LineShape, Me, Site } from '../lib/types';
import { settings } from './settings.svelte';

const MARK = markOf(typeof location === 'undefined' ? '' : siteIn(location.pathname));
/** What is asked for first once somebody is inside. */
export const LIST_PAGE = 1000;
export const FIRST_LIST = `incidents?state=open&limit=${LIST_PAGE}`;

/** The session itself is a cookie that no script can read; this only tells whether asking for it makes sense. */
function remember(how: '' | 'signed in' | 'inside'): void {
  kept = how;
  try {
    localStorage.setItem(MARK, how);
  } catch {
    // a browser that keeps nothing asks the person again
  }
}

let kept = '';

function remembered(): string {
  try {
    return localStorage.getItem(MARK) ?? '';
  } catch {
    return kept;
  }
}

const signedInBefore = (): boolean => remembered() !== '';
/** Whether the site was shown before, and not only the page on which the first password is changed. */
const wasInside = (): boolean => remembered() === 'inside';

class Session {
  me = $state.raw<Me | null>(null);
  site = $state.raw<Site | null>(null);
  /** False until the first answer to "who am I". */
  known = $state(false);
  /** Why the server could not be asked. */
  trouble = $state('');

  get zone(): string {
    return this.me?.site.timezone ?? 'UTC';
  }

  line(id: string | undefined): LineShape | undefined {
    return this.site?.lines.find((l) => l.id === id) ?? this.site?.lines[0];
  }

  async look(): Promise<void> {
    if (!signedInBefore()) {
      this.known = true; // asking would only earn a refusal
      return;
    }
    try {
      // Asked for at once where it was given before: the page stands a round trip earlier.
      const site = wasInside() ? probe<Site>('site').catch(() => null) : null;
      if (site) ask(FIRST_LIST);
      const me = await probe<Me>('me');
      useCsrf(me.csrf);
      if (me.locale === 'pl' || me.locale === 'en') settings.offered = me.locale;
      this.me = me;
      this.trouble = '';
      this.known = true;
      if (me.must_change_password) return;
      this.site ??= (await site) ?? (await get<Site>('site'));
      remember('inside');
    } catch (error) {
      if (error instanceof Problem && error.status === 401) {
        remember('');
        this.me = null;
        this.trouble = '';
      } else {
        this.trouble = error instanceof Error ? error.message : String(error);
      }
      this.known = true;
    }
  }

  /** Reads the site again; true where it is another one than before. */
  async renew(): Promise<boolean> {
    const site = await get<Site>('site');
    if (site.version === this.site?.version) return false;
    this.site = site;
    return true;
  }

  async signIn(name: string, password: string): Promise<void> {
    await login(name, password);
    remember('signed in');
    await this.look();
  }

  async signOut(): Promise<void> {
    try {
      await post('logout');
    } finally {
      remember('');
      this.me = null;
    }
  }
}

export const session = new Session();
whenSignedOut(() => {
  remember('');
  session.me = null;
});
