import { afterAll, beforeAll, expect, test } from 'vitest';
import { acrOf, acrScale, amrOf, levels } from '../../src/assurance/levels.ts';
import { messages } from '../../views/messages.ts';
import { newBrowser } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';

/** Addresses that apps find in `acr` and `amr`: each explains itself. */

let house: TestHouse;
beforeAll(async () => {
  house = await startHouse();
});
afterAll(() => house?.close());

test('every value of ours that a token can hold is an address that says what it means', async () => {
  const own = ['pass', 'federated'].map((method) => amrOf(method, house.issuer));
  const values = [...levels.map((level) => acrOf(level, house.issuer)), ...own];
  const addresses = values.filter((value) => value.startsWith(house.issuer));
  expect(addresses.map((value) => value.slice(house.issuer.length + 1))).toEqual(Object.keys(messages.claimValues));
  const titles = new Set<string>();
  for (const value of addresses) {
    const page = await newBrowser().visit(value);
    expect([page.status, page.step, page.find('code')!.text]).toEqual([200, 'claim-value', value]);
    expect(page.headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8' });
    expect(page.headers['set-cookie']).toBeUndefined();
    titles.add(page.find('h1')!.text);
  }
  expect(titles.size).toBe(addresses.length);
  const discovery = await (await fetch(`${house.issuer}/.well-known/openid-configuration`)).json();
  expect((discovery as { acr_values_supported: string[] }).acr_values_supported).toEqual(acrScale(house.issuer));
});

test.each(['acr', 'acr/', 'acr/3f', 'acr/phr', 'acr/constructor', 'acr/2f/x', 'amr', 'amr/mfa', 'amr/pass/x'])(
  '/%s is a page that is not there',
  async (path) => {
    const page = await newBrowser().visit(`${house.issuer}/${path}`);
    expect([page.status, page.step]).toEqual([404, 'error']);
  },
);

test('they are looked at and nothing else', async () => {
  expect((await fetch(`${house.issuer}/acr/2f`, { method: 'POST' })).status).toBe(405);
});
