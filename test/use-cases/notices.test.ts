import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { messages } from '../../views/messages.ts';
import { issuePass, revokePass } from '../../src/methods/temporary-access-pass/manage-passes.ts';
import { claimMail, listMail, settleMail } from '../../src/notices/outbox.ts';
import { tell } from '../../src/notices/tell.ts';
import { deletePerson } from '../../src/people.ts';
import { grantRole } from '../../src/roles/manage-roles.ts';
import type * as steps from '../../src/sign-in/steps.ts';
import { changeUser, createUser, getUser, setManager } from '../../src/users/manage-users.ts';
import type { User } from '../../src/users/user.ts';
import { asOperator, openTestBase, type TestBase } from '../support/house.ts';
import { queuedMails } from '../support/mails.ts';
import { aHouse, aName, aVisitor } from '../support/makers.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

/** What people are told of their accounts, where, and in which transaction. Sending it is in test/flows/mail.test.ts. */

const subjects = Object.fromEntries(
  Object.entries(messages.mails.notices).map(([kind, { subject }]) => [kind, subject]),
) as Record<keyof typeof messages.mails.notices, string>;

let latchkey: TestBase;
let house: steps.SignInHouse;
beforeAll(async () => {
  latchkey = await openTestBase();
  house = aHouse(latchkey);
});
afterAll(() => latchkey?.close());

/** A user with a mail address that is not the user name. */
async function aReader(mail: string | null = aName('mail')): Promise<User & { mail: string }> {
  const userPrincipalName = aName('reader');
  const made = await latchkey.work((work) => createUser(work, { userPrincipalName, displayName: 'Reader', mail }));
  return made as User & { mail: string };
}

const toldTo = async (mail: string) => (await queuedMails(latchkey, mail)).map(({ subject }) => subject);
const rows = async () => Number((await latchkey.base.knex('mail_outbox').count('* as n').first())!.n);
const links = async () => Number((await latchkey.base.knex('containment_links').count('* as n').first())!.n);

describe('people are told', () => {
  test('of a pass given, one given in its place, and one taken back: one mail each', async () => {
    const { id, mail } = await aReader();
    await latchkey.pass(id);
    await latchkey.pass(id);
    await latchkey.work((work) => revokePass(work, { user: id }));
    expect(await toldTo(mail)).toEqual([subjects.passIssued, subjects.passReplaced, subjects.passRevoked]);
  });

  test('of a pass entered and of the passkey made with it, not of a wrong code and not of signing in', async () => {
    const { id, mail, userPrincipalName } = await aReader();
    const code = await latchkey.pass(id);
    const visitor = await aVisitor(house);
    const authenticator = newAuthenticator();
    await visitor.enter(userPrincipalName, 'WRNG-WRNG-WRNG-WRNG');
    expect(await toldTo(mail)).toEqual([subjects.passIssued]);
    expect(await visitor.enter(userPrincipalName, code)).toBe('enrol');
    expect(await toldTo(mail)).toEqual([subjects.passIssued, subjects.passUsed]);
    await visitor.register(authenticator);
    expect(await visitor.sign(authenticator)).toBe('complete');
    expect(await (await aVisitor(house)).sign(authenticator)).toBe('complete');
    expect(await toldTo(mail)).toEqual([subjects.passIssued, subjects.passUsed, subjects.passkeyAdded]);
  });

  test('of which account, when, and where to say "this was not me"; never the code, nor who it was', async () => {
    const { id, mail, userPrincipalName } = await aReader();
    const { code } = await issuePass(latchkey.base.run, asOperator, { user: id, reason: 'first day', ticket: 'T-1' });
    const [told] = await queuedMails(latchkey, mail);
    const now = await latchkey.work(async (work) => work.now);
    expect(told!.text).toContain(`Account: ${userPrincipalName}\n`);
    expect(told!.text).toContain(`When: ${now.toISOString().slice(0, 10)} `);
    expect(told!.text).toContain('An administrator made a temporary pass');
    expect(`${told!.link!.origin}${told!.link!.pathname}`).toBe('http://localhost:3000/not-me');
    expect(told!.link!.searchParams.get('token')).toMatch(/^[\w-]{43}$/);
    for (const hidden of [code, code.match(/.{4}/g)!.join('-'), 'first day', 'T-1', 'operator', 'Reader']) {
      expect(told!.text).not.toContain(hidden);
    }
  });

  test('nothing when there is no address: a user name is not one', async () => {
    const { id } = await aReader(null);
    const before = [await rows(), await links()];
    await latchkey.pass(id);
    expect([await rows(), await links()]).toEqual(before);
  });
});

