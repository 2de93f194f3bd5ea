// The console's JSON API. Every refusal is a problem document (RFC 9457) and becomes a `Problem`.

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
  ) {
    super(detail || title);
  }
}

let csrf = '';
let onSignedOut: () => void = () => {};

/** The token that every changing request has to carry. */
export function useCsrf(token: string): void {
  csrf = token;
}

/** What to do when the server no longer knows this page's session. */
export function whenSignedOut(then: () => void): void {
  onSignedOut = then;
}

async function problemOf(answer: Response): Promise<Problem> {
  let title = answer.statusText || `HTTP ${answer.status}`;
  let detail = '';
  if (answer.headers.get('content-type')?.includes('json')) {
    try {
      const body = (await answer.json()) as { title?: string; detail?: string };
      title = body.title ?? title;
      detail = body.detail ?? '';
    } catch {
      // a broken body leaves the status line, which says enough
    }
  }
  return new Problem(answer.status, title, detail);
}

async function call<T>(method: string, path: string, body?: unknown, quiet401 = false): Promise<T> {
  const headers: Record<string, string> = {};
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (method !== 'GET') headers['x-csrf'] = csrf;
  let answer: Response;
  try {
    answer = await fetch(`./api/${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: 'no-store',
    });
  } catch {
    throw new Problem(0, 'unreachable', '');
  }
  if (!answer.ok) {
    if (answer.status === 401 && !quiet401) onSignedOut();
    throw await problemOf(answer);
  }
  if (answer.status === 204) return undefined as T;
  const text = await answer.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

const early = new Map<string, Promise<unknown>>();

/** Asks ahead for what will be wanted in a moment: the next `get` of this path takes the answer. */
export function ask(path: string): void {
  const answer = call<unknown>('GET', path, undefined, true);
  answer.catch(() => {});
  early.set(path, answer);
}

export function get<T>(path: string): Promise<T> {
  const answer = early.get(path);
  early.delete(path);
  return answer ? (answer as Promise<T>).catch(() => call<T>('GET', path)) : call<T>('GET', path);
}
export const post = <T = void>(path: string, body: unknown = {}): Promise<T> => call<T>('POST', path, body);
export const remove = (path: string): Promise<void> => call<void>('DELETE', path, {});
/** A request whose 401 is an answer and not the end of a session (login, the first look at who I am). */
export const probe = <T>(path: string): Promise<T> => call<T>('GET', path, undefined, true);
export const login = (name: string, password: string): Promise<void> =>
  call<void>('POST', 'login', { name, password }, true);
