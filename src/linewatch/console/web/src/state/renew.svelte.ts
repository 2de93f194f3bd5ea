// Another version of the site, taken up while the page is open.
import { coverage } from './coverage.svelte';
import { sensors } from './sensors.svelte';
import { session } from './session.svelte';

/** Reads the site, and what hangs on it, where it has changed; true where it had. */
export async function renewSite(): Promise<boolean> {
  if (!(await session.renew())) return false;
  await Promise.all([sensors.load(), ...(session.site?.lines ?? []).map((l) => coverage.read(l.id))]);
  return true;
}
