import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { changePasswordPolicy, resetPasswordPolicy } from '../../src/methods/password/manage-policy.ts';
import { grantRole } from '../../src/roles/manage-roles.ts';
import { createUser } from '../../src/users/manage-users.ts';
import { messages } from '../../views/messages.ts';
import { newBrowser } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { queuedMails } from '../support/mails.ts';
import { aName, eventsOf, untilSomebodyWaits } from '../support/makers.ts';
import { createPasskey, enterPass, usePasskey } from '../support/person.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

/** Who may is in matrix.test.ts; here is what a reset answers, what it ends, and what it leaves. */

const passwordId = '28c10230-6103-485e-b985-444c60001490';
const words = 'plum lantern over quiet tuba';

let house: TestHouse;
let authorization: string;
beforeAll(async () => {
  const plenty = { most: 100_000, windowMinutes: 5 };
  house = await startHouse({ LATCHKEY_THROTTLES: JSON.stringify({ source: plenty, sourceAndAccount: plenty }) });
  const app_roles = ['UserAuthenticationMethod.ReadWrite.All'];
  const desk = { client_id: 'desk', client_secret: 'secret', grant_types: ['client_credentials'], app_roles };
  await house.seed({ clients: [desk] });
  const body = new URLSearchParams({ grant_type: 'client_credentials', scope: `${house.issuer}/management/.default` });
  const headers = { authorization: `Basic ${btoa('desk:secret')}` };
  const answer = await fetch(`${house.issuer}/token`, { method: 'POST', body, headers });
  authorization = `Bearer ${((await answer.json()) as { access_token: string }).access_token}`;
  await house.work((work) => changePasswordPolicy(work, { alone: true }));
});
afterAll(() => house?.close());

async function aPerson() {
  const [userPrincipalName, mail] = [aName(), aName('mail')];
  const { id } = await house.work((work) => createUser(work, { userPrincipalName, displayName: 'Person', mail }));
  return { id, userName: userPrincipalName, mail };
}

