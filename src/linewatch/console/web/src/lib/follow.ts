// Follows the two live streams for ever; each resumes where it was after the connection was lost.
import { decode } from '@msgpack/msgpack';
import type { KnownMover, LiveState, Track, WeatherHere } from './types';
import { column, EventParser, FrameSplitter, type ServerEvent } from './wire';

/** Detections of one batch, as columns: centre and half extent in metres, strength in dB, mover code. */
export interface DetectionFrame {
  tick_ms: number;
  line: string;
  c: Float32Array;
  h: Float32Array;
  g: Float32Array;
  m: Uint8Array;
  sensor: string[];
  s: Uint16Array;
}

export interface FeedHandlers {
  detections(frame: DetectionFrame): void;
  /** `whole`: all that live; otherwise those that changed, where life `ended` removes one. */
  tracks(tick_ms: number, tracks: Track[], whole: boolean): void;
  end?(): void;
  known?(tick_ms: number, movers: KnownMover[]): void;
  weather?(tick_ms: number, weather: WeatherHere[]): void;
  gap(why: string): void;
  state?(state: LiveState): void;
  incident?(incident: unknown): void;
  connected?(yes: boolean): void;
}

type Wire = { t: string; seq?: number; tick_ms: number } & Record<string, unknown>;

/** Hands one frame to whoever wants it; kinds that this page does not know are left out. */
export function readFrame(payload: Uint8Array, on: FeedHandlers): number | undefined {
  const w = decode(payload) as Wire;
  switch (w.t) {
    case 'd':
      on.detections({
        tick_ms: w.tick_ms,
        line: w.line as string,
        c: column(Float32Array, w.c as Uint8Array),
        h: column(Float32Array, w.h as Uint8Array),
        g: column(Float32Array, w.g as Uint8Array),
        m: w.m as Uint8Array,
        sensor: (w.sensor as string[]) ?? [],
        s: w.s ? column(Uint16Array, w.s as Uint8Array) : new Uint16Array(0),
      });
      break;
    case 't':
      on.tracks(w.tick_ms, w.tracks as Track[], w.whole === true);
      break;
    case 'k':
      on.known?.(w.tick_ms, w.movers as KnownMover[]);
      break;
    case 'w':
      on.weather?.(w.tick_ms, w.weather as WeatherHere[]);
      break;
    case 'gap':
      on.gap(String(w.why ?? ''));
      break;
    case 's':
      on.state?.(w as unknown as LiveState);
      break;
    case 'i':
      on.incident?.(w.incident);
      break;
    case 'end':
      on.end?.();
      break;
  }
  return w.seq;
}

const RETRY_MS = 1000;
/** A stream that says nothing for this long is taken for dead: a heartbeat is due every second. */
const SILENCE_MS = 6000;
/** A replay may have to read a while before its first frame. */
const PATIENCE_MS = 60_000;

/** Opens `url` and reads it to the end. Throws when it cannot be opened, breaks or falls silent. */
async function readStream(
  url: string,
  headers: Record<string, string>,
  stop: AbortSignal,
  onOpen: () => void,
  onBytes: (bytes: Uint8Array) => void,
  silence_ms = SILENCE_MS,
): Promise<void> {
  const own = new AbortController();
  const abort = () => own.abort();
  stop.addEventListener('abort', abort);
  let watchdog = setTimeout(abort, silence_ms);
  try {
    const answer = await fetch(url, { signal: own.signal, headers, cache: 'no-store' });
    if (!answer.ok || !answer.body) throw new StreamRefused(answer.status);
    onOpen();
    const reader = answer.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(watchdog);
      watchdog = setTimeout(abort, silence_ms);
      onBytes(value);
    }
  } finally {
    clearTimeout(watchdog);
    stop.removeEventListener('abort', abort);
    own.abort();
  }
}

export class StreamRefused extends Error {
  constructor(readonly status: number) {
    super(`the stream was refused: ${status}`);
  }
}

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Follows the feed of detections and tracks. Returns a function that stops it. */
export function followFeed(url: string, on: FeedHandlers, run = ''): () => void {
  const stop = new AbortController();
  let last: number | undefined;
  void (async () => {
    while (!stop.signal.aborted) {
      const frames = new FrameSplitter();
      const from = last === undefined || !run ? '' : `${url.includes('?') ? '&' : '?'}from=${run}-${last}`;
      try {
        await readStream(
          url + from,
          {},
          stop.signal,
          () => on.connected?.(true),
          (bytes) => frames.push(bytes, (payload) => (last = readFrame(payload, on) ?? last)),
        );
      } catch {
        if (stop.signal.aborted) return;
        if (from) last = undefined; // the server may have been started anew: take what is there now
      }
      on.connected?.(false);
      await pause(RETRY_MS);
    }
  })();
  return () => stop.abort();
}

/** Reads a feed that ends (a replay). Returns a function that stops it. */
export function readFeedOnce(url: string, on: FeedHandlers): () => void {
  const stop = new AbortController();
  void (async () => {
    const frames = new FrameSplitter();
    try {
      await readStream(
        url,
        {},
        stop.signal,
        () => on.connected?.(true),
        (bytes) => frames.push(bytes, (payload) => readFrame(payload, on)),
        PATIENCE_MS,
      );
    } catch {
      // whoever asked is told below
    }
    if (!stop.signal.aborted) on.connected?.(false);
  })();
  return () => stop.abort();
}

export interface EventHandlers {
  event(event: ServerEvent): void;
  /** `again` is true after the connection was lost: whoever keeps lists reads them anew. */
  connected(yes: boolean, again: boolean): void;
  refused(status: number): void;
}

/** Follows server-sent events; asks with `Last-Event-ID` for what was missed. Returns a function that stops it. */
export function followEvents(url: string, on: EventHandlers): () => void {
  const stop = new AbortController();
  let last = '';
  let opened = 0;
  void (async () => {
    while (!stop.signal.aborted) {
      const parser = new EventParser();
      const text = new TextDecoder();
      try {
        await readStream(
          url,
          last ? { 'last-event-id': last } : {},
          stop.signal,
          () => on.connected(true, opened++ > 0),
          (bytes) =>
            parser.push(text.decode(bytes, { stream: true }), (event) => {
              if (event.id) last = event.id;
              on.event(event);
            }),
        );
      } catch (error) {
        if (stop.signal.aborted) return;
        if (error instanceof StreamRefused) on.refused(error.status);
      }
      on.connected(false, true);
      await pause(RETRY_MS);
    }
  })();
  return () => stop.abort();
}
