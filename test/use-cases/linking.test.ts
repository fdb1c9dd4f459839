import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Actor } from '../../src/core/actor.ts';
import type { Work } from '../../src/core/work.ts';
import { addMember, ensureGroup } from '../../src/groups/manage-groups.ts';
import { link } from '../../src/methods/upstream/identities.ts';
import { createDomain, deleteDomain } from '../../src/methods/upstream/manage-domains.ts';
import { createProvider } from '../../src/methods/upstream/manage-providers.ts';
import {
  allowAdministrator,
  type LinkIdentity,
  linkIdentity,
  listIdentitiesOf,
  unlinkIdentity,
} from '../../src/others-identities.ts';
import { removePasskeyOf } from '../../src/others-methods.ts';
import { deletePerson } from '../../src/people.ts';
import { grantRole } from '../../src/roles/manage-roles.ts';
import { asOperator, openTestBase, type TestBase } from '../support/house.ts';
import { aHouse, aName, aPasskeyHolder, eventsOf, lastRefusal, passPolicy } from '../support/makers.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

/** Who somebody is at an identity provider, as administrators link it. */

let latchkey: TestBase;
let global: Actor;

const issuer = 'https://login.contoso.example';

beforeAll(async () => {
  latchkey = await openTestBase();
  for (const id of ['contoso', 'fabrikam']) {
    const changes = { displayName: id, issuer: id === 'contoso' ? issuer : `https://${id}.example`, clientId: 'c' };
    await work((w) => createProvider(w, { id, changes, clientSecret: 's' }));
  }
  global = await anAdministrator('Global Administrator');
});
beforeEach(() => passPolicy(latchkey, {}));
afterAll(() => latchkey?.close());

const work = <T>(body: (work: Work) => Promise<T>) => latchkey.work(body);
const as = <T>(actor: Actor, body: (work: Work) => Promise<T>) => latchkey.base.run({ ...asOperator, actor }, body);
const application: Actor = { kind: 'client', clientId: 'hr', permissions: ['UserAuthenticationMethod.ReadWrite.All'] };

async function anAdministrator(role: string): Promise<Actor & { readonly kind: 'user' }> {
  const { id: userId } = await latchkey.user(aName('admin'));
  await work((w) => grantRole(w, userId, role));
  return { kind: 'user', userId, strongAt: await work(async ({ now }) => now) };
}

let subs = 0;
const aSub = () => {
  subs += 1;
  return `00u-${subs}`;
};

const linking = (asked: Partial<LinkIdentity> & { user: string }) => (w: Work) =>
  linkIdentity(w, { providerId: 'contoso', sub: aSub(), ...asked });
const linksOf = async (user: string) => (await work((w) => listIdentitiesOf(w, user))).identities;

