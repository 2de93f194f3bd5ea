// Numbers and times in words.

/** A chainage as it is said on the radio: kilometres and metres. */
export function km(chainage_m: number, digits = 3): string {
  return (chainage_m / 1000).toFixed(digits);
}

/** A length in the unit in which it is easily read. */
export function metres(length_m: number): string {
  if (length_m < 1000) return `${Math.round(length_m)} m`;
  return `${(length_m / 1000).toFixed(length_m < 10_000 ? 2 : 1)} km`;
}

/** An interval of a count: one number where both ends agree. */
export function interval(low: number, high: number): string {
  return low === high ? `${low}` : `${low}–${high}`;
}

/** How long ago, short enough for a list. */
export function age(from_ms: number, now_ms: number): string {
  const s = Math.max(0, Math.floor((now_ms - from_ms) / 1000));
  if (s < 120) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  const h = Math.floor(s / 3600);
  return h < 48 ? `${h} h ${String(Math.floor((s % 3600) / 60)).padStart(2, '0')} min` : `${Math.floor(h / 24)} d`;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = zone + JSON.stringify(options);
  let made = formats.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hourCycle: 'h23', ...options });
    formats.set(key, made);
  }
  return made;
}

/** Time of day in the site's zone. */
export function clock(ms: number, zone: string): string {
  return format(zone, { hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(ms);
}

/** Date and time of day in the site's zone, as ISO 8601 writes them. */
export function stamp(ms: number, zone: string): string {
  const p = Object.fromEntries(
    format(zone, { year: 'numeric', month: '2-digit', day: '2-digit' }).formatToParts(ms).map((x) => [x.type, x.value]),
  );
  return `${p.year}-${p.month}-${p.day} ${clock(ms, zone)}`;
}

/** The zone's offset at that time, as in UTC+01:00. */
export function offset(ms: number, zone: string): string {
  const part = format(zone, { timeZoneName: 'longOffset' }).formatToParts(ms).find((x) => x.type === 'timeZoneName');
  return (part?.value ?? 'GMT').replace('GMT', 'UTC');
}

/** What a `datetime-local` field holds for a moment, in the site's zone. */
export function toLocal(ms: number, zone: string): string {
  return stamp(ms, zone).replace(' ', 'T');
}

/** The moment that a `datetime-local` field means in the site's zone. In the doubled hour of autumn: the first of the two. */
export function fromLocal(text: string, zone: string): number {
  const asUtc = Date.parse(`${text.length === 16 ? `${text}:00` : text}Z`);
  // Where the offset differs between guess and result (a change of clocks lies between), the second pass mends it.
  let guess = asUtc;
  for (let i = 0; i < 2; i++) guess = asUtc - (Date.parse(`${toLocal(guess, zone)}Z`) - guess);
  return guess;
}
