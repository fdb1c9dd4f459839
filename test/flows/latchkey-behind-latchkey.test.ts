import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectNamedStatements } from '../../src/database/named-statements.ts';
import { purgeExpired } from '../../src/oidc/purge.ts';
import { changePerson, deletePerson } from '../../src/people.ts';
import { changeProvider } from '../../src/methods/upstream/manage-providers.ts';
import { relyingParty } from '../../src/methods/upstream/relying-party.ts';
import { tryIdentityProvider } from '../../src/methods/upstream/try-provider.ts';
import { outboundOf } from '../../src/wire.ts';
import { asOperator } from '../support/house.ts';
import { methodRegistry } from '../../src/methods/registry.ts';
import { linkIdentity, unlinkIdentity } from '../../src/others-identities.ts';
import { revokeSessions } from '../../src/sessions/manage-sessions.ts';
import { type CookieBrowser, newBrowser, type Page } from '../support/cookie-browser.ts';
import { identify } from '../support/federation.ts';
import { type LogoutReceiver, startLogoutReceiver } from '../support/logout-receiver.ts';
import { eventsOf, lastRefusal, passPolicy } from '../support/makers.ts';
import { createPasskey, enterPass, usePasskey } from '../support/person.ts';
import { type RelyingParty, type SignedIn, startRelyingParty } from '../support/relying-party.ts';
import { type Behind, joins, leaves, signsInThere, startTwoHouses, type Trusted } from '../support/two-houses.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

/** Latchkey behind Latchkey: people have their accounts in one house and want to go to the apps of another. Both are real. */

let houses: Behind;
let app: RelyingParty;
let receiver: LogoutReceiver;

beforeAll(async () => {
  const issuer = () => houses.hub.issuer;
  app = await startRelyingParty({ issuer, clientId: 'app', clientSecret: 'app-secret' });
  receiver = await startLogoutReceiver(issuer, 'app');
  houses = await startTwoHouses();
  await houses.hub.seed({
    clients: [
      {
        ...{ client_id: 'app', client_name: 'Payroll', client_secret: 'app-secret' },
        redirect_uris: [app.redirectUri],
        post_logout_redirect_uris: [app.postLogoutRedirectUri],
        backchannel_logout_uri: receiver.url,
      },
    ],
  });
  await passPolicy(houses.organisation, { purpose: 'signIn' });
});
afterAll(async () => {
  await app?.close();
  await receiver?.stop();
  await houses?.close();
});

/** As docs/federation.md has it: the organisation's levels by their names, and its amr told on. */
const believed = () => ({
  createUsers: true,
  assurance: [
    { acr: 'phr', level: 'phr', reports: ['pop'] },
    { acr: `${houses.organisation.issuer}/acr/2f`, level: '2f', reports: ['mfa'] },
  ],
});

/** A browser that the app has sent to the hub. */
async function atHub(
  extra: Record<string, string> = {},
  browser = newBrowser({ stopAt: [app.redirectUri, app.postLogoutRedirectUri] }),
): Promise<CookieBrowser> {
  await browser.visit(await app.authorizationUrl(extra));
  return browser;
}

const signedIn = (browser: CookieBrowser): Promise<SignedIn> => app.exchange(browser.page.callback);
const title = (page: Page) => page.find('h1')!.text;
const isAt = (page: Page) => ({ host: new URL(page.url).hostname, step: page.step });
const [there, here] = ['organisation.localhost', 'localhost'];
const federated = () => `${houses.hub.issuer}/amr/federated`;

const methods = methodRegistry({ rpId: there, rpName: 'Test', origin: `http://${there}` });

/** Somebody new of the organisation, with a passkey there, who has come to the app by it. */
async function someone(trusted: Trusted) {
  const { id, userPrincipalName: userName } = await trusted.colleague();
  const browser = await atHub();
  await leaves(browser, userName);
  const authenticator = await joins(houses.organisation, browser, userName);
  return { ...{ id, userName, browser, authenticator }, ...(await signedIn(browser)) };
}

