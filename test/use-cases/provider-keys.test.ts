import { BlockList } from 'node:net';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Actor } from '../../src/core/actor.ts';
import type { Work } from '../../src/core/work.ts';
import type { PublicKey } from '../../src/methods/upstream/credentials.ts';
import { addProviderKey, removeProviderKey, useProviderKey } from '../../src/methods/upstream/manage-keys.ts';
import {
  changeProvider,
  createProvider,
  openProvider,
  providerKeys,
} from '../../src/methods/upstream/manage-providers.ts';
import { relyingParty } from '../../src/methods/upstream/relying-party.ts';
import { tryIdentityProvider } from '../../src/methods/upstream/try-provider.ts';
import { grantRole } from '../../src/roles/manage-roles.ts';
import { asOperator, openTestBase, type TestBase } from '../support/house.ts';
import { type HostileUpstream, startHostileUpstream } from '../support/hostile-upstream.ts';
import { aName, eventsOf, untilSomebodyWaits } from '../support/makers.ts';

/** Our key at a provider becomes another one, and at no moment does the provider not know us. */

let latchkey: TestBase;
let upstream: HostileUpstream;
/** The keys that the provider knows us by, as they were pasted there. */
let pasted: readonly PublicKey[] = [];
let lastKid: string | undefined;

beforeAll(async () => {
  latchkey = await openTestBase();
  upstream = await startHostileUpstream();
  upstream.bend({
    answers: {
      async token(_request, response, body) {
        const assertion = new URLSearchParams(body).get('client_assertion') ?? '';
        lastKid = decodeProtectedHeader(assertion).kid;
        const isKnown = await jwtVerify(assertion, createLocalJWKSet({ keys: [...pasted] }), {
          issuer: 'latchkey',
          subject: 'latchkey',
          algorithms: ['ES256'],
        }).then(
          () => true,
          () => false,
        );
        const error = isKnown ? 'invalid_grant' : 'invalid_client';
        response.writeHead(isKnown ? 400 : 401, { 'content-type': 'application/json' }).end(JSON.stringify({ error }));
      },
    },
  });
});
afterAll(async () => {
  await upstream?.close();
  await latchkey?.close();
});

const ourIssuer = 'http://localhost:3000';
const work = <T>(body: (work: Work) => Promise<T>) => latchkey.work(body);
const as = <T>(actor: Actor, body: (work: Work) => Promise<T>) => latchkey.base.run({ ...asOperator, actor }, body);
const published = (id: string) => work(async (w) => (await providerKeys(w, id)).keys);
const signing = async (id: string) => (await work((w) => openProvider(w, id)))!.privateKey!.kid;
const row = (id: string) => latchkey.base.knex('identity_providers').where('id', '=', id).first();
const events = async (id: string) =>
  (await eventsOf(latchkey)).filter(({ type, details }) => type.includes('.key-') && details.identityProvider === id);

/** Whether the provider knows us, by the key that signs or the one that is named. */
async function isKnown(id: string, keyId?: string): Promise<boolean> {
  const house = { run: latchkey.base.run, party: relyingParty({ allow: new BlockList(), local: true }) };
  return (await tryIdentityProvider({ ...house, issuer: ourIssuer }, asOperator, id, keyId)).isUsable;
}

let made = 0;
async function aProvider(more: object = { clientAuthentication: 'private_key_jwt' }, clientSecret?: string) {
  made += 1;
  const id = `keys-${made}`;
  const changes = { displayName: 'Contoso', issuer: upstream.issuer, clientId: 'latchkey', ...more };
  const { publicKeys } = await work((w) => createProvider(w, { id, changes, clientSecret, ourIssuer }));
  return { id, first: publicKeys[0]! };
}

