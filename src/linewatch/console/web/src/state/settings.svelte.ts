// What this browser remembers of how the person likes the page. Nothing here matters to the watch.
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
    name in values ? String(values[name]) : whole,
  );
}

/** A word of a closed vocabulary (kind, mover, state...); a word that the catalogue lacks is shown as it came. */
export function word(group: string, value: string | null | undefined): string {
  if (!value) return '';
  const key = `${group}.${value}`;
  const catalogue: Record<string, string> = CATALOGUES[settings.locale];
  return catalogue[key] ?? value.replaceAll('_', ' ');
}
