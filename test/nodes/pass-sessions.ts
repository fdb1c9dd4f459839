import { afterAll, beforeAll, expect, test } from 'vitest';
import { enterPass } from '../support/person.ts';
import { type RelyingParty, startRelyingParty, type Tokens } from '../support/relying-party.ts';
import type { TwoNodes } from '../support/two-nodes.ts';
import { peopleOf, soon } from './people.ts';
import { figures, long, tally } from './visitor.ts';

const rounds = long ? 300 : 20;

/** What a pass has opened, asked for at the moment the pass is revoked: whoever was first, afterwards it is worth nothing. */
export function passSessions(theNodes: () => TwoNodes): void {
  const people = peopleOf(theNodes);
  let app: RelyingParty;

  beforeAll(async () => {
    const issuer = theNodes().issuer;
    const offline = { scope: 'openid offline_access', params: { prompt: 'consent' } };
    app = await startRelyingParty({ issuer, clientId: 'born', clientSecret: 'secret', ...offline });
    await theNodes().seed({
      clients: [{ client_id: 'born', client_secret: 'secret', redirect_uris: [app.redirectUri] }],
      policies: { temporaryAccessPass: { purpose: 'signIn' } },
    });
  });
  afterAll(() => app?.close());

  async function signedIn(user: string) {
    const browser = theNodes().browser({ stopAt: app.redirectUri });
    const code = await theNodes().pass(user, { purpose: 'signIn' });
    await browser.visit(await app.authorizationUrl());
    const { callback } = await enterPass(browser, user, code);
    return { browser, callback };
  }

  const silently = async ({ browser }: Awaited<ReturnType<typeof signedIn>>) =>
    (await browser.visit(await app.authorizationUrl({ prompt: 'none' }))).callback;

  async function expectDead({ access_token, refresh_token }: Tokens, subject: string): Promise<void> {
    await expect(app.userinfo(access_token, subject)).rejects.toThrow();
    await expect(app.refresh(refresh_token!)).rejects.toMatchObject({ error: 'invalid_grant' });
  }

  async function race(
    name: string,
    meanwhile: (at: Awaited<ReturnType<typeof signedIn>>) => Promise<() => Promise<void>>,
  ) {
    const begun = performance.now();
    const ends: string[] = [];
    for (const user of await people.named(name, rounds)) {
      const standing = await signedIn(user);
      const act = await meanwhile(standing);
      const [end] = await Promise.allSettled([soon(act, 15), soon(() => people.revoke(user), 15)]);
      ends.push(
        end.status === 'fulfilled' ? 'given' : ((end.reason as { error?: string }).error ?? String(end.reason)),
      );
      expect((await silently(standing)).searchParams.get('error')).toBe('login_required');
      for (const check of checks.splice(0)) await check();
    }
    figures(`${rounds} × revoke ∥ ${name}`, begun, tally(ends));
    expect(
      Object.keys(tally(ends)).filter((end) => !['given', 'invalid_grant', 'login_required'].includes(end)),
    ).toEqual([]);
  }
  // What was given in a round, to be tried once the revocation was answered.
  const checks: (() => Promise<void>)[] = [];

  test(
    'a code exchanged',
    () =>
      race('exchanges', async ({ callback }) => async () => {
        const { tokens, claims } = await app.exchange(callback);
        checks.push(() => expectDead(tokens, claims.sub));
      }),
    600_000,
  );

  test(
    'a refresh token used',
    () =>
      race('refreshes', async ({ callback }) => {
        const { tokens, claims } = await app.exchange(callback);
        checks.push(() => expectDead(tokens, claims.sub));
        return async () => {
          const fresh = await app.refresh(tokens.refresh_token!);
          checks.push(() => expectDead(fresh, claims.sub));
        };
      }),
    600_000,
  );

  test(
    'a code asked for in the session',
    () =>
      race('codes', async (standing) => async () => {
        const callback = await silently(standing);
        const error = callback.searchParams.get('error');
        if (error) throw Object.assign(new Error(error), { error });
        checks.push(() => expect(app.exchange(callback)).rejects.toMatchObject({ error: 'invalid_grant' }));
      }),
    600_000,
  );
}
