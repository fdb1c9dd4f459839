import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Actor } from '../../src/core/actor.ts';
import type { Work } from '../../src/core/work.ts';
import { linkIdentity } from '../../src/others-identities.ts';
import {
  changeDomain,
  createDomain,
  deleteDomain,
  listDomains,
  putDomain,
  readDomain,
} from '../../src/methods/upstream/manage-domains.ts';
import {
  changeProvider,
  createProvider,
  deleteProvider,
  listProviders,
  openProvider,
  providerKeys,
  putProvider,
  readProvider,
} from '../../src/methods/upstream/manage-providers.ts';
import { grantRole } from '../../src/roles/manage-roles.ts';
import { asOperator, openTestBase, type TestBase } from '../support/house.ts';
import { aName, eventsOf, untilSomebodyWaits } from '../support/makers.ts';

/** Identity providers and the domains whose people sign in there, as Global Administrators and the operator keep them. */

let latchkey: TestBase;
beforeAll(async () => {
  latchkey = await openTestBase();
});
afterAll(() => latchkey?.close());

const work = <T>(body: (work: Work) => Promise<T>) => latchkey.work(body);
const as = <T>(actor: Actor, body: (work: Work) => Promise<T>) => latchkey.base.run({ ...asOperator, actor }, body);

let made = 0;
async function aProvider(more: object = {}, clientSecret: string | undefined = 'hush-hush') {
  made += 1;
  const id = `idp-${made}`;
  const changes = { displayName: `Provider ${made}`, issuer: `https://${id}.example`, clientId: 'latchkey', ...more };
  await work((w) => createProvider(w, { id, changes, clientSecret }));
  return { id, domain: `${id}.example` };
}

const eventsAbout = async (identityProvider: string) =>
  (await eventsOf(latchkey)).filter(({ details }) => details.identityProvider === identityProvider);
const row = (id: string) => latchkey.base.knex('identity_providers').where('id', '=', id).first();
const realm = (domain: string) => latchkey.base.knex('home_realms').where('domain', '=', domain).first();

async function anAdministrator(role: Parameters<typeof grantRole>[2], minutesAgo = 0): Promise<Actor> {
  const { id: userId } = await latchkey.user(aName('admin'));
  await work((w) => grantRole(w, userId, role));
  const strongAt = await work(async ({ now }) => new Date(now.getTime() - minutesAgo * 60_000));
  return { kind: 'user', userId, strongAt };
}

describe('a provider', () => {
  test('is made with the rest as by default, read, listed, changed and deleted', async () => {
    const { id } = await aProvider();
    const { provider } = await work((w) => readProvider(w, id));
    expect(provider).toMatchObject({
      id,
      ceiling: '1f',
      state: 'enabled',
      clientAuthentication: 'client_secret_basic',
    });
    latchkey.clock.advance(1);
    const changed = await work((w) => changeProvider(w, { id, changes: { displayName: 'New' } }));
    expect(changed.provider).toEqual({ ...provider, displayName: 'New' });
    expect(changed.changedAt.getTime()).toBeGreaterThan(changed.createdAt.getTime());
    expect((await work(listProviders)).map((one) => one.provider.id)).toContain(id);
    expect(await work((w) => deleteProvider(w, { id }))).toEqual({ unlinked: 0, domains: [] });
    await expect(work((w) => readProvider(w, id))).rejects.toMatchObject({ code: 'not_found' });
    expect((await eventsAbout(id)).map(({ type }) => type)).toEqual([
      'identity-provider.created',
      'identity-provider.changed',
      'identity-provider.deleted',
    ]);
  });

  test('is recorded with what it was and is, and not at all when it is as asked', async () => {
    const { id } = await aProvider();
    await work((w) => changeProvider(w, { id, changes: { ceiling: '2f' }, clientSecret: 'hush-hush' }));
    for (const _again of [1, 2]) {
      await work((w) => putProvider(w, { id, changes: { ceiling: '2f' }, clientSecret: 'hush-hush' }));
    }
    const events = await eventsAbout(id);
    expect(events).toHaveLength(2);
    expect(events[1]).toMatchObject({
      type: 'identity-provider.changed',
      details: { before: { ceiling: '1f' }, after: { ceiling: '2f' } },
    });
    expect(events[1]!.details).not.toHaveProperty('renewed');
  });

  test('is not made twice, nor changed where there is none', async () => {
    const { id } = await aProvider();
    const changes = { displayName: 'C', issuer: 'https://c.example', clientId: 'c' };
    await expect(work((w) => createProvider(w, { id, changes, clientSecret: 's' }))).rejects.toMatchObject({
      code: 'conflict',
      message: `There is already an identity provider ${id}.`,
    });
    for (const none of ['nobody', 'no/body', '']) {
      await expect(work((w) => changeProvider(w, { id: none, changes }))).rejects.toMatchObject({ code: 'not_found' });
      await expect(work((w) => deleteProvider(w, { id: none }))).rejects.toMatchObject({ code: 'not_found' });
    }
  });

  test.each(['Contoso', 'con toso', '-contoso', 'contoso-', 'a/b', 'a.b', '', 'a'.repeat(65)])(
    'is not made as %j: its id stands in addresses',
    async (id) => {
      const changes = { displayName: 'C', issuer: 'https://c.example', clientId: 'c' };
      await expect(work((w) => createProvider(w, { id, changes, clientSecret: 's' }))).rejects.toMatchObject({
        code: 'invalid_input',
        message: expect.stringMatching(/^id: /),
      });
    },
  );

  test('by http is one on this machine, and nowhere else', async () => {
    const changes = { displayName: 'Here', issuer: 'http://localhost:9000', clientId: 'c' };
    const put = (id: string, ourIssuer?: string) =>
      work((w) => putProvider(w, { id, changes, clientSecret: 's', ourIssuer }));
    await expect(put('here')).rejects.toThrow('issuer: must begin with https://');
    await expect(put('here', 'https://id.example.com')).rejects.toThrow('issuer: must begin with https://');
    expect((await put('here', 'http://localhost:3000')).provider.issuer).toBe('http://localhost:9000');
  });
});

