import { randomInt } from 'node:crypto';
import { Agent, request } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { applicationPermissions, delegatedScopes } from '../../src/roles/powers.ts';
import { roles } from '../../src/roles/role.ts';
import { documentFor } from '../support/api-answers.ts';
import { chanceOf, type Known, type MadeUp, madeUp } from '../support/api-fuzz.ts';
import { newBrowser } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { aName } from '../support/makers.ts';
import { joinWithPass, usePasskey } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';

/*
 * Whatever is sent to the API: no fault, an answer as the document says (the house looks at each), and nothing changed by what was
 * refused. A failure names the seed; LATCHKEY_REPLAY='{"seed":1}' sends nearly the same again, ids and order of answers apart.
 */

const long = process.env.LATCHKEY_LONG === '1';
const total = long ? 1_000_000 : 10_000;
const atOnce = 8;
const perRound = 1_000;
const sampled = 15; // a round, one after the other with a look at all tables
const minute = 60_000;
/** By their tokens; most may do all they ask for. */
const callers = [...Array(4).fill('able'), ...Array(4).fill('person'), 'weak', 'broken', ''] as string[];

const replay = process.env.LATCHKEY_REPLAY;
const seed = replay ? (JSON.parse(replay) as { seed: number }).seed : randomInt(2 ** 31);

let house: TestHouse;
let console_: RelyingParty;
let administrator: { readonly authenticator: ReturnType<typeof newAuthenticator> };
const tokens: Record<string, string> = {};
const agent = new Agent({ keepAlive: true, maxSockets: atOnce });

beforeAll(async () => {
  console_ = await startRelyingParty({
    issuer: () => house.issuer,
    clientId: 'console',
    clientSecret: 'console-secret',
  });
  const plenty = { most: 100_000_000, windowMinutes: 5 };
  house = await startHouse({
    LATCHKEY_THROTTLES: JSON.stringify({ source: plenty, sourceAndAccount: plenty, issuing: plenty }),
  });
  await house.seed({
    ...standing,
    groups: [{ displayName: 'Desk' }, { displayName: 'Sales' }],
    users: Array.from({ length: 20 }, (_, index) => ({ userPrincipalName: `one${index}@example.com` })),
    clients: [
      {
        client_id: 'console',
        client_secret: 'console-secret',
        redirect_uris: [console_.redirectUri],
        delegated_permissions: delegatedScopes,
      },
      client('able', applicationPermissions),
      client('weak', ['AuditLog.Read.All']),
    ],
  });
  administrator = await anAdministrator();
  await renewTokens();
}, 60_000);
afterAll(async () => {
  agent.destroy();
  await console_?.close();
  await house?.close();
});

const client = (client_id: string, app_roles: readonly string[]) => ({
  client_id,
  client_secret: 'secret',
  grant_types: ['client_credentials'],
  app_roles,
});

const forEverybody = {
  state: 'enabled',
  includeTargets: [{ targetType: 'group', id: 'all_users' }],
  excludeTargets: [],
};

/** Its policies are put back at each round: too little is done once a chance request has switched passes off, or the administrator’s passkeys. */
const standing = {
  policies: {
    temporaryAccessPass: {
      requireApprovalFor: [],
      ...forEverybody,
    },
    fido2: { ...forEverybody, keyRestrictions: { isEnforced: false } },
    softwareOath: forEverybody,
    recoveryCode: forEverybody,
  },
  identityProviders: [
    {
      id: 'contoso',
      displayName: 'Contoso',
      issuer: 'https://login.contoso.example',
      clientId: 'latchkey',
      clientAuthentication: 'private_key_jwt',
      domains: ['contoso.example'],
    },
  ],
};

async function anAdministrator() {
  const userName = aName('administrator');
  await house.user(userName);
  const authenticator = newAuthenticator();
  const browser = newBrowser({ stopAt: [console_.redirectUri] });
  await browser.visit((await console_.authorizationUrl()).href);
  await joinWithPass(browser, authenticator, userName, await house.pass(userName));
  await house.seed({ users: [{ userPrincipalName: userName, roles: ['Global Administrator'] }] });
  return { authenticator };
}