const address = (user: string, rest: string) => `${house.issuer}/v1.0/users/${user}/authentication/${rest}`;
const reset = (user: string, body: object = {}, method = passwordId) =>
  fetch(address(user, `methods/${method}/resetPassword`), {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
const verifierOf = async (userId: string) =>
  ((await house.base.knex('passwords').where('user_id', '=', userId).first()) as { verifier: string } | undefined)
    ?.verifier;

async function stepWith(userName: string, password: string): Promise<string | null> {
  const browser = newBrowser();
  await browser.visit(`${house.issuer}/security-info`);
  await browser.submit({ formWith: 'username', fields: { username: userName } });
  if (!browser.page.find('#password')) await browser.click('use-password');
  const page = await browser.submit({ formWith: 'password', fields: { password } });
  // Signed in, and not strongly enough for the page itself.
  return page.find('#password-mistake') || page.find('#error-summary') ? 'refused' : page.step;
}

describe('a reset', () => {
  test('sets the password that was sent, answers 202 with an operation, and does not repeat it', async () => {
    const { id, userName } = await aPerson();
    const answer = await reset(userName, { newPassword: words });
    expect(answer.status).toBe(202);
    expect(await answer.json()).toEqual({});
    const location = answer.headers.get('location')!;
    expect(location).toMatch(new RegExp(`^${address(id, 'operations')}/[0-9a-f-]{36}$`));
    const operation = await fetch(location, { headers: { authorization } });
    expect(operation.status).toBe(200);
    expect(await operation.json()).toMatchObject({
      id: location.split('/').at(-1),
      status: 'succeeded',
      createdDateTime: expect.any(String),
      resourceLocation: address(id, `methods/${passwordId}`),
    });
    expect(await stepWith(userName, words)).not.toBe('refused');
    expect(await stepWith(userName, `${words} 2`)).toBe('refused');
  });

  test('makes a password where none is sent, shown once and kept nowhere', async () => {
    const { id, userName } = await aPerson();
    const answer = await reset(id);
    const body = (await answer.json()) as { newPassword: string };
    expect(body).toEqual({
      '@odata.context': `${house.issuer}/v1.0/$metadata#microsoft.graph.passwordResetResponse`,
      newPassword: expect.stringMatching(/^([2-9A-HJ-NP-Z]{4}-){4}[2-9A-HJ-NP-Z]{4}$/),
    });
    expect(await stepWith(userName, body.newPassword)).not.toBe('refused');
    const dump = JSON.stringify([await eventsOf(house, { userId: id }), await house.base.knex('passwords').select()]);
    expect(dump).not.toContain(body.newPassword);
    const list = await fetch(address(id, 'methods'), { headers: { authorization } });
    expect(await list.text()).not.toContain(body.newPassword);
    const operation = await fetch(answer.headers.get('location')!, { headers: { authorization } });
    expect(await operation.text()).not.toContain(body.newPassword);
  });

  test('ends what the user is signed in to, leaves a live pass, and is recorded and told', async () => {
    const { id, userName, mail } = await aPerson();
    const browser = newBrowser();
    const authenticator = newAuthenticator();
    await browser.visit(`${house.issuer}/security-info`);
    await enterPass(browser, userName, await house.pass(userName));
    await createPasskey(browser, authenticator);
    expect((await usePasskey(browser, authenticator)).step).toBe('security-info');
    const code = await house.pass(userName);
    expect((await reset(id, { newPassword: words })).status).toBe(202);
    expect((await browser.visit(`${house.issuer}/security-info`)).step).toBe('identify');
    expect((await enterPass(browser, userName, code)).step).toBe('enrol');
    const events = (await eventsOf(house, { userId: id })).filter(({ actor_kind }) => actor_kind === 'client');
    expect(events.map(({ type, details }) => [type, details.sessions])).toEqual([
      ['password.reset', undefined],
      ['session.all-ended', 1],
    ]);
    const subjects = (await queuedMails(house, mail)).map(({ subject }) => subject);
    expect(subjects).toContain(messages.mails.notices.passwordReset.subject);
    expect(subjects).not.toContain(messages.mails.notices.passwordSet.subject);
  });

  test.each([
    ['too short where it may stand alone', 'plum lantern'],
    ['empty', ''],
    ['too long', 'plum '.repeat(40)],
  ])('is refused for a password that is %s, and nothing changes', async (_what, newPassword) => {
    const { id } = await aPerson();
    await reset(id, { newPassword: words });
    const before = await verifierOf(id);
    const answer = await reset(id, { newPassword });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      error: { message: expect.stringMatching(/^newPassword needs 15 to 128/) },
    });
    expect(await verifierOf(id)).toBe(before);
  });

  test('is refused where policy has no passwords, and for a method that is none', async () => {
    const { id } = await aPerson();
    expect((await reset(id, {}, 'b5c10230-6103-485e-b985-444c60001490')).status).toBe(404);
    await house.work((work) => changePasswordPolicy(work, { state: 'disabled' }));
    try {
      expect((await reset(id)).status).toBe(409);
    } finally {
      await house.work((work) => changePasswordPolicy(work, { state: 'enabled' }));
    }
    expect(await verifierOf(id)).toBeUndefined();
  });

  test('is refused for whom a pass takes a second administrator', async () => {
    const { id } = await aPerson();
    await house.work((work) => grantRole(work, id, 'Global Reader'));
    expect((await reset(id, { newPassword: words })).status).toBe(403);
    expect(await verifierOf(id)).toBeUndefined();
  });

  test('is refused when the user was given a role while it was hashed', async () => {
    const { id } = await aPerson();
    const held = await house.base.knex.transaction();
    await held('users').where('id', '=', id).forUpdate();
    const answer = reset(id, { newPassword: words });
    await untilSomebodyWaits(house);
    await held('role_assignments').insert({
      id,
      user_id: id,
      role_template_id: 'f2ef992c-3afb-46b9-b7cf-a126ee74c451',
      granted_at: new Date(),
    });
    await held.commit();
    expect((await answer).status).toBe(403);
    expect(await verifierOf(id)).toBeUndefined();
  });

  test('of somebody else is not found among one’s operations, nor an id that never was', async () => {
    const [one, other] = [await aPerson(), await aPerson()];
    const operation = (await reset(one.id)).headers.get('location')!.split('/').at(-1)!;
    for (const [user, id] of [
      [other.id, operation],
      [one.id, 'x'],
    ] as const) {
      const answer = await fetch(address(user, `operations/${id}`), { headers: { authorization } });
      expect(answer.status).toBe(404);
    }
  });
});

test('a made password is as long as policy wants it', async () => {
  await house.work((work) => changePasswordPolicy(work, { minimumLength: 40 }));
  try {
    const { id } = await aPerson();
    const answer = await reset(id);
    expect(answer.status).toBe(202);
    expect(((await answer.json()) as { newPassword: string }).newPassword).toHaveLength(49);
  } finally {
    await house.work(resetPasswordPolicy);
    await house.work((work) => changePasswordPolicy(work, { alone: true }));
  }
});
