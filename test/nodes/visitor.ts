import { messages } from '../../views/messages.ts';
import type { Answer, CookieBrowser } from '../support/cookie-browser.ts';
import type { TwoNodes } from '../support/two-nodes.ts';

export const long = process.env.LATCHKEY_LONG === '1';

/** Where the sign-in stands, by the page; `refused` is the page that holds the one refusal sentence. */
export type Standing = 'identify' | 'verify' | 'refused' | 'enrol' | 'confirm' | 'complete' | 'ended';

/** A browser at a sign-in page whose forms are sent without reading pages in between: twenty of them at once are cheap. */
export interface Visitor {
  readonly browser: CookieBrowser;
  /** Of the sign-in. */
  readonly uid: string;
  identify(userName: string): Promise<void>;
  enter(code: string): Promise<void>;
  restart(): Promise<void>;
  /** A form of the sign-in, by the path below its address. Sent again while the node has too many codes to check. */
  post(path: string, form?: Readonly<Record<string, string>>): Promise<Answer>;
  /** What a script of the page posts. */
  postJson(path: string): Promise<Answer>;
  look(): Promise<Standing>;
  /** How often it was told to come back later. */
  readonly toldToWait: number;
}

const redirectUri = 'http://localhost:1/cb';

export const visitorsApp = { client_id: 'visited', redirect_uris: [redirectUri], token_endpoint_auth_method: 'none' };

/** Opens a sign-in for an app that does not matter. */
export async function newVisitor(nodes: TwoNodes, browser = nodes.browser({ stopAt: redirectUri })): Promise<Visitor> {
  const asked = {
    client_id: visitorsApp.client_id,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid',
    code_challenge: 'A'.repeat(43),
    code_challenge_method: 'S256',
  };
  await browser.visit(`${nodes.issuer}/auth?${new URLSearchParams(asked)}`);
  return visitorIn(browser);
}

/** Goes on with the sign-in the browser is at. */
export function visitorIn(browser: CookieBrowser): Visitor {
  const { url: address, csrf } = browser.page;
  let toldToWait = 0;

  async function post(path: string, form: Readonly<Record<string, string>> = {}): Promise<Answer> {
    for (;;) {
      const answer = await browser.request(`${address}/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ ...form, csrf: csrf ?? '' }).toString(),
        redirect: 'manual',
      });
      if (answer.status !== 503) return answer;
      toldToWait += 1;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }

  async function step(path: string, form?: Readonly<Record<string, string>>): Promise<void> {
    const { status, text } = await post(path, form);
    if (status !== 303) throw new Error(`POST ${path} was answered with ${status}: ${text.slice(0, 500)}`);
  }

  return {
    browser,
    uid: new URL(address).pathname.split('/').pop()!,
    identify: (username) => step('identify', { username, with: 'temporary-access-pass' }),
    enter: (code) => step('verify/temporary-access-pass', { code }),
    restart: () => step('restart'),
    post,
    postJson: (path) => browser.postJson(`${address}/${path}`, {}),
    async look() {
      const { status, text } = await browser.request(address);
      return standingIn(status, text);
    },
    get toldToWait() {
      return toldToWait;
    },
  };
}

function standingIn(status: number, html: string): Standing {
  const named = /<main[^>]* data-step="(\w+)"/.exec(html)?.[1];
  if (status === 200 && named === 'verify') return html.includes(messages.errors.refused) ? 'refused' : 'verify';
  const { windowEnded, passEnded } = messages.problems;
  if (html.includes(windowEnded.title) || html.includes(passEnded.title)) return 'ended';
  if (status === 200 && ['identify', 'enrol', 'confirm', 'complete'].includes(named ?? '')) return named as Standing;
  throw new Error(`The sign-in shows ${named} (${status}): ${html.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ')}`);
}

/** How many of each. */
export function tally(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

export function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** Runs at most `width` at once; results in order. */
export async function inTurns<T, R>(items: readonly T[], width: number, body: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = new Array(items.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) results[index] = await body(items[index]!);
  };
  await Promise.all(times(width, worker));
  return results;
}

/** Up to that many milliseconds: whom a race favours must not depend on the order of two lines. */
export function aMoment(mostMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.random() * mostMs));
}

export function figures(what: string, begun: number, values: Readonly<Record<string, unknown>>): void {
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  const list = Object.entries(values).map(
    ([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : value}`,
  );
  console.log(`${what}: ${list.join(', ')}; ${seconds} s`);
}