async function renewTokens(): Promise<void> {
  for (const name of ['able', 'weak']) {
    const answer = await fetch(`${house.issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'client_credentials', scope: `${house.issuer}/management/.default` }),
      headers: { authorization: `Basic ${btoa(`${name}:secret`)}` },
    });
    tokens[name] = ((await answer.json()) as { access_token: string }).access_token;
  }
  const browser = newBrowser({ stopAt: [console_.redirectUri] });
  const asked = { scope: `openid ${delegatedScopes.join(' ')}`, resource: `${house.issuer}/management` };
  await browser.visit((await console_.authorizationUrl(asked)).href);
  await usePasskey(browser, administrator.authenticator);
  tokens.person = (await console_.exchange(browser.page.callback)).tokens.access_token;
  tokens.broken = `${tokens.person.slice(0, -4)}AAAA`;
}

/** What there is to name, a few of each. */
async function knownNow(): Promise<Known> {
  const { knex } = house.base;
  const some = async (table: string, columns: Readonly<Record<string, string>>, order = 'random()') =>
    (await knex(table).orderByRaw(order).limit(30).select(columns)) as Record<string, string>[];
  const ids = async (table: string, column = 'id', order?: string) =>
    (await some(table, { id: column }, order)).map(({ id }) => id!);
  const users = [...(await ids('users')), ...(await ids('users', 'user_principal_name'))];
  const passes = await some(
    'temporary_access_passes',
    { user: 'user_id', pass: 'id' },
    'ended_at is not null, random()',
  );
  const keys = await some('passkeys', { user: 'user_id', method: 'id' });
  return {
    of: {
      user: users,
      member: users,
      group: await ids('groups'),
      pass: passes.map(({ pass }) => pass!),
      method: [...keys.map(({ method }) => method!), passwordId],
      assignment: await ids('role_assignments'),
      approval: await ids('pass_approvals'),
      provider: await ids('identity_providers'),
      domain: await ids('identity_provider_domains', 'name'),
      identity: await ids('federated_identities'),
      event: [
        ...(await ids('audit_events', 'id', 'at desc')),
        ...((await knex('audit_events').where({ type: 'sign-in.completed' }).limit(5).pluck('id')) as string[]),
      ],
      role: roles.map(({ templateId }) => templateId),
      configuration: [
        'TemporaryAccessPass',
        'temporaryaccesspass',
        'Fido2',
        'SoftwareOath',
        'Password',
        'RecoveryCode',
      ],
    },
    together: [
      ...passes,
      ...keys,
      ...(await ids('users')).map((user) => ({ user, method: passwordId })),
      ...(await some('group_members', { group: 'group_id', member: 'user_id' })),
      ...(await some('federated_identities', { user: 'user_id', identity: 'id' })),
      ...((await knex('audit_events')
        .where({ type: 'password.reset' })
        .limit(20)
        .select({ user: 'user_id', operation: knex.raw("details->>'operationId'") })) as Record<string, string>[]),
    ],
  };
}

/** Graph's, the same for everybody. */
const passwordId = '28c10230-6103-485e-b985-444c60001490';

interface Answered {
  readonly status: number;
  readonly text: string;
  readonly requestId: string | undefined;
}

/** Status 0: the connection ended before an answer came. */
function send({ method, path, headers, body }: MadeUp, token: string | undefined): Promise<Answered> {
  const { hostname, port } = new URL(house.issuer);
  return new Promise((resolve) => {
    const asked = request(
      {
        agent,
        hostname,
        port,
        method,
        path,
        headers: {
          ...headers,
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...(body && !('transfer-encoding' in headers) && { 'content-length': body.length }),
        },
      },
      (answer) => {
        let text = '';
        const requestId = answer.headers['request-id'] as string | undefined;
        answer.setEncoding('utf8').on('data', (chunk: string) => {
          if (text.length < 2_000) text += chunk;
        });
        answer.on('end', () => resolve({ status: answer.statusCode!, text, requestId }));
        answer.on('error', () => resolve({ status: answer.statusCode!, text, requestId }));
      },
    );
    asked.on('error', () => resolve({ status: 0, text: '', requestId: undefined }));
    asked.end(body);
  });
}

/** A digest of all rows but what refusals leave on purpose, and challenges, which an answer spends. */
async function digest(): Promise<Record<string, string>> {
  const { rows } = await house.base.knex.raw<{ rows: { name: string }[] }>(
    "select tablename as name from pg_tables where schemaname = 'public' and tablename not in ('audit_events', 'throttle_counters', 'passkey_ceremonies')",
  );
  const prints = rows.map(
    ({ name }) =>
      `select '${name}' as name, sum(hashtextextended(t::text, 0)) || '/' || count(*) as print from ${name} t`,
  );
  const answer = await house.base.knex.raw<{ rows: { name: string; print: string | null }[] }>(
    prints.join(' union all '),
  );
  return Object.fromEntries(answer.rows.map(({ name, print }) => [name, print ?? '']));
}

function usedHeap(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

test(
  `${total} requests made up from the document find no fault, and change nothing when they are refused`,
  async () => {
    const chance = chanceOf(seed);
    let known = await knownNow();
    const { request: made, routes } = madeUp(documentFor(house.issuer), chance, () => known);
    const wrong: string[] = [];
    const asked = new Map<string, number>();
    const done = new Map<string, number>();
    let refusalsLookedAt = 0;
    let heapAtFirst = 0;
    let renewedAt = Date.now();

    let refused = new Map<string, string>();

    const one = async (): Promise<{ isRefused: boolean; told: string }> => {
      const sent = made();
      const who = chance.oneOf(callers);
      const answer = await send(sent, tokens[who]);
      const told = `${who || 'nobody'}: ${sent.method} ${sent.path.slice(0, 300)} ${sent.body?.toString().slice(0, 300) ?? ''} → ${answer.status} ${answer.text.slice(0, 300)}`;
      // An answer to a body that is too large may come while it is still being sent.
      const cutOff = answer.status === 0 && (sent.body?.length ?? 0) > 60_000;
      if (!cutOff && (answer.status < 200 || answer.status >= 500)) wrong.push(told);
      asked.set(sent.route, (asked.get(sent.route) ?? 0) + 1);
      if (answer.status >= 200 && answer.status < 300) done.set(sent.route, (done.get(sent.route) ?? 0) + 1);
      // Asking for a second administrator's word is what such a refusal does.
      const isRefused = answer.status >= 400 && !answer.text.includes('"approvalRequired"');
      if (isRefused && answer.requestId) refused.set(answer.requestId, told);
      return { isRefused, told };
    };

    for (let round = 0; round < total / perRound; round += 1) {
      await house.seed({ policies: standing.policies });
      known = await knownNow();
      let before = await digest();
      for (let index = 0; index < sampled; index += 1) {
        const { isRefused, told } = await one();
        const after = await digest();
        if (isRefused) {
          refusalsLookedAt += 1;
          if (JSON.stringify(after) !== JSON.stringify(before)) wrong.push(`changed something: ${told}`);
        }
        before = after;
      }
      let left = perRound - sampled;
      await Promise.all(
        Array.from({ length: atOnce }, async () => {
          while (left > 0) {
            left -= 1;
            await one();
          }
        }),
      );
      // Of all the others: nothing is in the log as done.
      const recorded = (await house.base
        .knex('audit_events')
        .where({ result: 'success' })
        .whereIn('request_id', [...refused.keys()])
        .pluck('request_id')) as string[];
      wrong.push(...recorded.map((id) => `did something: ${refused.get(id)}`));
      refused = new Map();
      expect(wrong.slice(0, 10), `seed ${seed}, round ${round}`).toEqual([]);
      // The kit writes down every statement.
      house.statements.length = 0;
      house.protocolStatements.length = 0;
      const alive = await send(
        { route: '', method: 'GET', path: '/v1.0/me', headers: {}, body: undefined },
        tokens.person,
      );
      if (alive.status === 401 || Date.now() - renewedAt > 5 * minute) {
        await renewTokens();
        renewedAt = Date.now();
      }
      if (long && round === 50) heapAtFirst = usedHeap();
    }

    expect(routes.filter((route) => (asked.get(route) ?? 0) < total / routes.length / 3)).toEqual([]);
    expect(refusalsLookedAt).toBeGreaterThan((total / perRound) * sampled * 0.3);
    // Some take more than luck: an attestation, another's request, the word of another administrator.
    const never = routes.filter((route) => !done.has(route));
    expect(never.length, `seed ${seed}; never done: ${never.join(', ')}`).toBeLessThan(routes.length / 4);
    if (long) expect((usedHeap() - heapAtFirst) / 2 ** 20, 'MiB more than after 50,000').toBeLessThan(32);
  },
  long ? 180 * minute : 5 * minute,
);
