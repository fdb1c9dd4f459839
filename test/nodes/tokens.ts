import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CookieBrowser } from '../support/cookie-browser.ts';
import { joinWithPass, usePasskey } from '../support/person.ts';
import { type RelyingParty, type SignedIn, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator, type SoftwareAuthenticator } from '../support/software-authenticator.ts';
import type { TwoNodes } from '../support/two-nodes.ts';
import { figures, long, tally, times } from './visitor.ts';

const atOnce = 4;

/** What may be used once, and what one browser session gives to several apps: oidc.md 2.2. */
export function tokens(theNodes: () => TwoNodes): void {
  let apps: RelyingParty[];
  let authenticator: SoftwareAuthenticator;
  let browser: CookieBrowser;

  beforeAll(async () => {
    const nodes = theNodes();
    apps = await Promise.all(
      times(4, (index) =>
        // No offline access: then the tokens hang on what the session knows of each app.
        startRelyingParty({ issuer: nodes.issuer, clientId: `app-${index}`, clientSecret: 'secret' }),
      ),
    );
    await nodes.seed({
      clients: apps.map((app, index) => ({
        client_id: `app-${index}`,
        client_secret: 'secret',
        redirect_uris: [app.redirectUri],
      })),
    });
    await nodes.user('holder@example.com');
    authenticator = newAuthenticator();
    browser = newBrowser(nodes);
    await browser.visit(await apps[0]!.authorizationUrl());
    await joinWithPass(browser, authenticator, 'holder@example.com', await nodes.pass('holder@example.com'));
  }, 60_000);
  afterAll(() => Promise.all((apps ?? []).map((app) => app.close())));

  const newBrowser = (nodes: TwoNodes): CookieBrowser => nodes.browser({ stopAt: apps.map((app) => app.redirectUri) });
  const signIn = async (app: RelyingParty, visitor = browser): Promise<SignedIn> => {
    const { callback } = await visitor.visit(await app.authorizationUrl());
    return app.exchange(callback);
  };

  const codes = long ? 1_000 : 100;
  test(`${codes} authorization codes, each redeemed four times at once, give tokens once, and the reuse ends them`, async () => {
    const begun = performance.now();
    const [app] = apps as [RelyingParty];
    const winners: string[] = [];
    const endings: string[] = [];
    for (let code = 0; code < codes; code += 1) {
      const { callback } = await browser.visit(await app.authorizationUrl());
      const answers = await Promise.allSettled(times(atOnce, () => app.exchange(callback)));
      const won = answers.filter((answer) => answer.status === 'fulfilled').map(({ value }) => value);
      winners.push(`${won.length} won`, ...answers.map(reason));
      for (const { tokens, claims } of won) {
        endings.push(
          await app.userinfo(tokens.access_token, claims.sub).then(
            () => 'works',
            () => 'ended',
          ),
        );
      }
    }
    figures(`${codes} codes × ${atOnce}`, begun, { ...tally(winners), tokens: tally(endings) });
    expect(tally(winners)).toEqual({ '1 won': codes, given: codes, invalid_grant: codes * (atOnce - 1) });
    expect(tally(endings)).toEqual({ ended: codes });
  }, 900_000);

  const refreshes = long ? 1_000 : 100;
  test(`${refreshes} refresh tokens, each used four times at once, have one winner each, whose tokens work`, async () => {
    const begun = performance.now();
    const [, app] = apps as [RelyingParty, RelyingParty];
    const winners: string[] = [];
    let { tokens, claims } = await signIn(app);
    const works: string[] = [];
    for (let round = 0; round < refreshes; round += 1) {
      const used = tokens.refresh_token!;
      const answers = await Promise.allSettled(times(atOnce, () => app.refresh(used)));
      const won = answers.filter((answer) => answer.status === 'fulfilled').map(({ value }) => value);
      winners.push(`${won.length} won`, ...answers.map(reason));
      // The winner's refresh token is the next to be fought for.
      tokens = won[0]!;
      works.push(
        await app.userinfo(tokens.access_token, claims.sub).then(
          () => 'works',
          () => 'ended',
        ),
      );
    }
    figures(`${refreshes} refresh tokens × ${atOnce}`, begun, { ...tally(winners), tokens: tally(works) });
    expect(tally(winners)).toEqual({ '1 won': refreshes, given: refreshes, invalid_grant: refreshes * (atOnce - 1) });
    expect(tally(works)).toEqual({ works: refreshes });
  }, 900_000);

  const rounds = long ? 100 : 8;
  test('four apps in two tabs each, served at once in one browser session, all get tokens that work', async () => {
    const begun = performance.now();
    const works: string[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const visitor = newBrowser(theNodes());
      await visitor.visit(await apps[0]!.authorizationUrl());
      const first = await apps[0]!.exchange((await usePasskey(visitor, authenticator)).callback);
      // Twice: apps that are new to the session, and apps that it knows.
      const tabs = [...apps, ...apps];
      const all: { app: RelyingParty; signedIn: SignedIn }[] = [{ app: apps[0]!, signedIn: first }];
      for (let time = 0; time < 2; time += 1) {
        all.push(...(await Promise.all(tabs.map(async (app) => ({ app, signedIn: await signIn(app, visitor) })))));
      }
      for (const { app, signedIn } of all) {
        const { tokens, claims } = signedIn;
        works.push(await app.userinfo(tokens.access_token, claims.sub).then(() => 'works', String));
        works.push(await app.refresh(tokens.refresh_token!).then(() => 'works', String));
      }
    }
    figures(`${rounds} sessions × ${apps.length} apps in two tabs at once, twice`, begun, tally(works));
    expect(tally(works)).toEqual({ works: rounds * (1 + 4 * apps.length) * 2 });
  }, 900_000);
}

function reason(answer: PromiseSettledResult<unknown>): string {
  if (answer.status === 'fulfilled') return 'given';
  return (answer.reason as { error?: string }).error ?? String(answer.reason);
}