describe('with the change or not at all', () => {
  test('a work that is rolled back leaves no mail and no link', async () => {
    const { id, mail } = await aReader();
    await latchkey.pass(id);
    const before = [await rows(), await links()];
    const broken = latchkey.work(async (work) => {
      await tell(work, { issuer: 'http://localhost:3000', userId: id, notice: { kind: 'passRevoked' } });
      await revokePass(work, { user: id });
      throw new Error('the machine fell over');
    });
    await expect(broken).rejects.toThrow('fell over');
    expect([await rows(), await links()]).toEqual(before);
    expect(await toldTo(mail)).toEqual([subjects.passIssued]);
  });

  test('a request that is refused tells nobody', async () => {
    const { id, mail } = await aReader();
    await expect(latchkey.pass(id, { lifetimeMinutes: 1 })).rejects.toMatchObject({ code: 'invalid_input' });
    expect(await toldTo(mail)).toEqual([]);
  });

  test('a deleted user loses nothing that was on its way', async () => {
    const { id, mail } = await aReader();
    await latchkey.pass(id);
    await latchkey.work((work) => deletePerson(work, id));
    expect(await toldTo(mail)).toEqual([subjects.passIssued]);
  });
});

describe('for a day after a change of address', () => {
  const day = 24 * 60;
  async function later<T>(minutes: number, body: () => Promise<T>): Promise<T> {
    latchkey.clock.advance(minutes);
    try {
      return await body();
    } finally {
      latchkey.clock.advance(-minutes);
    }
  }
  const move = (id: string, mail: string | null) =>
    latchkey.work(async (work) => changeUser(work, await getUser(work, id), { mail }));

  test('the one before is told too', async () => {
    const { id, mail } = await aReader();
    const next = aName('next');
    await move(id, next);
    await later(day - 1, () => latchkey.pass(id));
    expect([await toldTo(mail), await toldTo(next)]).toEqual([[subjects.passIssued], [subjects.passIssued]]);
    await later(day + 1, () => latchkey.pass(id));
    expect([(await toldTo(mail)).length, (await toldTo(next)).length]).toEqual([1, 2]);
  });

  test('changing it twice, or taking it away, silences nobody', async () => {
    const { id, mail } = await aReader();
    const [second, third] = [aName('second'), aName('third')];
    await move(id, second);
    await move(id, third);
    await move(id, null);
    await latchkey.pass(id);
    for (const address of [mail, second, third]) expect(await toldTo(address)).toEqual([subjects.passIssued]);
  });

  test('there and back again is one address, told once', async () => {
    const { id, mail } = await aReader();
    const before = await rows();
    await move(id, mail.toUpperCase());
    await move(id, mail);
    await latchkey.pass(id);
    expect(await rows()).toBe(before + 1);
  });

  test('all mails of one notice lead to one containment', async () => {
    const { id, mail } = await aReader();
    const next = aName('next');
    await move(id, next);
    await latchkey.pass(id);
    const [[old], [now]] = [await queuedMails(latchkey, mail), await queuedMails(latchkey, next)];
    expect(old!.link!.href).toBe(now!.link!.href);
  });

  test('when mail and manager changed is kept with the user', async () => {
    const [user, boss] = [await aReader(), await aReader()];
    expect([user.mailChangedAt, user.managerChangedAt]).toEqual([null, null]);
    const moved = await move(user.id, aName('next'));
    await latchkey.work((work) => setManager(work, user.id, boss.id));
    const kept = await latchkey.work((work) => getUser(work, user.id));
    expect(kept.mailChangedAt).toBeInstanceOf(Date);
    expect(kept.mailChangedAt).toEqual(moved.mailChangedAt);
    expect(kept.managerChangedAt).toBeInstanceOf(Date);
    await latchkey.work((work) => changeUser(work, kept, { mail: kept.mail, displayName: 'Other' }));
    expect(await latchkey.work((work) => getUser(work, user.id))).toEqual({ ...kept, displayName: 'Other' });
  });
});

