import { encode } from '@msgpack/msgpack';
import { expect, test } from 'vitest';
import { readFrame, type DetectionFrame } from './follow';
import { EventParser, FrameSplitter, type ServerEvent } from './wire';

function framed(value: unknown): Uint8Array {
  const payload = encode(value);
  const out = new Uint8Array(4 + payload.length);
  new DataView(out.buffer).setUint32(0, payload.length);
  out.set(payload, 4);
  return out;
}

const bytes = (array: { buffer: ArrayBufferLike }): Uint8Array => new Uint8Array(array.buffer);

test('frames survive any cut of the byte stream', () => {
  const frame = framed({ t: 'gap', seq: 7, why: 'slow' });
  const two = new Uint8Array([...frame, ...frame]);
  for (let cut = 0; cut <= two.length; cut++) {
    const got: number[] = [];
    const splitter = new FrameSplitter();
    for (const part of [two.subarray(0, cut), two.subarray(cut)]) splitter.push(part, (p) => got.push(p.length));
    expect(got).toEqual([frame.length - 4, frame.length - 4]);
  }
});

test('a frame of detections comes out as columns', () => {
  const frame = framed({
    t: 'd',
    seq: 12,
    tick_ms: 1000,
    line: 'main',
    sensor: ['das-a-1', 'fence-001'],
    s: bytes(new Uint16Array([1, 0])),
    c: bytes(new Float32Array([10.5, 200])),
    h: bytes(new Float32Array([5, 0.5])),
    g: bytes(new Float32Array([12, 30])),
    m: new Uint8Array([0, 255]),
  });
  const got: DetectionFrame[] = [];
  const seq = readFrame(frame.subarray(4), { detections: (f) => got.push(f), tracks: () => {}, gap: () => {} });
  expect(seq).toBe(12);
  expect(got[0]?.line).toBe('main');
  expect([...(got[0]?.c ?? [])]).toEqual([10.5, 200]);
  expect([...(got[0]?.s ?? [])]).toEqual([1, 0]);
});

test('a frame of a kind that this page does not know is left out', () => {
  const nothing = () => {
    throw new Error('called');
  };
  expect(readFrame(framed({ t: 'later', seq: 3 }).subarray(4), { detections: nothing, tracks: nothing, gap: nothing })).toBe(3);
});

test('events survive any cut of the text', () => {
  const text = ': hello\n\nid: 1-5\nevent: incident\ndata: {"a":\ndata: 1}\n\nid: 1-6\r\nevent: state\r\ndata: {}\r\n\r\n';
  for (let cut = 0; cut <= text.length; cut++) {
    const got: ServerEvent[] = [];
    const parser = new EventParser();
    parser.push(text.slice(0, cut), (e) => got.push(e));
    parser.push(text.slice(cut), (e) => got.push(e));
    expect(got).toEqual([
      { id: '1-5', event: 'incident', data: '{"a":\n1}' },
      { id: '1-6', event: 'state', data: '{}' },
    ]);
  }
});