describe('a link', () => {
  test('is made, listed and taken away, recorded and told each time', async () => {
    const { id: user, userPrincipalName } = await latchkey.user(aName());
    await work((w) => w.tx('users').where('id', '=', user).update({ mail: 'eve@home.example' }));
    const desk = await anAdministrator('Authentication Administrator');
    const { identity } = await as(desk, linking({ user: userPrincipalName, sub: 'Eve-1', issuer }));
    expect(identity).toMatchObject({ providerId: 'contoso', issuer, sub: 'Eve-1', userId: user, linkedBy: 'user' });
    expect(await linksOf(user)).toEqual([identity]);
    await as(desk, (w) => unlinkIdentity(w, { user, identityId: identity.id }));
    expect(await linksOf(user)).toEqual([]);
    const about = (await eventsOf(latchkey, { userId: user })).filter(({ type }) => type.startsWith('federated-'));
    expect(about).toMatchObject([
      {
        type: 'federated-identity.linked',
        actor_id: desk.userId,
        details: { identityProvider: 'contoso', sub: 'Eve-1' },
      },
      { type: 'federated-identity.unlinked', actor_id: desk.userId, details: { identityId: identity.id } },
    ]);
    const mails = await latchkey.base.knex('mail_outbox').where('user_id', '=', user).orderBy('created_at');
    expect(mails.map(({ subject }) => subject)).toEqual([
      'Another sign-in was linked to your account',
      'A linked sign-in was taken from your account',
    ]);
  });

  test('that stands already is returned as it is, and nothing is recorded', async () => {
    const { id: user } = await latchkey.user(aName());
    const sub = aSub();
    const first = await work(linking({ user, sub }));
    expect(await work(linking({ user, sub }))).toEqual(first);
    expect(await eventsOf(latchkey, { userId: user, type: 'federated-identity.linked' })).toHaveLength(1);
  });

  test('is one at a provider, and one at each', async () => {
    const { id: user } = await latchkey.user(aName());
    await work(linking({ user }));
    await work(linking({ user, providerId: 'fabrikam' }));
    await expect(work(linking({ user }))).rejects.toMatchObject({
      code: 'conflict',
      message: 'This user is linked with another identity of this provider. Unlink that first.',
    });
    expect(await linksOf(user)).toHaveLength(2);
  });

  test('is with the sub as it is written: case counts, and another issuer is another place', async () => {
    const [one, other] = [await latchkey.user(aName()), await latchkey.user(aName())];
    await work(linking({ user: one.id, sub: 'abc' }));
    await work(linking({ user: other.id, sub: 'ABC' }));
    const { id: user } = await latchkey.user(aName());
    for (const [wrong, field] of [
      [{ issuer: `${issuer}/` }, 'issuer'],
      [{ providerId: 'nobody' }, 'identityProviderId'],
      [{ sub: '' }, 'issuerAssignedId'],
      [{ sub: 'é' }, 'issuerAssignedId'],
      [{ sub: 'x'.repeat(256) }, 'issuerAssignedId'],
    ] as const) {
      await expect(work(linking({ user, ...wrong }))).rejects.toMatchObject({
        code: 'invalid_input',
        message: expect.stringMatching(new RegExp(`^${field}: `)),
      });
    }
  });

  test('is nobody else’s: made twenty times at once, for two people, it is one person’s', async () => {
    const people = [await latchkey.user(aName()), await latchkey.user(aName())];
    const sub = aSub();
    const answers = await Promise.allSettled(
      Array.from({ length: 20 }, (_, turn) => work(linking({ user: people[turn % 2]!.id, sub }))),
    );
    const holders = await Promise.all(people.map(async ({ id }) => (await linksOf(id)).length));
    expect(holders.sort()).toEqual([0, 1]);
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
  });

  test('goes with its user', async () => {
    const { id: user } = await latchkey.user(aName());
    const sub = aSub();
    await work(linking({ user, sub }));
    await work((w) => deletePerson(w, user));
    const { id: other } = await latchkey.user(aName());
    expect((await work(linking({ user: other, sub }))).identity.userId).toBe(other);
  });

  test.each(['nobody', '00000000-0000-4000-8000-000000000000', "'; --"])(
    '%j is none to take away',
    async (identityId) => {
      const { id: user } = await latchkey.user(aName());
      await expect(work((w) => unlinkIdentity(w, { user, identityId }))).rejects.toMatchObject({ code: 'not_found' });
      await expect(work((w) => allowAdministrator(w, { user, identityId, allowed: true }))).rejects.toMatchObject({
        code: 'not_found',
      });
    },
  );

  test('of somebody else is not taken away through one’s own name', async () => {
    const [one, other] = [await latchkey.user(aName()), await latchkey.user(aName())];
    const { identity } = await work(linking({ user: one.id }));
    await expect(work((w) => unlinkIdentity(w, { user: other.id, identityId: identity.id }))).rejects.toMatchObject({
      code: 'not_found',
    });
    expect(await linksOf(one.id)).toHaveLength(1);
  });
});

describe('that the last way in was taken away', () => {
  test('is recorded of a passkey where no link signs the person in, and not where one does', async () => {
    await work((w) => createDomain(w, { name: 'contoso.example', providerId: 'contoso' }));
    const house = aHouse(latchkey);
    const recorded = async (linked: boolean) => {
      const { userId, passkeyId } = await aPasskeyHolder(latchkey, house, aName(), newAuthenticator());
      if (linked) await work(linking({ user: userId }));
      await work((w) => removePasskeyOf(w, { methods: house.methods, user: userId, passkeyId }));
      return (await eventsOf(latchkey, { userId, type: 'user.last-method-removed' })).length;
    };
    expect(await recorded(false)).toBe(1);
    expect(await recorded(true)).toBe(0);
    await work((w) => deleteDomain(w, 'contoso.example'));
    expect(await recorded(true)).toBe(1);
  });
});

