// The place under the pointer on the map, as it is read out: degrees at once, the grid reference once the hand rests.
import { get } from '../lib/api';

const REST_MS = 150;

class Pointer {
  place = $state('');
  mgrs = $state('');
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asked = 0;

  at(lon: number, lat: number): void {
    this.place = `${lat.toFixed(5)}, ${lon.toFixed(5)}`;
    this.mgrs = '';
    clearTimeout(this.timer);
    const mine = ++this.asked;
    this.timer = setTimeout(() => {
      get<{ mgrs: string }>(`position?lon=${lon.toFixed(6)}&lat=${lat.toFixed(6)}`)
        .then((found) => {
          if (mine === this.asked) this.mgrs = found.mgrs;
        })
        .catch(() => {}); // degrees alone will do
    }, REST_MS);
  }

  gone(): void {
    clearTimeout(this.timer);
    this.asked++;
    this.place = this.mgrs = '';
  }
}

export const pointer = new Pointer();
