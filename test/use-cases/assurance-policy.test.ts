import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { changeApp } from '../../src/apps.ts';
import { assurancePolicy, changeAssurancePolicy, resetAssurancePolicy } from '../../src/assurance/manage-policy.ts';
import type { ClientChange } from '../../src/clients/client.ts';
import type { Actor } from '../../src/core/actor.ts';
import { asOperator, openTestBase, type TestBase } from '../support/house.ts';
import { eventsOf } from '../support/makers.ts';

/** The names that policy gives the levels of assurance, and the least that a client takes: who decides them, and what is recorded. */

const mfa = 'https://refeds.org/profile/mfa';
const gold = 'urn:example:gold';

let latchkey: TestBase;
beforeAll(async () => {
  latchkey = await openTestBase();
  await latchkey.seed({ clients: [{ client_id: 'app', redirect_uris: ['http://localhost/cb'] }] });
});
beforeEach(() => latchkey.work(resetAssurancePolicy));
afterAll(() => latchkey?.close());

const aliases = async () => (await latchkey.work(assurancePolicy)).aliases;
const decide = (named: Record<string, '1f' | '2f' | 'phr' | 'phrh'>) =>
  latchkey.work((work) => changeAssurancePolicy(work, { aliases: named }));
const changes = async () => (await eventsOf(latchkey, { type: 'policy.changed' })).filter(isOurs);
const isOurs = ({ details }: { details: unknown }) => (details as { policy: string }).policy === 'assurance';

describe('the names of levels', () => {
  test('are none where nobody decided anything', async () => {
    expect(await aliases()).toEqual({});
  });

  test('are replaced as a whole, recorded with before and after, and put back', async () => {
    await decide({ [mfa]: '2f' });
    await decide({ [gold]: 'phr' });
    expect(await aliases()).toEqual({ [gold]: 'phr' });
    expect((await changes()).at(-1)).toMatchObject({
      actor_kind: 'operator',
      details: { policy: 'assurance', before: { aliases: { [mfa]: '2f' } }, after: { aliases: { [gold]: 'phr' } } },
    });
    await latchkey.work(resetAssurancePolicy);
    expect(await aliases()).toEqual({});
    // Only what differs from the defaults is kept.
    const { document } = await latchkey.base.knex('policies').where('name', '=', 'assurance').first('document');
    expect(document).toEqual({});
  });

  test('that stand already, or are not named, are no change and no event', async () => {
    await decide({ [mfa]: '2f', [gold]: 'phr' });
    const before = (await changes()).length;
    await decide({ [gold]: 'phr', [mfa]: '2f' });
    await latchkey.work((work) => changeAssurancePolicy(work, {}));
    expect(await changes()).toHaveLength(before);
    expect(await aliases()).toEqual({ [mfa]: '2f', [gold]: 'phr' });
  });

  test('come from a seed file, which leaves what it does not name', async () => {
    await latchkey.seed({ policies: { assurance: { aliases: { [mfa]: '2f' } } } });
    await latchkey.seed({ policies: { assurance: {} } });
    expect(await aliases()).toEqual({ [mfa]: '2f' });
  });

  test.each<[string, Actor, boolean]>([
    ['an application that may write policies', app('Policy.ReadWrite.AuthenticationMethod'), true],
    ['an application that may read policies', app('Policy.Read.All'), false],
    ['an application that may do something else', app('User.ReadWrite.All'), false],
    ['nobody', { kind: 'anonymous' }, false],
  ])('%s', async (_what, actor, may) => {
    const tried = latchkey.base.run({ ...asOperator, actor }, (work) =>
      changeAssurancePolicy(work, { aliases: { [mfa]: '2f' } }),
    );
    if (may) await tried;
    else await expect(tried).rejects.toMatchObject({ code: 'forbidden' });
    expect(await aliases()).toEqual(may ? { [mfa]: '2f' } : {});
  });
});

function app(...permissions: string[]): Actor {
  return { kind: 'client', clientId: 'hr', permissions };
}

describe('the least that a client takes', () => {
  const change = (changed: ClientChange) => latchkey.work((work) => changeApp(work, 'app', changed));
  const lastEvent = async () => (await eventsOf(latchkey, { type: 'client.changed' })).at(-1)?.details;

  test('is recorded with before and after where it changes, and not where it stays', async () => {
    expect((await change({ minimum_acr: 'phr' })).metadata).toMatchObject({ minimum_acr: 'phr' });
    expect(await lastEvent()).toMatchObject({ minimumAcr: { before: null, after: 'phr' } });
    await change({ minimum_acr: '2f' });
    expect(await lastEvent()).toMatchObject({ minimumAcr: { before: 'phr', after: '2f' } });
    await change({ client_name: 'App' });
    expect(await lastEvent()).not.toHaveProperty('minimumAcr');
    expect((await change({ minimum_acr: null })).metadata).not.toHaveProperty('minimum_acr');
    expect(await lastEvent()).toMatchObject({ minimumAcr: { before: '2f', after: null } });
  });

  test('is taken from a seed file, and away by one that names none', async () => {
    const seeded = { client_id: 'seeded', redirect_uris: ['http://localhost/cb'] };
    await latchkey.seed({ clients: [{ ...seeded, minimum_acr: '2f', default_acr_values: [mfa] }] });
    const { metadata } = await latchkey.base.knex('clients').where('client_id', '=', 'seeded').first('metadata');
    expect(metadata).toMatchObject({ minimum_acr: '2f', default_acr_values: [mfa] });
    await latchkey.seed({ clients: [seeded] });
    expect(await lastEvent()).toMatchObject({ minimumAcr: { before: '2f', after: null } });
  });
});