describe('an identity that is somebody’s already', () => {
  test('says whose to those who may see it, and to no others', async () => {
    const holder = await latchkey.user(aName('holder'));
    const admin = await anAdministrator('Global Reader');
    const subs = { member: aSub(), admin: aSub() };
    await work(linking({ user: holder.id, sub: subs.member }));
    await work(linking({ user: admin.userId, sub: subs.admin, allowedAdministrator: true }));
    const { id: user } = await latchkey.user(aName());
    const desk = await anAdministrator('Authentication Administrator');
    await expect(as(desk, linking({ user, sub: subs.member }))).rejects.toMatchObject({
      code: 'conflict',
      message: `This identity is linked to ${holder.userPrincipalName}. Unlink it there first.`,
    });
    await expect(as(application, linking({ user, sub: subs.admin }))).rejects.toMatchObject({
      code: 'conflict',
      message: 'This identity is linked to another user. Unlink it there first.',
    });
    expect(await lastRefusal(latchkey, 'request.refused')).toContain(admin.userId);
  });
});

describe('people with roles', () => {
  const open = () => passPolicy(latchkey, { requireApprovalFor: [] });

  test('are linked by a Global Administrator who says so, and by nobody else', async () => {
    await open();
    const { userId: user } = await anAdministrator('Global Reader');
    const privileged = await anAdministrator('Privileged Authentication Administrator');
    for (const [actor, allowed] of [
      [global, undefined],
      [global, false],
      [privileged, undefined],
      [privileged, true],
      [application, true],
    ] as const) {
      await expect(as(actor, linking({ user, allowedAdministrator: allowed }))).rejects.toMatchObject({
        code: 'forbidden',
      });
    }
    expect(await linksOf(user)).toEqual([]);
    const { identity } = await as(global, linking({ user, allowedAdministrator: true }));
    expect(identity.allowedAdministrator).toBe(true);
    await as(global, (w) => allowAdministrator(w, { user, identityId: identity.id, allowed: false }));
    expect(await linksOf(user)).toMatchObject([{ allowedAdministrator: false }]);
    expect(await eventsOf(latchkey, { userId: user, type: 'federated-identity.changed' })).toMatchObject([
      { details: { before: { allowedAdministrator: true }, after: { allowedAdministrator: false } } },
    ]);
  });

  test('are not linked past the second administrator a pass would take', async () => {
    const { userId: user } = await anAdministrator('Global Reader');
    await expect(as(global, linking({ user, allowedAdministrator: true }))).rejects.toMatchObject({
      code: 'forbidden',
      message: expect.stringContaining('second administrator'),
    });
    expect((await work(linking({ user, allowedAdministrator: true }))).identity.linkedBy).toBe('operator');
  });

  test('may be allowed what they linked themselves, and not what was linked for them', async () => {
    const [one, other] = [await latchkey.user(aName()), await latchkey.user(aName())];
    const own = await work((w) => link(w, { userId: one.id, providerId: 'contoso', sub: aSub(), linkedBy: 'self' }));
    const given = await work(linking({ user: other.id }));
    for (const { id } of [one, other]) await work((w) => grantRole(w, id, 'Global Reader'));
    await as(global, (w) =>
      allowAdministrator(w, { user: one.id, identityId: (own as { id: string }).id, allowed: true }),
    );
    expect(await linksOf(one.id)).toMatchObject([{ allowedAdministrator: true }]);
    await expect(
      as(global, (w) => allowAdministrator(w, { user: other.id, identityId: given.identity.id, allowed: true })),
    ).rejects.toMatchObject({ code: 'forbidden', message: expect.stringContaining('second administrator') });
  });

  test('nobody links themself, or allows it to themself', async () => {
    await open();
    const { userId: user } = global as { userId: string };
    await expect(as(global, linking({ user, allowedAdministrator: true }))).rejects.toMatchObject({
      code: 'forbidden',
    });
    const { identity } = await work(linking({ user, allowedAdministrator: true }));
    await expect(
      as(global, (w) => allowAdministrator(w, { user, identityId: identity.id, allowed: false })),
    ).rejects.toMatchObject({ code: 'forbidden' });
  });

  test('a member for whom a pass takes a second administrator is not linked by one alone', async () => {
    const member = await latchkey.user(aName());
    const group = await work((w) => ensureGroup(w, aName('vip')));
    await work((w) => addMember(w, group.id, member.id));
    await passPolicy(latchkey, { requireApprovalFor: [{ targetType: 'group', id: group.id }] });
    await expect(as(global, linking({ user: member.id }))).rejects.toThrow('second administrator');
  });
});
