// Sounds made by the browser itself: no file, no microphone, nothing fetched.

let context: AudioContext | undefined;

/** Whether a tone would be heard now (browsers keep pages silent until somebody has touched them). */
export function canSound(): boolean {
  return context?.state === 'running';
}

/** Wakes the sound; has to be called from a click or a key. */
export async function wake(): Promise<boolean> {
  try {
    context ??= new AudioContext();
    if (context.state !== 'running') await context.resume();
  } catch {
    return false;
  }
  return canSound();
}

function tone(hz: number, from_s: number, length_s: number, level: number): void {
  if (!context) return;
  const oscillator = context.createOscillator();
  const gain = context.createGain();
  const start = context.currentTime + from_s;
  oscillator.frequency.value = hz;
  oscillator.type = 'triangle';
  gain.gain.setValueAtTime(0, start);
  gain.gain.linearRampToValueAtTime(level, start + 0.015);
  gain.gain.setValueAtTime(level, start + length_s - 0.05);
  gain.gain.linearRampToValueAtTime(0, start + length_s);
  oscillator.connect(gain).connect(context.destination);
  oscillator.start(start);
  oscillator.stop(start + length_s);
}

/** Two rising pairs for a life or the barrier (priority 1), one pair for priority 2, a single soft tone below. */
export function alarm(priority: number): void {
  if (!canSound()) return;
  if (priority <= 1) [0, 0.45].forEach((at) => [740, 988].forEach((hz, i) => tone(hz, at + 0.18 * i, 0.18, 0.5)));
  else if (priority === 2) [660, 880].forEach((hz, i) => tone(hz, 0.18 * i, 0.18, 0.4));
  else tone(523, 0, 0.25, 0.25);
}

/** The tone by which a person finds out whether the seat's loudspeaker works. */
export async function testTone(): Promise<boolean> {
  const ready = await wake();
  if (ready) [523, 659, 784].forEach((hz, i) => tone(hz, 0.28 * i, 0.27, 0.4));
  return ready;
}