describe('a secret', () => {
  test('is kept sealed for its own row, and stands in no answer and no log', async () => {
    const { id } = await aProvider({}, 'verysecretvalue');
    const other = await aProvider({}, 'verysecretvalue');
    await work((w) => changeProvider(w, { id, changes: {}, clientSecret: 'nextsecretvalue' }));
    const shown = JSON.stringify([
      await work(listProviders),
      await work((w) => readProvider(w, id)),
      await eventsOf(latchkey),
      (await latchkey.base.knex('identity_providers')).map((one) => ({
        ...one,
        client_secret: String(one.client_secret),
      })),
    ]);
    expect(shown).not.toMatch(/verysecret|nextsecret/);
    expect((await work((w) => openProvider(w, id)))?.clientSecret).toBe('nextsecretvalue');
    await latchkey.base
      .knex('identity_providers')
      .where('id', '=', other.id)
      .update({ client_secret: (await row(id)).client_secret });
    await expect(work((w) => openProvider(w, other.id))).rejects.toThrow();
    await work((w) => deleteProvider(w, { id: other.id }));
  });

  test('that changes is recorded as changed, and one that is the same as nothing', async () => {
    const { id } = await aProvider();
    const { client_secret: before } = await row(id);
    await work((w) => changeProvider(w, { id, changes: {}, clientSecret: 'hush-hush' }));
    expect((await row(id)).client_secret).toEqual(before);
    await work((w) => changeProvider(w, { id, changes: {}, clientSecret: 'other' }));
    expect((await eventsAbout(id)).slice(1)).toMatchObject([{ details: { renewed: ['clientSecret'] } }]);
  });

  test('is needed by a provider that knows us by one, and stays when none is named', async () => {
    const changes = { displayName: 'C', issuer: 'https://c.example', clientId: 'c' };
    await expect(work((w) => createProvider(w, { id: 'bare', changes }))).rejects.toThrow(/^clientSecret: .* needs/);
    const { id } = await aProvider();
    await work((w) => changeProvider(w, { id, changes: { clientAuthentication: 'client_secret_post' } }));
    expect((await work((w) => openProvider(w, id)))?.clientSecret).toBe('hush-hush');
    for (const clientSecret of ['', 'x'.repeat(1001)]) {
      await expect(work((w) => changeProvider(w, { id, changes: {}, clientSecret }))).rejects.toThrow(
        /^clientSecret: /,
      );
    }
  });
});

