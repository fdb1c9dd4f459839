import { expect, test } from 'vitest';
import type { CookieBrowser } from '../support/cookie-browser.ts';
import { createPasskey, identifyWithPass, usePasskey } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';
import type { TwoNodes } from '../support/two-nodes.ts';
import { peopleOf } from './people.ts';
import { aMoment, figures, inTurns, long, tally, times } from './visitor.ts';

const people = long ? 200 : 40;
const atOnce = 10;

/** The last test of these nodes: one of them is killed. */
export function deaths(theNodes: () => TwoNodes): void {
  test(`a node killed in the middle of ${people} sign-ins: the other goes on with all of them`, async () => {
    const begun = performance.now();
    const nodes = theNodes();
    const app = await startRelyingParty({ issuer: nodes.issuer, clientId: 'surviving', clientSecret: 'secret' });
    try {
      await nodes.seed({
        clients: [{ client_id: 'surviving', client_secret: 'secret', redirect_uris: [app.redirectUri] }],
      });
      const joiners = await inTurns(
        times(people, (index) => `survivor-${index}@example.com`),
        4,
        async (user) => {
          await nodes.user(user);
          return { user, code: await nodes.pass(user) };
        },
      );
      const [survivor, victim] = nodes.nodes;
      const before = { survivor: survivor.answered, victim: victim.answered };
      let killedAt = Number.POSITIVE_INFINITY;
      let finished = false;
      const killed = (async () => {
        while (victim.answered - before.victim < people * 3 && !finished) await aMoment(20);
        killedAt = performance.now();
        await victim.process.kill('SIGKILL');
      })();
      const ends = await inTurns(joiners, atOnce, (joiner) => join(nodes, app, joiner)).finally(() => {
        finished = true;
      });
      await killed;

      const disturbed = ends.filter(({ mishaps }) => mishaps.length > 0).length;
      figures(`a node killed in the middle of ${people} sign-ins`, begun, {
        'requests to it before': victim.answered - before.victim,
        'sign-ins that saw an error page': disturbed,
        'finished by the other': ends.length,
      });
      expect(tally(ends.map(({ acr }) => acr))).toEqual({ phr: people });
      expect(new Set(ends.map(({ sub }) => sub)).size).toBe(people);
      const passkeys = await inTurns(joiners, 4, ({ user }) => peopleOf(theNodes).passkeysOf(user));
      expect(tally(passkeys.map((count) => `${count} passkey`))).toEqual({ '1 passkey': people });
      // Nothing went wrong before, and afterwards only for those who were under way.
      expect(Math.min(...ends.flatMap(({ mishaps }) => mishaps))).toBeGreaterThanOrEqual(killedAt);
      expect(disturbed).toBeLessThanOrEqual(atOnce + 2);
      expect(survivor.answered - before.survivor).toBeGreaterThan(people * 3);
    } finally {
      await app.close();
    }
  }, 300_000);
}

/** From the app to the app as a person would: what fails is loaded again, and what is gone is begun again from the app. */
async function join(nodes: TwoNodes, app: RelyingParty, { user, code }: { user: string; code: string }) {
  const browser = nodes.browser({ stopAt: app.redirectUri });
  const authenticator = newAuthenticator();
  const mishaps: number[] = [];
  const mishap = () => mishaps.push(performance.now());
  let passkeyUsed = false;
  await browser.visit(await app.authorizationUrl());
  for (let step = 0; step < 30 && !browser.page.isCallback; step += 1) {
    try {
      await goOn(browser);
    } catch {
      mishap(); // a script's request that got no answer
      await browser.reload();
    }
    if (browser.page.status >= 400) {
      mishap();
      await lookAgain(browser, app);
    }
  }
  // The app's own request may be the one that gets no answer: then it sends the person once more.
  const { claims } = await app.exchange(browser.page.callback).catch(async () => {
    mishap();
    return app.exchange((await browser.visit(await app.authorizationUrl())).callback);
  });
  return { sub: claims.sub, acr: String(claims.acr), mishaps };

  async function goOn({ page }: CookieBrowser): Promise<unknown> {
    switch (page.step) {
      case 'identify':
        return passkeyUsed ? usePasskey(browser, authenticator) : identifyWithPass(browser, user);
      case 'verify':
        return browser.submit({ formWith: 'code', fields: { code } });
      case 'enrol':
        return createPasskey(browser, authenticator);
      case 'confirm':
        passkeyUsed = true; // which may have spent the pass, whatever answer comes
        return usePasskey(browser, authenticator);
      default:
        throw new Error(`Nothing to do at ${page.url}: ${page.text}`);
    }
  }
}

/** A form's address has no page of its own: the sign-in's has, or else the app is asked again. */
async function lookAgain(browser: CookieBrowser, app: RelyingParty): Promise<void> {
  const signIn = /^.*\/sign-in\/[^/]+/.exec(browser.page.url)?.[0];
  const page = await browser.visit(signIn ?? browser.page.url);
  if (page.status >= 400) await browser.visit(await app.authorizationUrl());
}
