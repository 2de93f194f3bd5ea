import { expect, test } from 'vitest';
import { SAID } from '../messages/said';
import { inPolish } from './said';

const words: Record<string, string> = { 'intent.approach': 'zbliża się', 'intent.contact': 'kontakt', 'kind.crossing': 'Przejście', 'role.operator': 'Operator' };
const word = (group: string, value: string): string => words[`${group}.${value}`] ?? value;

test('every sentence has the same holes in both languages, and stands once', () => {
  const holes = (text: string): string[] => [...text.matchAll(/\{\w+\}/g)].map((m) => m[0]).sort();
  for (const [english, polish] of SAID) expect([english, holes(polish)]).toEqual([english, holes(english)]);
  expect(new Set(SAID.map(([english]) => english)).size).toBe(SAID.length);
});

test('every sentence finds its own translation', () => {
  for (const [english, polish] of SAID) {
    const example = (text: string): string => text.replace(/\{(\w+)\}/g, (_, name: string) => (name === 'intent' ? 'approach' : name === 'kind' ? 'crossing' : name === 'role' ? 'operator' : '7'));
    const wanted = polish.replace(/\{(\w+)\}/g, (_, name: string) => (name === 'intent' ? 'zbliża się' : name === 'kind' ? 'Przejście' : name === 'role' ? 'Operator' : '7'));
    expect(inPolish(example(english), word)).toBe(wanted);
  }
});

test('a reason is told sentence by sentence, and what is not known stays', () => {
  const reason = 'two cameras, one fibre and one radar agree; 54 dB over the noise floor on 2 m; approach at 1.6 m/s; 1 to 2 of them; 20 m from Gate';
  expect(inPolish(reason, word)).toBe(
    'zgodnie: kamera ×2, światłowód, radar; 54 dB ponad poziom szumu na odcinku 2 m; zbliża się, 1.6 m/s; od 1 do 2; 20 m od: Gate',
  );
  expect(inPolish('one fence cable, only witness; contact; at Gate', word)).toBe('jedyny świadek: kabel na ogrodzeniu; kontakt; przy: Gate');
  expect(inPolish('distress possible: has not moved for 20 min; search within 35 m. 3 m from Gate', word)).toBe(
    'być może w niebezpieczeństwie: bez ruchu od 20 min; szukać w promieniu 35 m. 3 m od: Gate',
  );
  expect(inPolish('a plug-in says something else', word)).toBe('a plug-in says something else');
  expect(inPolish('out: nothing heard from cam-3 for 9 s; normal is less', word)).toBe('nie działa: nic nie słychać od cam-3 przez 9 s; zwykle mniej');
});