describe('a key', () => {
  test('is made here; its public half is for everybody, the other is sealed', async () => {
    const { id } = await aProvider();
    const { publicKeys } = await work((w) =>
      changeProvider(w, { id, changes: { clientAuthentication: 'private_key_jwt' } }),
    );
    const [publicKey] = publicKeys;
    expect(publicKey).toEqual({
      kty: 'EC',
      crv: 'P-256',
      x: expect.any(String),
      y: expect.any(String),
      kid: expect.any(String),
      alg: 'ES256',
      use: 'sig',
    });
    expect(await work((w) => providerKeys(w, id))).toEqual({ keys: [publicKey] });
    const opened = await work((w) => openProvider(w, id));
    expect(opened).toMatchObject({ clientSecret: null, privateKey: { kid: publicKey!.kid, d: expect.any(String) } });
    const { d } = opened!.privateKey as { d: string };
    expect(JSON.stringify([await row(id), await eventsAbout(id)])).not.toContain(d);
    expect((await eventsAbout(id)).at(-1)).toMatchObject({ details: { renewed: ['clientSecret', 'privateKey'] } });
  });

  test('stays as it is whatever else changes, and goes when a secret takes its place', async () => {
    const { id } = await aProvider();
    await work((w) => changeProvider(w, { id, changes: { clientAuthentication: 'private_key_jwt' } }));
    const before = await work((w) => providerKeys(w, id));
    await work((w) => changeProvider(w, { id, changes: { displayName: 'Other' } }));
    expect(await work((w) => providerKeys(w, id))).toEqual(before);
    const back = { clientAuthentication: 'client_secret_basic' } as const;
    await expect(work((w) => changeProvider(w, { id, changes: back }))).rejects.toThrow(/^clientSecret: /);
    await expect(work((w) => changeProvider(w, { id, changes: {}, clientSecret: 's' }))).rejects.toThrow(
      'clientSecret: private_key_jwt takes none.',
    );
    await work((w) => changeProvider(w, { id, changes: back, clientSecret: 's' }));
    await expect(work((w) => providerKeys(w, id))).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('a domain', () => {
  test('leads its people to the provider, as long as that is enabled', async () => {
    const { id, domain } = await aProvider({ displayName: 'Contoso' });
    await work((w) => createDomain(w, { name: domain.toUpperCase(), providerId: id }));
    const home = { domain, provider_id: id, display_name: 'Contoso', straight: false, ceiling: '1f' };
    expect(await realm(domain)).toEqual({ ...home, mfa_behavior: 'acceptIfMfaDoneByFederatedIdp' });
    await work((w) =>
      changeDomain(w, { name: domain, changes: { mfaBehavior: 'enforceMfaByFederatedIdp', straight: true } }),
    );
    expect(await realm(domain)).toEqual({ ...home, mfa_behavior: 'enforceMfaByFederatedIdp', straight: true });
    await work((w) => changeProvider(w, { id, changes: { state: 'disabled' } }));
    expect(await realm(domain)).toBeUndefined();
    expect(await work((w) => openProvider(w, id))).toBeUndefined();
    await work((w) => changeProvider(w, { id, changes: { state: 'enabled' } }));
    await work((w) => deleteDomain(w, domain));
    expect(await realm(domain)).toBeUndefined();
    const about = (await eventsOf(latchkey)).filter(({ details }) => details.domain === domain);
    expect(about.map(({ type }) => type)).toEqual(['domain.created', 'domain.changed', 'domain.deleted']);
    expect(about[1]!.details).toMatchObject({ before: { straight: false }, after: { straight: true } });
  });

  test('is one, however it is written', async () => {
    const { id } = await aProvider();
    await work((w) => putDomain(w, { name: 'Bücher.example.', providerId: id }));
    expect(await work((w) => readDomain(w, 'xn--bcher-kva.EXAMPLE'))).toMatchObject({ name: 'xn--bcher-kva.example' });
    await expect(work((w) => createDomain(w, { name: 'bücher.example', providerId: id }))).rejects.toMatchObject({
      code: 'conflict',
    });
    for (const name of ['contoso', '192.0.2.1', 'a b.example']) {
      await expect(work((w) => createDomain(w, { name, providerId: id }))).rejects.toMatchObject({
        code: 'invalid_input',
        message: expect.stringContaining(name),
      });
      await expect(work((w) => readDomain(w, name))).rejects.toMatchObject({ code: 'not_found' });
    }
  });

  test('belongs to one provider: moving it is a conflict that names that', async () => {
    const [one, other] = [await aProvider(), await aProvider()];
    await work((w) => createDomain(w, { name: one.domain, providerId: one.id }));
    const moves = [
      (w: Work) => putDomain(w, { name: one.domain, providerId: other.id }),
      (w: Work) => createDomain(w, { name: one.domain, providerId: other.id }),
      (w: Work) => changeDomain(w, { name: one.domain, providerId: other.id }),
    ];
    for (const move of moves) {
      await expect(work(move)).rejects.toMatchObject({
        code: 'conflict',
        message: `${one.domain} belongs to the identity provider ${one.id}. Delete the domain there first.`,
      });
    }
    await expect(work((w) => putDomain(w, { name: other.domain, providerId: 'nobody' }))).rejects.toThrow(
      'identityProviderId: there is no such identity provider.',
    );
  });

  test('that is put again keeps what is not named, and records nothing', async () => {
    const { id, domain } = await aProvider();
    await work((w) => putDomain(w, { name: domain, providerId: id, changes: { straight: true } }));
    await work((w) => putDomain(w, { name: domain, providerId: id }));
    await work((w) =>
      putDomain(w, { name: domain, providerId: id, changes: { mfaBehavior: undefined, straight: true } }),
    );
    expect(await work((w) => readDomain(w, domain))).toMatchObject({ straight: true });
    expect((await eventsOf(latchkey)).filter(({ details }) => details.domain === domain)).toHaveLength(1);
  });

  test('goes with its provider, and that is recorded of each', async () => {
    const { id, domain } = await aProvider();
    await work((w) => putDomain(w, { name: domain, providerId: id }));
    expect(await work((w) => deleteProvider(w, { id }))).toEqual({ unlinked: 0, domains: [domain] });
    expect((await work(listDomains)).map(({ name }) => name)).not.toContain(domain);
    expect(await eventsOf(latchkey, { type: 'domain.deleted' })).toContainEqual(
      expect.objectContaining({ details: expect.objectContaining({ domain }) }),
    );
  });
});

describe('a provider that people are linked with', () => {
  async function linked(people: number) {
    const provider = await aProvider();
    for (let person = 0; person < people; person += 1) {
      const { id: user } = await latchkey.user(aName('linked'));
      await work((w) => linkIdentity(w, { user, providerId: provider.id, sub: String(person) }));
    }
    return provider;
  }

  test('is not deleted without being asked to, and says how many they are', async () => {
    const { id } = await linked(2);
    await expect(work((w) => deleteProvider(w, { id }))).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/^2 people are linked/),
    });
    expect(await work((w) => deleteProvider(w, { id, unlinks: true }))).toMatchObject({ unlinked: 2 });
    expect((await eventsAbout(id)).at(-1)).toMatchObject({
      type: 'identity-provider.deleted',
      details: { unlinked: 2 },
    });
  });

  test('keeps its issuer: who they were there says nothing elsewhere', async () => {
    const { id } = await linked(1);
    await expect(
      work((w) => changeProvider(w, { id, changes: { issuer: 'https://elsewhere.example' } })),
    ).rejects.toMatchObject({ code: 'conflict', message: expect.stringMatching(/^One person is linked/) });
    await work((w) => changeProvider(w, { id, changes: { displayName: 'Other' } }));
  });

  test('is not deleted past a link that is made at the same moment', async () => {
    const { id } = await aProvider();
    const { id: user } = await latchkey.user(aName('linked'));
    let deletion: Promise<unknown> | undefined;
    await work(async (w) => {
      await linkIdentity(w, { user, providerId: id, sub: '1' });
      deletion = work((other) => deleteProvider(other, { id })).catch((error: unknown) => error);
      await untilSomebodyWaits(latchkey);
    });
    expect(await deletion).toMatchObject({ code: 'conflict' });
  });
});

describe('who may', () => {
  const changes = { displayName: 'C', issuer: 'https://c.example', clientId: 'c' };
  const writes: readonly [string, (w: Work) => Promise<unknown>][] = [
    ['createProvider', (w) => createProvider(w, { id: 'theirs', changes, clientSecret: 's' })],
    ['changeProvider', (w) => changeProvider(w, { id: 'theirs', changes })],
    ['putProvider', (w) => putProvider(w, { id: 'theirs', changes, clientSecret: 's' })],
    ['deleteProvider', (w) => deleteProvider(w, { id: 'theirs' })],
    ['createDomain', (w) => createDomain(w, { name: 'theirs.example', providerId: 'theirs' })],
    ['putDomain', (w) => putDomain(w, { name: 'theirs.example', providerId: 'theirs' })],
    ['changeDomain', (w) => changeDomain(w, { name: 'theirs.example' })],
    ['deleteDomain', (w) => deleteDomain(w, 'theirs.example')],
  ];

  test.each(writes)('%s: a Global Administrator who has just used a passkey, and nobody else', async (_name, write) => {
    const global = await anAdministrator('Global Administrator');
    await expect(as(await anAdministrator('Privileged Authentication Administrator'), write)).rejects.toMatchObject({
      code: 'forbidden',
    });
    await expect(as(await anAdministrator('Global Reader'), write)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(as(await anAdministrator('Global Administrator', 11), write)).rejects.toMatchObject({
      code: 'insufficient_authentication',
    });
    const permissions = ['IdentityProvider.ReadWrite.All', 'Domain.ReadWrite.All'];
    await expect(as({ kind: 'client', clientId: 'hr', permissions }, write)).rejects.toMatchObject({
      code: 'forbidden',
      message: expect.stringContaining('Applications cannot do this'),
    });
    const answer = await as(global, write).catch((error: { code: string }) => error);
    expect(answer).not.toMatchObject({ code: expect.stringMatching(/forbidden|insufficient_authentication/) });
  });
});
