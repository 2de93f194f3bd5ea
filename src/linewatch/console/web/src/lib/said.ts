// Sentences of the server in the language of the page. What is not known stands as it was said.
import { NUMBERS, SAID, WITNESSES } from '../messages/said';

type Word = (group: string, value: string) => string;

interface Pattern {
  match: RegExp;
  holes: string[];
  polish: string;
}

const VOCABULARIES = ['kind', 'intent', 'mover', 'role', 'state'];
const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

function patternOf([english, polish]: readonly [string, string]): Pattern {
  const holes: string[] = [];
  const source = english
    .split(/(\{\w+\})/)
    .map((part) => {
      if (!/^\{\w+\}$/.test(part)) return escaped(part);
      holes.push(part.slice(1, -1));
      return part === '{said}' || part === '{why}' ? '([^]+)' : '(.+?)';
    })
    .join('');
  return { match: new RegExp(`^${source}$`), holes, polish };
}

const PATTERNS = SAID.map(patternOf);
/** Sentences without holes and those with many fixed words first: "at {name}" fits almost anything. */
const BY_WEIGHT = PATTERNS.map((p) => [p, p.match.source.replaceAll('(.+?)', '').length] as const)
  .sort((a, b) => b[1] - a[1])
  .map(([p]) => p);

function witnesses(text: string): string | undefined {
  const agree = text.replace(/ agree$/, '');
  const only = text.replace(/, only witness$/, '');
  if (agree === text && only === text) return undefined;
  const parts = (agree === text ? only : agree).split(/, | and /).map((part) => {
    const [count = '', ...rest] = part.split(' ');
    const kind = WITNESSES.find(([one, many]) => one === rest.join(' ') || many === rest.join(' '));
    const n = NUMBERS.includes(count) ? NUMBERS.indexOf(count) : Number(count);
    return kind && Number.isFinite(n) ? (n === 1 ? kind[2] : `${kind[2]} ×${n}`) : undefined;
  });
  if (parts.includes(undefined)) return undefined;
  return agree === text ? `jedyny świadek: ${parts.join(', ')}` : `zgodnie: ${parts.join(', ')}`;
}

function filled(pattern: Pattern, found: RegExpExecArray, word: Word): string {
  return pattern.polish.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = found[pattern.holes.indexOf(name) + 1] ?? '';
    if (name === 'said') return inPolish(value, word);
    return VOCABULARIES.includes(name) ? word(name, value.replaceAll(/['"]/g, '')) : value;
  });
}

function one(text: string, word: Word): string | undefined {
  const told = witnesses(text);
  if (told) return told;
  for (const pattern of BY_WEIGHT) {
    const found = pattern.match.exec(text);
    // "approach at 1.6 m/s" has an intent in front; a sentence that only looks like it has not.
    const fits = found && pattern.holes.every((name, i) => name !== 'intent' || word('intent', found[i + 1]!) !== found[i + 1]);
    if (fits) return filled(pattern, found, word);
  }
  const intent = /^[a-z]+$/.test(text) ? word('intent', text) : text;
  return intent === text ? undefined : intent;
}

/** What the server says, in Polish: whole where it is known as a whole, else sentence by sentence. */
export function inPolish(text: string, word: Word): string {
  const parts = text.split(/(; |\. (?=[a-z0-9]))/);
  if (parts.length === 1) return one(text, word) ?? text;
  // A whole sentence may hold a semicolon of its own; one that begins or ends with a hole would swallow the rest.
  const whole = BY_WEIGHT.find((p) => /^\^[^(].*[^)]\$$/.test(p.match.source) && p.match.test(text));
  if (whole) return filled(whole, whole.match.exec(text)!, word);
  const refusal = BY_WEIGHT.find((p) => p.match.source.includes('; ') && p.match.test(text));
  if (refusal) return filled(refusal, refusal.match.exec(text)!, word);
  return parts.map((part, i) => (i % 2 === 1 ? part : (one(part, word) ?? part))).join('');
}