test('twenty nodes that claim at once get twenty different mails', async () => {
  for (let n = 0; n < 20; n += 1) await latchkey.pass((await aReader()).id);
  const claims = await Promise.all(Array.from({ length: 20 }, () => latchkey.work(claimMail)));
  const ids = claims.flatMap((claimed) => claimed?.id ?? []);
  expect(ids).toHaveLength(20);
  expect(new Set(ids).size).toBe(20);
  for (const claimed of claims) await latchkey.work((work) => settleMail(work, claimed!, { kind: 'sent' }));
});

test('a body that was sealed with another key is given up, and holds nothing else up', async () => {
  const { id, mail } = await aReader();
  await latchkey.work((work) => work.tx('mail_outbox').where('state', '=', 'queued').update({ due_at: '2100-01-01' }));
  await latchkey.pass(id);
  await latchkey.pass(id);
  const first = (await latchkey.work(listMail)).filter(({ recipient }) => recipient === mail).at(-1)!;
  await latchkey.base
    .knex('mail_outbox')
    .where('id', '=', first.id)
    .update({ sealed_body: Buffer.alloc(64, 1) });
  const claimed = await latchkey.work(claimMail);
  expect(claimed).toMatchObject({ recipient: mail, subject: subjects.passReplaced });
  const listed = (await latchkey.work(listMail)).find((it) => it.id === first.id);
  expect(listed).toMatchObject({ state: 'failed', lastError: 'sealed with another master key', dueAt: null });
});

test('a list is for those who may read people', async () => {
  const nobody = { ...asOperator, actor: { kind: 'client', clientId: 'x', permissions: [] } as const };
  await expect(latchkey.base.run(nobody, listMail)).rejects.toMatchObject({ code: 'forbidden' });
});

describe('administrators', () => {
  test('all of them, and nobody else, hear in one mail of providers and domains that change', async () => {
    const [admin, reader] = [await aReader(), await aReader()];
    await latchkey.work((work) => grantRole(work, admin.id, 'Global Reader'));
    const before = await toldTo(reader.mail);
    const provider = { id: 'contoso', displayName: 'Contoso', issuer: 'https://contoso.example', client_id: 'c' };
    const seed = { identityProviders: [{ ...provider, client_secret: 'hush', domains: ['contoso.example'] }] };
    await latchkey.seed(seed);
    await latchkey.seed(seed);
    const mails = await queuedMails(latchkey, admin.mail);
    expect(mails.map(({ subject }) => subject)).toEqual([subjects.federationChanged]);
    expect(mails[0]!.text).toContain('Changed: identity provider contoso, domain contoso.example\n');
    expect(mails[0]!.text).not.toMatch(/hush|not-me/);
    expect(await toldTo(reader.mail)).toEqual(before);
  });

  test('hear nothing of a provider that is only tried', async () => {
    const admin = await aReader();
    await latchkey.work((work) => grantRole(work, admin.id, 'Global Reader'));
    const details = { identityProvider: 'contoso', issuer: 'https://contoso.example', isUsable: true };
    await latchkey.work(async (work) => work.record({ type: 'identity-provider.tested', details }));
    expect(await queuedMails(latchkey, admin.mail)).toEqual([]);
  });
});