describe('a key is changed', () => {
  test('without a moment at which the provider does not know us, also where keys are pasted by hand', async () => {
    const { id, first } = await aProvider();
    pasted = [first];
    expect(await isKnown(id)).toBe(true);

    const second = await work((w) => addProviderKey(w, id));
    expect(await published(id)).toEqual([first, second]);
    expect(await signing(id)).toBe(first.kid);
    expect(await isKnown(id)).toBe(true);
    expect(await isKnown(id, second.kid)).toBe(false);
    pasted = [first, second];
    expect(await isKnown(id, second.kid)).toBe(true);
    expect(lastKid).toBe(second.kid);

    await work((w) => useProviderKey(w, { id, keyId: second.kid }));
    expect(await published(id)).toEqual([second, first]);
    expect(await isKnown(id)).toBe(true);
    expect(lastKid).toBe(second.kid);

    await work((w) => removeProviderKey(w, { id, keyId: first.kid }));
    expect(await published(id)).toEqual([second]);
    pasted = [second];
    expect(await isKnown(id)).toBe(true);
    expect(await events(id)).toMatchObject([
      { type: 'identity-provider.key-added', details: { keyId: second.kid } },
      { type: 'identity-provider.key-used', details: { keyId: second.kid, before: first.kid } },
      { type: 'identity-provider.key-removed', details: { keyId: first.kid } },
    ]);
  });

  test('and back again, when the provider turns out not to know it', async () => {
    const { id, first } = await aProvider();
    pasted = [first];
    const second = await work((w) => addProviderKey(w, id));
    await work((w) => useProviderKey(w, { id, keyId: second.kid }));
    expect(await isKnown(id)).toBe(false);
    await work((w) => useProviderKey(w, { id, keyId: first.kid }));
    expect(await isKnown(id)).toBe(true);
    expect(await published(id)).toEqual([first, second]);
  });

  test('both halves are kept apart, and the private one sealed', async () => {
    const { id } = await aProvider();
    const second = await work((w) => addProviderKey(w, id));
    await work((w) => useProviderKey(w, { id, keyId: second.kid }));
    const { d } = (await work((w) => openProvider(w, id)))!.privateKey!;
    const kept = await row(id);
    for (const shown of [JSON.stringify(kept), String(kept.private_key), JSON.stringify(await eventsOf(latchkey))]) {
      expect(shown).not.toContain(d);
    }
    expect(JSON.stringify([second, await published(id)])).not.toContain('"d"');
  });
});

describe('a key is not', () => {
  test('a third: two at most', async () => {
    const { id } = await aProvider();
    const second = await work((w) => addProviderKey(w, id));
    await expect(work((w) => addProviderKey(w, id))).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining(second.kid),
    });
  });

  test('made twice by two at once', async () => {
    const { id } = await aProvider();
    let other: Promise<unknown> | undefined;
    await work(async (w) => {
      await addProviderKey(w, id);
      other = work((second) => addProviderKey(second, id)).catch((error: unknown) => error);
      await untilSomebodyWaits(latchkey);
    });
    expect(await other).toMatchObject({ code: 'conflict' });
    expect(await published(id)).toHaveLength(2);
  });

  test('removed while it signs, nor one that is none', async () => {
    const { id, first } = await aProvider();
    const keyId = first.kid;
    await expect(work((w) => removeProviderKey(w, { id, keyId }))).rejects.toMatchObject({ code: 'conflict' });
    for (const act of [useProviderKey, removeProviderKey]) {
      await expect(work((w) => act(w, { id, keyId: 'another' }))).rejects.toMatchObject({ code: 'not_found' });
      await expect(work((w) => act(w, { id: 'nobody', keyId }))).rejects.toMatchObject({ code: 'not_found' });
    }
    await expect(isKnown(id, 'another')).rejects.toMatchObject({ code: 'not_found' });
    expect(await published(id)).toEqual([first]);
  });

  test('used again when it signs: nothing is recorded', async () => {
    const { id, first } = await aProvider();
    await work((w) => useProviderKey(w, { id, keyId: first.kid }));
    expect(await events(id)).toEqual([]);
  });

  test('there for a provider that knows us by a secret, and both go when it does from now on', async () => {
    const bySecret = await aProvider({}, 'hush');
    await expect(work((w) => addProviderKey(w, bySecret.id))).rejects.toMatchObject({ code: 'conflict' });
    const { id } = await aProvider();
    await work((w) => addProviderKey(w, id));
    await work((w) => changeProvider(w, { id, changes: { displayName: 'Other' }, ourIssuer }));
    expect(await published(id)).toHaveLength(2);
    const changes = { clientAuthentication: 'client_secret_basic' } as const;
    await work((w) => changeProvider(w, { id, changes, clientSecret: 's', ourIssuer }));
    expect(await row(id)).toMatchObject({ private_key: null, public_key: null, other_private_key: null });
    await expect(published(id)).rejects.toMatchObject({ code: 'not_found' });
  });

  test('changed by anybody but a Global Administrator', async () => {
    const { id, first } = await aProvider();
    const { id: userId } = await latchkey.user(aName('admin'));
    await work((w) => grantRole(w, userId, 'Privileged Authentication Administrator'));
    const actor: Actor = { kind: 'user', userId, strongAt: new Date() };
    const named = { id, keyId: first.kid };
    await expect(as(actor, (w) => addProviderKey(w, id))).rejects.toMatchObject({ code: 'forbidden' });
    await expect(as(actor, (w) => useProviderKey(w, named))).rejects.toMatchObject({ code: 'forbidden' });
    await expect(as(actor, (w) => removeProviderKey(w, named))).rejects.toMatchObject({ code: 'forbidden' });
  });
});
