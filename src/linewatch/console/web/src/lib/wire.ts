// Bytes to values: length-prefixed frames, and server-sent events.

/** Splits a byte stream into frames of [uint32 big-endian length][payload]. */
export class FrameSplitter {
  private held = new Uint8Array(0);

  push(chunk: Uint8Array, onFrame: (payload: Uint8Array) => void): void {
    let data = chunk;
    if (this.held.length > 0) {
      data = new Uint8Array(this.held.length + chunk.length);
      data.set(this.held);
      data.set(chunk, this.held.length);
    }
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    let at = 0;
    while (at + 4 <= data.length) {
      const size = view.getUint32(at);
      if (at + 4 + size > data.length) break;
      onFrame(data.subarray(at + 4, at + 4 + size));
      at += 4 + size;
    }
    this.held = data.slice(at);
  }
}

/** Typed arrays need alignment, which a view into a msgpack payload does not have: copy. */
export function column<T>(make: new (buffer: ArrayBuffer) => T, bytes: Uint8Array): T {
  return new make(bytes.slice().buffer as ArrayBuffer);
}

export interface ServerEvent {
  id: string;
  event: string;
  data: string;
}

/** Reads `text/event-stream` (HTML standard, section 9.2) from pieces of text cut anywhere. */
export class EventParser {
  private held = '';
  private id = '';
  private event = '';
  private data: string[] = [];

  push(text: string, onEvent: (event: ServerEvent) => void): void {
    this.held += text;
    let from = 0;
    for (;;) {
      const end = this.held.indexOf('\n', from);
      if (end < 0) break;
      const line = this.held.slice(from, end).replace(/\r$/, '');
      from = end + 1;
      if (line !== '') {
        this.field(line);
        continue;
      }
      if (this.data.length > 0) onEvent({ id: this.id, event: this.event || 'message', data: this.data.join('\n') });
      this.event = '';
      this.data = [];
    }
    this.held = this.held.slice(from);
  }

  private field(line: string): void {
    const colon = line.indexOf(':');
    if (colon === 0) return; // a comment keeps the connection open
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'id') this.id = value;
    else if (name === 'event') this.event = value;
    else if (name === 'data') this.data.push(value);
  }
}