describe('a person of the organisation at the hub’s app', () => {
  test('goes over there, signs in with a passkey of theirs and comes back, as who they are here', async () => {
    const trusted = await houses.trust({ provider: { ...believed(), ceiling: 'phr' } });
    const { id, userPrincipalName: userName } = await trusted.colleague();
    const browser = await atHub();
    await leaves(browser, userName);
    expect(isAt(browser.page)).toEqual({ host: there, step: 'identify' });
    expect(browser.page.form('username').fields.username).toBe(userName);
    const authenticator = await joins(houses.organisation, browser, userName);
    const first = await signedIn(browser);
    expect(first.claims).toMatchObject({ acr: 'phr', amr: [federated(), 'pop'] });
    const user = await houses.hub.base.knex('users').where({ id: first.claims.sub }).first();
    expect(user).toMatchObject({ user_principal_name: userName });
    expect(user.id).not.toBe(id);
    const [link] = await houses.hub.base.knex('federated_identities').where({ user_id: user.id });
    expect(link).toMatchObject({ sub: id, issuer: houses.organisation.issuer, linked_by: 'creation' });

    const again = await atHub();
    await leaves(again, userName);
    await signsInThere(again, authenticator);
    expect((await signedIn(again)).claims).toMatchObject({ sub: user.id, acr: 'phr' });
    // Each house has its cookies, and neither sees the other's.
    expect(new Set(again.cookies.all.map(({ host }) => host))).toEqual(new Set([there, here]));
    expect(again.cookies.all.every(({ hostOnly }) => hostOnly)).toBe(true);
    expect(again.cookies.refused).toEqual([]);
  });

  test('is believed as far as the ceiling goes', async () => {
    const trusted = await houses.trust({ provider: { ...believed(), ceiling: '2f' } });
    expect((await someone(trusted)).claims).toMatchObject({
      acr: `${houses.hub.issuer}/acr/2f`,
      amr: [federated(), 'pop'],
    });
  });

  test('comes in whichever way the hub shows its secret, and not when that is another by now', async () => {
    const clientAuthentication = 'client_secret_post';
    const trusted = await houses.trust({ provider: { ...believed(), ceiling: '1f', clientAuthentication } });
    const { userName, authenticator, claims } = await someone(trusted);
    expect(claims.acr).toBe(`${houses.hub.issuer}/acr/1f`);
    const house = { run: houses.hub.base.run, party: relyingParty(outboundOf(houses.hub.base.config)) };
    const tried = () => tryIdentityProvider({ ...house, issuer: houses.hub.issuer }, asOperator, trusted.id);
    expect(await tried()).toMatchObject({ isUsable: true });
    const another = { id: trusted.id, changes: {}, clientSecret: 'another', ourIssuer: houses.hub.issuer };
    await houses.hub.work((w) => changeProvider(w, another));
    expect((await tried()).checks.filter(({ result }) => result !== 'ok')).toMatchObject([{ check: 'client' }]);
    const browser = await atHub();
    await leaves(browser, userName);
    await signsInThere(browser, authenticator);
    expect(isAt(browser.page)).toEqual({ host: here, step: 'verify' });
    expect(await lastRefusal(houses.hub)).toBe('upstream_refused');
  });

  test('is not asked there again while they are signed in, unless the app wants it fresh', async () => {
    const trusted = await houses.trust({ provider: { ...believed(), ceiling: 'phr' } });
    const { userName, browser, authenticator, claims } = await someone(trusted);
    const earlier = claims.auth_time! - 600;
    /** Signed in there ten minutes ago, and here no more. */
    const leftHere = async (extra: Record<string, string> = {}) => {
      await houses.organisation.base.knex.raw(
        `update oidc_sessions set payload = payload || jsonb_build_object('loginTs', ?::bigint)
          where account_id = (select id from users where user_principal_name = ?)`,
        [earlier, userName],
      );
      await browser.visit(`${houses.hub.issuer}/session/end`);
      await browser.click('confirm-logout');
      await atHub(extra, browser);
      return leaves(browser, userName);
    };
    await leftHere();
    expect((await signedIn(browser)).claims).toMatchObject({ sub: claims.sub, auth_time: earlier, acr: 'phr' });
    await leftHere({ max_age: '3600' });
    expect((await signedIn(browser)).claims).toMatchObject({ sub: claims.sub, auth_time: earlier });
    for (const fresh of [{ max_age: '0' }, { max_age: '60' }, { prompt: 'login' }] as Record<string, string>[]) {
      expect([isAt(await leftHere(fresh)).host, fresh]).toEqual([there, fresh]);
      await signsInThere(browser, authenticator);
      expect((await signedIn(browser)).claims.auth_time).toBeGreaterThanOrEqual(claims.auth_time!);
    }
  });

  test('and an app that wants it fresh of somebody who is signed in gets it from there', async () => {
    const trusted = await houses.trust({ provider: { ...believed(), ceiling: 'phr' } });
    const { userName, browser, authenticator, claims } = await someone(trusted);
    await atHub({ prompt: 'login' }, browser);
    if (browser.page.step === 'identify') await identify(browser, userName);
    await browser.click('use-upstream');
    expect(isAt(browser.page).host).toBe(there);
    await signsInThere(browser, authenticator);
    expect((await signedIn(browser)).claims.sub).toBe(claims.sub);
  });

  test.each([
    ['acceptIfMfaDoneByFederatedIdp', 'a passkey', 'phr'],
    ['acceptIfMfaDoneByFederatedIdp', 'a pass', '2f'],
    ['enforceMfaByFederatedIdp', 'a passkey', 'phr'],
    ['enforceMfaByFederatedIdp', 'a pass', '2f'],
    ['rejectMfaByFederatedIdp', 'a passkey', '1f'],
    ['rejectMfaByFederatedIdp', 'a pass', '1f'],
  ] as const)('under %s with %s there has reached %s here', async (mfaBehavior, what, level) => {
    const trusted = await houses.trust({ provider: { ...believed(), ceiling: 'phr' }, domain: { mfaBehavior } });
    const { userPrincipalName: userName } = await trusted.colleague();
    const browser = await atHub();
    await leaves(browser, userName);
    if (what === 'a passkey') await joins(houses.organisation, browser, userName);
    else await enterPass(browser, userName, await houses.organisation.pass(userName, { purpose: 'signIn' }));
    const { claims } = await signedIn(browser);
    const amr = [federated(), ...{ phr: ['pop'], '2f': ['mfa'], '1f': [] }[level]];
    expect(claims).toMatchObject({ acr: level === 'phr' ? 'phr' : `${houses.hub.issuer}/acr/${level}`, amr });

    // An app that wants a passkey: it was one there, is asked for there, or is asked for here.
    await atHub({ acr_values: 'phr' }, browser);
    expect(browser.page.isCallback).toBe(level === 'phr');
    if (level === 'phr') return;
    const counts = mfaBehavior !== 'rejectMfaByFederatedIdp';
    const [over, ours] = ['#use-upstream', '#use-recovery-code'].map((button) => browser.page.find(button) !== null);
    expect([over, ours]).toEqual([counts, mfaBehavior !== 'enforceMfaByFederatedIdp']);
    if (!counts) return;
    await browser.click('use-upstream');
    expect(isAt(browser.page)).toEqual({ host: there, step: 'verify' });
    expect(browser.page.find('form[data-passkey=get]')).not.toBeNull();
  });

  test('who was given a pass there makes a passkey there before the hub hears of them', async () => {
    const trusted = await houses.trust({ provider: { ...believed(), ceiling: 'phr' } });
    const { userPrincipalName: userName, id } = await trusted.colleague();
    const browser = await atHub();
    await leaves(browser, userName);
    await enterPass(browser, userName, await houses.organisation.pass(userName));
    expect(isAt(browser.page)).toEqual({ host: there, step: 'enrol' });
    // Another way from the hub leads past it no more than this one.
    const other = await atHub({}, newBrowser({ stopAt: [app.redirectUri] }));
    for (const cookie of browser.cookies.all) other.cookies.put(cookie);
    await leaves(await atHub({}, other), userName);
    expect(isAt(other.page).host).toBe(there);
    expect(await houses.hub.base.knex('federated_identities').where({ sub: id })).toEqual([]);
    const authenticator = newAuthenticator();
    await createPasskey(browser, authenticator);
    expect(isAt(browser.page)).toEqual({ host: there, step: 'confirm' });
    await usePasskey(browser, authenticator);
    const { claims } = await signedIn(browser);
    expect(claims).toMatchObject({ acr: 'phr', amr: [federated(), 'pop'] });
    expect(await houses.hub.base.knex('federated_identities').where({ sub: id })).toMatchObject([
      { user_id: claims.sub },
    ]);
  });
});

