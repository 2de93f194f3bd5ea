// What this browser remembers of how the person likes the page. Nothing here matters to the watch.
import { inPolish } from '../lib/said';
import { en, type MessageKey } from '../messages/en';
import { pl } from '../messages/pl';

export type Theme = 'night' | 'day';
export type Locale = 'en' | 'pl';

const CATALOGUES: Record<Locale, Record<MessageKey, string>> = { en, pl };
const KEY = 'linewatch.settings';

interface Kept {
  theme: Theme;
  locale: Locale | '';
  large: boolean;
  absolute: boolean;
}

function kept(): Partial<Kept> {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Kept>;
  } catch {
    return {};
  }
}

const before = kept();

class Settings {
  theme = $state<Theme>(before.theme ?? 'night');
  chosen = $state<Locale | ''>(before.locale ?? '');
  offered = $state<Locale>('en');
  large = $state(before.large ?? false);
  /** Ages as times of day instead of "3 min ago". */
  absolute = $state(before.absolute ?? false);

  get locale(): Locale {
    return this.chosen || this.offered;
  }

  apply(): void {
    const root = document.documentElement;
    root.dataset.theme = this.theme;
    root.dataset.large = String(this.large);
    root.lang = this.locale;
    const values: Kept = { theme: this.theme, locale: this.chosen, large: this.large, absolute: this.absolute };
    try {
      localStorage.setItem(KEY, JSON.stringify(values));
    } catch {
      // a browser that keeps nothing still shows the page
    }
  }
}

export const settings = new Settings();

/** A message of the catalogue in the chosen language, with `{name}` filled in. */
export function t(key: MessageKey, values: Record<string, string | number> = {}): string {
  return CATALOGUES[settings.locale][key].replace(/\{(\w+)\}/g, (whole, name: string) =>
    name in values ? (name === 'why' ? said(String(values[name])) : String(values[name])) : whole,
  );
}

/** A word of a closed vocabulary (kind, mover, state...); a word that the catalogue lacks is shown as it came. */
export function word(group: string, value: string | null | undefined): string {
  if (!value) return '';
  const key = `${group}.${value}`;
  const catalogue: Record<string, string> = CATALOGUES[settings.locale];
  return catalogue[key] ?? value.replaceAll('_', ' ');
}

const MOST_SAID = 4000;
const saidBefore = new Map<string, string>();

/** What the server says in words, in the chosen language; what the catalogue does not know stands as it was said. */
export function said(text: string | null | undefined): string {
  if (!text || settings.locale === 'en') return text ?? '';
  let told = saidBefore.get(text);
  if (told === undefined) {
    told = inPolish(text, word);
    if (saidBefore.size >= MOST_SAID) saidBefore.clear();
    saidBefore.set(text, told);
  }
  return told;
}

/** An entry of the timeline: a person's move with what it set, or what the system says that it did. */
export function deed(what: string, role: string | null | undefined): string {
  if (role === 'system') return said(what);
  const [move = '', ...values] = what.split(', ');
  const told = values.map((each) => {
    const [name = '', ...rest] = each.split(' ');
    return word(name, rest.join(' '));
  });
  return [word('do', move), ...told].join(', ');
}
