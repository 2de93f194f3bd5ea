// Who sits here, and which site this is.
import { get, login, post, Problem, probe, useCsrf, whenSignedOut } from '../lib/api';
import type { LineShape, Me, Site } from '../lib/types';
import { settings } from './settings.svelte';

const MARK = 'linewatch.signed-in';

/** The session itself is a cookie that no script can read; this only tells whether asking for it makes sense. */
function remember(yes: boolean): void {
  try {
    if (yes) localStorage.setItem(MARK, '1');
    else localStorage.removeItem(MARK);
  } catch {
    kept = yes;
  }
}

let kept = false;

function signedInBefore(): boolean {
  try {
    return localStorage.getItem(MARK) === '1';
  } catch {
    return kept;
  }
}

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
      const me = await probe<Me>('me');
      useCsrf(me.csrf);
      if (me.locale === 'pl' || me.locale === 'en') settings.offered = me.locale;
      this.me = me;
      this.trouble = '';
      this.known = true;
      if (!me.must_change_password) await this.loadSite();
    } catch (error) {
      if (error instanceof Problem && error.status === 401) {
        remember(false);
        this.me = null;
        this.trouble = '';
      } else {
        this.trouble = error instanceof Error ? error.message : String(error);
      }
      this.known = true;
    }
  }

  async loadSite(): Promise<void> {
    this.site = await get<Site>('site');
  }

  async signIn(name: string, password: string): Promise<void> {
    await login(name, password);
    remember(true);
    await this.look();
  }

  async signOut(): Promise<void> {
    try {
      await post('logout');
    } finally {
      remember(false);
      this.me = null;
    }
  }
}

export const session = new Session();
whenSignedOut(() => {
  remember(false);
  session.me = null;
});