describe('a joiner at the hub', () => {
  test('has a pass and a passkey here, their organisation’s sign-in, and the passkey from then on', async () => {
    const trusted = await houses.trust({ provider: { ...believed(), ceiling: '2f' } });
    const colleague = await trusted.colleague();
    const { userPrincipalName: userName } = colleague;
    // Their account there is in use already.
    const theirs = newBrowser();
    await theirs.visit(`${houses.organisation.issuer}/security-info`);
    const keyThere = await joins(houses.organisation, theirs, userName);
    const { id } = await houses.hub.user(userName);
    await houses.hub.work((w) => linkIdentity(w, { user: id, providerId: trusted.id, sub: colleague.id }));

    const joining = await atHub();
    const keyHere = await joins(houses.hub, joining, userName);
    expect((await signedIn(joining)).claims).toMatchObject({ sub: id, acr: 'phr' });
    expect(joining.history.every(({ url }) => new URL(url).hostname === here)).toBe(true);

    const over = await atHub();
    await leaves(over, userName);
    await signsInThere(over, keyThere);
    expect((await signedIn(over)).claims).toMatchObject({ sub: id, acr: `${houses.hub.issuer}/acr/2f` });

    const back = await atHub();
    await identify(back, userName);
    await back.click('use-passkey');
    await usePasskey(back, keyHere);
    expect((await signedIn(back)).claims).toMatchObject({ sub: id, acr: 'phr' });
  });
});

