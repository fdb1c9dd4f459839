import type { Page } from './cookie-browser.ts';

/** The answer as anybody could see it, without what is random in every answer. */
export function seen(page: Page, userName: string): object {
  const uid = new URL(page.url).pathname.split('/')[2]!;
  const { date: _, 'set-cookie': cookies = [], ...headers } = page.headers;
  return {
    status: page.status,
    headers,
    // Names and attributes; the values are random.
    cookies: cookies.map((cookie) => cookie.replace(/=[^;]*/, '').replace(/expires=[^;]*/i, 'expires')),
    html: page.html.replaceAll(uid, '{uid}').replaceAll(page.csrf!, '{csrf}').replaceAll(userName, '{name}'),
  };
}