describe('signed out', () => {
  const silently = async (browser: CookieBrowser) => {
    const { callback } = await browser.visit(await app.authorizationUrl({ prompt: 'none' }));
    return callback.searchParams.get('error') ?? 'code';
  };
  /** The token goes from the organisation to the hub, and from the hub to the app. */
  const told = async (sub: string) => {
    await houses.deliverLogouts();
    return receiver.logouts.filter(({ claims }) => claims.sub === sub).map(({ claims }) => claims.sid);
  };

  test.each<[string, (person: Awaited<ReturnType<typeof someone>>) => Promise<unknown>]>([
    ['by an administrator', ({ id }) => houses.organisation.work((w) => revokeSessions(w, { user: id, methods }))],
    [
      'everywhere, by themselves',
      async ({ browser }) => {
        await browser.visit(`${houses.organisation.issuer}/security-info/sign-out-everywhere`);
        await browser.click('sign-out-everywhere');
        expect(isAt(browser.page)).toEqual({ host: there, step: 'logged-out' });
      },
    ],
    [
      'in one browser, by themselves',
      async ({ browser }) => {
        await browser.visit(`${houses.organisation.issuer}/session/end`);
        await browser.click('confirm-logout');
      },
    ],
    ['when disabled', ({ id }) => houses.organisation.work((w) => changePerson(w, id, { enabled: false }))],
    ['when deleted', ({ id }) => houses.organisation.work((w) => deletePerson(w, id))],
  ])('there, %s: here as well, and the app hears of it', async (_how, signOut) => {
    const trusted = await houses.trust({ provider: { ...believed(), ceiling: 'phr' } });
    const [person, other] = [await someone(trusted), await someone(trusted)];
    expect(await silently(person.browser)).toBe('code');
    await signOut(person);
    expect(await told(person.claims.sub)).toEqual([person.claims.sid]);
    expect([await silently(person.browser), await silently(other.browser)]).toEqual(['login_required', 'code']);
    expect(await told(other.claims.sub)).toEqual([]);
    const userinfo = await fetch(`${houses.hub.issuer}/me`, {
      headers: { authorization: `Bearer ${person.tokens.access_token}` },
    });
    expect(userinfo.status).toBe(401);
    expect(receiver.mistakes).toEqual([]);
    const ended = await eventsOf(houses.hub, { type: 'session.ended-elsewhere', userId: person.claims.sub });
    expect(ended).toMatchObject([{ details: { identityProvider: trusted.id, why: 'logout', sessions: 1 } }]);
  });

  test('here, where the provider is set so: there as well, and back to where the app wanted them', async () => {
    const trusted = await houses.trust({ provider: { ...believed(), ceiling: 'phr', endsSessionThere: true } });
    const { browser, claims, tokens, userName } = await someone(trusted);
    await browser.visit(await app.logoutUrl(tokens.id_token));
    await browser.click('confirm-logout');
    // Each house asks for itself, since a link that somebody else wrote may lead to either.
    expect(isAt(browser.page).host).toBe(there);
    await browser.click('confirm-logout');
    expect(browser.page.callback.href).toBe(app.postLogoutRedirectUri);
    expect(await silently(browser)).toBe('login_required');
    await atHub({}, browser);
    await leaves(browser, userName);
    expect(isAt(browser.page)).toEqual({ host: there, step: 'identify' });
    expect(await told(claims.sub)).toEqual([claims.sid]);
  });

  test('here, where it is not: the session there stays', async () => {
    const trusted = await houses.trust({ provider: { ...believed(), ceiling: 'phr' } });
    const { browser, claims, tokens, userName } = await someone(trusted);
    await browser.visit(await app.logoutUrl(tokens.id_token));
    await browser.click('confirm-logout');
    expect(browser.page.callback.href).toBe(app.postLogoutRedirectUri);
    await atHub({}, browser);
    await leaves(browser, userName);
    expect((await signedIn(browser)).claims.sub).toBe(claims.sub);
  });
});

describe('an app with offline access', () => {
  const refreshed = async ({ tokens }: SignedIn) => {
    const answer = await app.refresh(tokens.refresh_token!).catch(({ error }: { error: string }) => error);
    return typeof answer === 'string' ? answer : answer.refresh_token;
  };

  test('loses it by a logout there, also when the session here has run out', async () => {
    const trusted = await houses.trust({ provider: { ...believed(), ceiling: 'phr' } });
    const [person, other] = [await someone(trusted), await someone(trusted)];
    const offline = async ({ browser }: { readonly browser: CookieBrowser }) =>
      signedIn(await atHub({ scope: 'openid offline_access', prompt: 'consent' }, browser));
    const [its, others] = [await offline(person), await offline(other)];
    const { knex, connection } = houses.hub.base;
    await knex('oidc_sessions')
      .where({ account_id: person.claims.sub })
      .update({ expires_at: new Date(Date.now() - 6 * 60_000) });
    const db = connectNamedStatements(connection, { max: 1 });
    await purgeExpired(db);
    await db.close();
    expect(await knex('oidc_sessions').where({ account_id: person.claims.sub })).toEqual([]);
    const tokens = { ...its.tokens, refresh_token: await refreshed(its) } as SignedIn['tokens'];
    expect(tokens.refresh_token).toMatch(/^[\w-]{40,}$/);

    await houses.organisation.work((w) => revokeSessions(w, { user: person.id, methods }));
    await houses.deliverLogouts();
    expect(await refreshed({ ...its, tokens })).toBe('invalid_grant');
    expect(await refreshed(others)).toMatch(/^[\w-]{40,}$/);
    const sids = receiver.logouts
      .filter(({ claims }) => claims.sub === person.claims.sub)
      .map(({ claims }) => claims.sid);
    expect(sids).toEqual([its.claims.sid]);
  });
});

describe('what happens to somebody there', () => {
  test('disabled: they are told what to do, there, and come in no more', async () => {
    const trusted = await houses.trust({ provider: { ...believed(), ceiling: 'phr' } });
    const { id, userName, authenticator, claims } = await someone(trusted);
    await houses.organisation.work((w) => changePerson(w, id, { enabled: false }));
    const browser = await atHub();
    await leaves(browser, userName);
    await signsInThere(browser, authenticator);
    expect(isAt(browser.page)).toEqual({ host: there, step: 'verify' });
    expect(browser.page.text).toContain('Contact the help desk');
    expect(await lastRefusal(houses.organisation)).toBe('credential_suspended');
    expect(await eventsOf(houses.hub, { userId: claims.sub, type: 'sign-in.completed' })).toHaveLength(1);

    // Enabled again, everything is as it was.
    await houses.organisation.work((w) => changePerson(w, id, { enabled: true }));
    await signsInThere(browser, authenticator);
    expect((await signedIn(browser)).claims.sub).toBe(claims.sub);
  });

  test('deleted and made anew under the same name: nothing of what the former had is theirs', async () => {
    const trusted = await houses.trust({ provider: { ...believed(), ceiling: 'phr' } });
    const { id, userName, claims } = await someone(trusted);
    await houses.organisation.work((w) => deletePerson(w, id));
    const anew = await houses.organisation.user(userName);
    const kept = async () => {
      const { knex } = houses.hub.base;
      const links = await knex('federated_identities').where({ provider_id: trusted.id });
      const users = await knex('users').where({ user_principal_name: userName });
      return { links: links.map(({ sub, user_id }) => [sub, user_id]), users: users.map((user) => user.id) };
    };
    const browser = await atHub();
    await leaves(browser, userName);
    await joins(houses.organisation, browser, userName);
    expect(isAt(browser.page)).toEqual({ host: here, step: 'error' });
    expect(title(browser.page)).toBe('An account with this name exists');
    expect(await lastRefusal(houses.hub)).toBe('name_taken');
    expect(await kept()).toEqual({ links: [[id, claims.sub]], users: [claims.sub] });

    // What the page says helps: an administrator links who they are now, once the former link is taken away.
    const [former] = await houses.hub.base.knex('federated_identities').where({ sub: id });
    await houses.hub.work((w) => unlinkIdentity(w, { user: claims.sub, identityId: former.id }));
    await houses.hub.work((w) => linkIdentity(w, { user: claims.sub, providerId: trusted.id, sub: anew.id }));
    await atHub({}, browser);
    await leaves(browser, userName);
    expect((await signedIn(browser)).claims.sub).toBe(claims.sub);
  });
});
