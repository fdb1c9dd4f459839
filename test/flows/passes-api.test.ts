import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { newBrowser } from '../support/cookie-browser.ts';
import { startHouse, type TestHouse } from '../support/house.ts';
import { enterPass, joinWithPass } from '../support/person.ts';
import { type RelyingParty, startRelyingParty } from '../support/relying-party.ts';
import { newAuthenticator } from '../support/software-authenticator.ts';
import { defaultPassSettings } from '../../src/methods/temporary-access-pass/settings.ts';

type Json = Record<string, unknown>;

const sevenDigits = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/;
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const codeShape = /^[2-9A-HJ-NP-Z]{16}$/;
/** Of a pass, in Graph's order and then ours. */
const keysOfAPass = [
  '@odata.type',
  'id',
  'temporaryAccessPass',
  'createdDateTime',
  'startDateTime',
  'lifetimeInMinutes',
  'isUsableOnce',
  'isUsable',
  'methodUsabilityReason',
  'purpose',
  'reason',
  'ticket',
  'state',
  'createdBy',
  'usedDateTime',
];

let house: TestHouse;
let app: RelyingParty;
let bearer: { authorization: string };
let made = 0;

beforeAll(async () => {
  app = await startRelyingParty({ issuer: () => house.issuer, clientId: 'app', clientSecret: 'app-secret' });
  const plenty = { most: 100_000, windowMinutes: 5 };
  house = await startHouse({ LATCHKEY_THROTTLES: JSON.stringify({ source: plenty, sourceAndAccount: plenty }) });
  await house.seed({
    clients: [
      { client_id: 'app', client_secret: 'app-secret', redirect_uris: [app.redirectUri] },
      anApiClient('hr', ['UserAuthenticationMethod.ReadWrite.All']),
      anApiClient('reader', ['UserAuthMethod-TAP.Read.All']),
      anApiClient('people', ['User.ReadWrite.All']),
      anApiClient('leaving', ['UserAuthMethod-TAP.ReadWrite.All']),
    ],
  });
  bearer = await bearerOf('hr');
});
afterAll(async () => {
  await app?.close();
  await house?.close();
});

const anApiClient = (clientId: string, roles: string[]) => ({
  client_id: clientId,
  client_secret: 'secret',
  grant_types: ['client_credentials'],
  app_roles: roles,
});

async function bearerOf(clientId: string): Promise<{ authorization: string }> {
  const body = new URLSearchParams({ grant_type: 'client_credentials', scope: `${house.issuer}/management/.default` });
  const headers = { authorization: `Basic ${btoa(`${clientId}:secret`)}` };
  const answer = await fetch(`${house.issuer}/token`, { method: 'POST', body, headers });
  return { authorization: `Bearer ${((await answer.json()) as { access_token: string }).access_token}` };
}

async function aUser(): Promise<{ id: string; userName: string }> {
  made += 1;
  const userName = `user-${made}@example.com`;
  return { id: (await house.user(userName)).id, userName };
}

interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Json;
}

const passesOf = (user: string, version = 'v1.0'): string =>
  `/${version}/users/${encodeURIComponent(user)}/authentication/temporaryAccessPassMethods`;

async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = bearer,
): Promise<ApiAnswer> {
  const isText = typeof body === 'string' || body === undefined;
  const answer = await fetch(new URL(path, house.issuer), {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    body: isText ? (body ?? null) : JSON.stringify(body),
    redirect: 'manual',
  });
  const text = await answer.text();
  const isJson = answer.headers.get('content-type')?.startsWith('application/json');
  return { status: answer.status, headers: answer.headers, text, body: isJson ? JSON.parse(text) : {} };
}

/** Refused in Graph's envelope, as its JavaScript client reads it. */
function expectRefusal(answer: ApiAnswer, status: number, code: string, message?: string | RegExp): void {
  const requestId = answer.headers.get('request-id');
  expect({ status: answer.status, body: answer.body }).toEqual({
    status,
    body: {
      error: {
        code,
        message:
          message === undefined
            ? expect.any(String)
            : typeof message === 'string'
              ? message
              : expect.stringMatching(message),
        innerError: {
          date: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/),
          'request-id': expect.stringMatching(uuid),
          'client-request-id': expect.any(String),
        },
      },
    },
  });
  expect((answer.body.error as { innerError: Json }).innerError['request-id']).toBe(requestId);
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
}

/** Whether the code opens registration; asked in a new browser. */
async function opens(userName: string, code: string): Promise<boolean> {
  const browser = newBrowser({ stopAt: app.redirectUri });
  await browser.visit(await app.authorizationUrl());
  return (await enterPass(browser, userName, code)).step === 'enrol';
}

describe('giving a pass', () => {
  test('answers 201 with every property, and the code works at once', async () => {
    const { id, userName } = await aUser();
    const asked = {
      lifetimeInMinutes: 90,
      isUsableOnce: true,
      reason: 'New joiner',
      ticket: 'INC-1',
      verifiedBy: 'inPerson',
    };
    const answer = await call('POST', passesOf(id), asked);
    const { body } = answer;
    expect(answer.status).toBe(201);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(Object.keys(body)).toEqual(['@odata.context', ...keysOfAPass, 'handoverUrl']);
    expect(body).toEqual({
      '@odata.context': `${house.issuer}/v1.0/$metadata#users('${id}')/authentication/temporaryAccessPassMethods/$entity`,
      '@odata.type': '#microsoft.graph.temporaryAccessPassAuthenticationMethod',
      id: expect.stringMatching(uuid),
      temporaryAccessPass: expect.stringMatching(codeShape),
      createdDateTime: expect.stringMatching(sevenDigits),
      startDateTime: body.createdDateTime,
      lifetimeInMinutes: 90,
      isUsableOnce: true,
      isUsable: true,
      methodUsabilityReason: 'EnabledByPolicy',
      purpose: 'registration',
      reason: 'New joiner',
      ticket: 'INC-1',
      state: 'active',
      createdBy: { kind: 'client', id: 'hr' },
      usedDateTime: null,
      handoverUrl: `${house.issuer}/pass#user=${encodeURIComponent(userName)}&code=${body.temporaryAccessPass}`,
    });
    expect(Math.abs(Date.now() - Date.parse(body.createdDateTime as string))).toBeLessThan(10_000);
    expect(await opens(userName, body.temporaryAccessPass as string)).toBe(true);
  });

  test.each([
    ['no body', undefined],
    ['an empty text', ''],
    ['{}', {}],
    ['null', null],
    ['nulls', { startDateTime: null, lifetimeInMinutes: null, isUsableOnce: null, purpose: null, reason: null }],
  ])('with %s it takes what policy says', async (_what, body) => {
    const { id } = await aUser();
    const answer = await call('POST', passesOf(id), body === null ? 'null' : body);
    expect(answer.status).toBe(201);
    expect(answer.body).toMatchObject({
      lifetimeInMinutes: 60,
      isUsableOnce: true,
      isUsable: true,
      reason: null,
      ticket: null,
    });
  });

  test('an empty body needs no content type, and one with a charset is JSON as well', async () => {
    const { id } = await aUser();
    expect((await call('POST', passesOf(id), undefined, { ...bearer, 'content-type': 'text/plain' })).status).toBe(201);
    expect(
      (await call('POST', passesOf(id), {}, { ...bearer, 'content-type': 'application/json; charset=utf-8' })).status,
    ).toBe(201);
    expect(
      (await call('POST', passesOf(id), {}, { ...bearer, 'content-type': 'application/json;odata.metadata=minimal' }))
        .status,
    ).toBe(201);
  });

  test('by object id, by user principal name in any case, and under /beta it is the same user', async () => {
    const { id, userName } = await aUser();
    for (const path of [
      passesOf(id),
      passesOf(userName),
      passesOf(userName.toUpperCase()),
      passesOf(id.toUpperCase()),
      passesOf(userName, 'beta'),
    ]) {
      const answer = await call('POST', path, {});
      expect(answer.status, path).toBe(201);
      const listed = await call('GET', passesOf(id));
      expect((listed.body.value as Json[])[0]!.id, path).toBe(answer.body.id);
    }
    expect((await call('GET', passesOf(id, 'beta'))).body['@odata.context']).toContain(
      `${house.issuer}/beta/$metadata#users`,
    );
  });

  test('replaces the one before, whose code is dead at once', async () => {
    const { id, userName } = await aUser();
    const first = await call('POST', passesOf(id), {});
    const second = await call('POST', passesOf(id), {});
    expect(second.body.id).not.toBe(first.body.id);
    expect((await call('GET', passesOf(id))).body.value).toHaveLength(1);
    expectRefusal(await call('GET', `${passesOf(id)}/${first.body.id}`), 404, 'itemNotFound');
    expect(await opens(userName, first.body.temporaryAccessPass as string)).toBe(false);
    expect(await opens(userName, second.body.temporaryAccessPass as string)).toBe(true);
  });

  test('takes a start in the future, with any offset, and says NotYetValid until then', async () => {
    const { id, userName } = await aUser();
    const start = new Date(Math.ceil(Date.now() / 60_000) * 60_000 + 3_600_000);
    const withOffset = new Date(start.getTime() + 2 * 3_600_000).toISOString().replace('Z', '+02:00');
    const { status, body } = await call('POST', passesOf(id), { startDateTime: withOffset });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      startDateTime: start.toISOString().replace('.000Z', '.0000000Z'),
      isUsable: false,
      methodUsabilityReason: 'NotYetValid',
      state: 'scheduled',
    });
    expect(await opens(userName, body.temporaryAccessPass as string)).toBe(false);
  });

  test('takes back what it gave: read-only and @odata properties are ignored', async () => {
    const { id } = await aUser();
    const { body } = await call('POST', passesOf(id), { lifetimeInMinutes: 61 });
    const again = await call('POST', passesOf(id), {
      ...body,
      temporaryAccessPass: 'MINE-MINE-MINE-MINE',
      isUsable: false,
      methodUsabilityReason: 'Expired',
      createdBy: { kind: 'operator', id: 'me' },
      state: 'revoked',
    });
    expect(again.status).toBe(201);
    expect(again.body.temporaryAccessPass).toMatch(codeShape);
    expect(again.body.id).not.toBe(body.id);
    expect(again.body).toMatchObject({
      lifetimeInMinutes: 61,
      isUsable: true,
      state: 'active',
      createdBy: { kind: 'client', id: 'hr' },
    });
  });

  test.each([{ somethingNew: { deep: [1, 2] } }, { isUseableOnce: false }, { userId: randomUUID() }])(
    'what nobody knows is refused and never passed over: %j',
    async (more) => {
      const { id } = await aUser();
      expectRefusal(await call('POST', passesOf(id), more), 400, 'badRequest', new RegExp(Object.keys(more)[0]!));
      expect((await call('GET', passesOf(id))).body.value).toEqual([]);
    },
  );

  test('the code goes to who asks; to say otherwise is refused, and no code is shown', async () => {
    const { id } = await aUser();
    expect((await call('POST', passesOf(id), { deliverTo: 'issuer' })).status).toBe(201);
    const refused = await call('POST', passesOf(id), { deliverTo: 'manager' });
    expectRefusal(refused, 400, 'badRequest', /^deliverTo: can only be issuer/);
  });

  test('a lifetime that policy does not allow is refused with the sentence scripts look for', async () => {
    const { id } = await aUser();
    for (const lifetimeInMinutes of [59, 481, 0, -1, 60.5, 1e9]) {
      const answer = await call('POST', passesOf(id), { lifetimeInMinutes });
      expectRefusal(
        answer,
        400,
        'badRequest',
        'Invalid LifetimeInMinutes specified. The valid range between 60 and 480.',
      );
    }
    for (const lifetimeInMinutes of [60, 480])
      expect((await call('POST', passesOf(id), { lifetimeInMinutes })).status).toBe(201);
  });

  test.each<[string, Json, RegExp]>([
    ['a lifetime that is text', { lifetimeInMinutes: '60' }, /^lifetimeInMinutes/],
    ['a start that is no date', { startDateTime: 'tomorrow' }, /^startDateTime/],
    ['a start without a zone', { startDateTime: '2026-11-21T09:00:00' }, /^startDateTime/],
    ['a start long past', { startDateTime: '2020-01-01T00:00:00Z' }, /^startDateTime lies in the past/],
    [
      'a start too far ahead',
      { startDateTime: '2099-01-01T00:00:00Z' },
      /^startDateTime must be within the next 90 days/,
    ],
    ['isUsableOnce that is text', { isUsableOnce: 'yes' }, /^isUsableOnce/],
    ['a reusable pass where policy has none', { isUsableOnce: false }, /^isUsableOnce cannot be false/],
    ['a purpose nobody knows', { purpose: 'world' }, /^purpose/],
    ['more purpose than policy allows', { purpose: 'signIn' }, /^purpose cannot be signIn/],
    ['a reason of 1001 characters', { reason: 'x'.repeat(1001) }, /^reason/],
    ['verifiedBy that nobody knows', { verifiedBy: 'mail' }, /^verifiedBy/],
    ['NUL in a text', { reason: 'a\0b' }, /character that no property takes/],
  ])('%s is a 400 that names it, and nothing is made', async (_what, body, message) => {
    const { id } = await aUser();
    expectRefusal(await call('POST', passesOf(id), body), 400, 'badRequest', message);
    expect((await call('GET', passesOf(id))).body.value).toEqual([]);
  });

  test.each([
    ['half a body', '{"lifetimeInMinutes":', 400, 'badRequest'],
    ['a list', '[]', 400, 'badRequest'],
    ['a text', '"x"', 400, 'badRequest'],
    ['a number', '1', 400, 'badRequest'],
    ['very deep JSON', '['.repeat(30_000), 400, 'badRequest'],
    ['more than 64 KiB', JSON.stringify({ reason: 'x'.repeat(70_000) }), 413, 'requestEntityTooLarge'],
  ] as const)('%s is refused', async (_what, body, status, code) => {
    const { id } = await aUser();
    expectRefusal(await call('POST', passesOf(id), body), status, code);
    expect((await call('GET', passesOf(id))).body.value).toEqual([]);
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'text/json', 'application/xml'])(
    'a body as %s is a 415',
    async (type) => {
      const { id } = await aUser();
      expectRefusal(
        await call('POST', passesOf(id), '{}', { ...bearer, 'content-type': type }),
        415,
        'unsupportedMediaType',
      );
    },
  );

  test('a disabled user gets none', async () => {
    const { id, userName } = await aUser();
    await house.seed({ users: [{ userPrincipalName: userName, accountEnabled: false }] });
    expectRefusal(await call('POST', passesOf(id), {}), 400, 'badRequest', /disabled/);
  });

  test('one that signs in is made where policy allows it, and says so wherever it is shown', async () => {
    const { id } = await aUser();
    await house.seed({ policies: { temporaryAccessPass: { purpose: 'signIn' } } });
    try {
      const { status, body } = await call('POST', passesOf(id), { purpose: 'signIn' });
      expect({ status, purpose: body.purpose }).toEqual({ status: 201, purpose: 'signIn' });
      const listed = (await call('GET', passesOf(id))).body.value as Json[];
      expect(listed).toMatchObject([{ purpose: 'signIn', temporaryAccessPass: null }]);
    } finally {
      await house.seed({ policies: { temporaryAccessPass: defaultPassSettings } });
    }
  });

  test('nobody gets one while policy disables passes', async () => {
    const { id } = await aUser();
    await house.seed({ policies: { temporaryAccessPass: { state: 'disabled' } } });
    try {
      expectRefusal(await call('POST', passesOf(id), {}), 400, 'badRequest', /disabled by policy/);
    } finally {
      await house.seed({ policies: { temporaryAccessPass: defaultPassSettings } });
    }
  });
});

describe('reading a pass', () => {
  test('a list of none or one, with the same item as by its id, and never the code', async () => {
    const { id } = await aUser();
    const context = `${house.issuer}/v1.0/$metadata#users('${id}')/authentication/temporaryAccessPassMethods`;
    expect((await call('GET', passesOf(id))).body).toEqual({ '@odata.context': context, value: [] });
    const { body } = await call('POST', passesOf(id), {});
    const listed = await call('GET', passesOf(id));
    const one = await call('GET', `${passesOf(id)}/${body.id}`);
    const { handoverUrl: _link, ...given } = body;
    const item = { ...given, temporaryAccessPass: null };
    expect(one.body).toEqual({ ...item, '@odata.context': `${context}/$entity` });
    const { '@odata.context': _, ...bare } = item as Json;
    expect(listed.body).toEqual({ '@odata.context': context, value: [bare] });
    for (const answer of [listed, one]) {
      expect(answer.status).toBe(200);
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(answer.text).not.toContain(body.temporaryAccessPass);
    }
  });

  test('a client that may only read reads, and gives and deletes nothing', async () => {
    const { id } = await aUser();
    const { body } = await call('POST', passesOf(id), {});
    const reader = await bearerOf('reader');
    expect((await call('GET', passesOf(id), undefined, reader)).body.value).toHaveLength(1);
    expectRefusal(await call('POST', passesOf(id), {}, reader), 403, 'accessDenied', /lacks the permission/);
    expectRefusal(await call('DELETE', `${passesOf(id)}/${body.id}`, undefined, reader), 403, 'accessDenied');
    expect((await call('GET', `${passesOf(id)}/${body.id}`)).body.isUsable).toBe(true);
  });

  test('says what became of the pass: in registration, used, expired', async () => {
    const { id, userName } = await aUser();
    const code = (await call('POST', passesOf(id), {})).body.temporaryAccessPass as string;
    const current = async (): Promise<Json> => ((await call('GET', passesOf(id))).body.value as Json[])[0]!;
    const browser = newBrowser({ stopAt: app.redirectUri });
    await browser.visit(await app.authorizationUrl());
    await enterPass(browser, userName, code);
    expect(await current()).toMatchObject({
      isUsable: false,
      methodUsabilityReason: 'OneTimeUsed',
      state: 'inRegistration',
    });
    await browser.visit(await app.authorizationUrl());
    await joinWithPass(browser, newAuthenticator(), userName, code);
    expect(await current()).toMatchObject({
      isUsable: false,
      methodUsabilityReason: 'OneTimeUsed',
      state: 'used',
      usedDateTime: expect.stringMatching(sevenDigits),
    });

    const other = await aUser();
    house.clock.advance(-120);
    await call('POST', passesOf(other.id), {}).finally(() => house.clock.advance(120));
    expect(((await call('GET', passesOf(other.id))).body.value as Json[])[0]).toMatchObject({
      isUsable: false,
      methodUsabilityReason: 'Expired',
      state: 'expired',
    });
  });
});

describe('extending a pass', () => {
  const extend = (user: string, passId: unknown, body: unknown, headers = bearer) =>
    call('POST', `${passesOf(user)}/${passId}/extend`, body, headers);

  test('answers 200 with the item as it is from then on, without the code, which goes on working', async () => {
    const { id, userName } = await aUser();
    const { body } = await call('POST', passesOf(id), {});
    const answer = await extend(userName, body.id, { lifetimeInMinutes: 240 });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.text).not.toContain(body.temporaryAccessPass);
    expect(answer.body).toEqual((await call('GET', `${passesOf(id)}/${body.id}`)).body);
    expect(answer.body).toMatchObject({ id: body.id, lifetimeInMinutes: 240, state: 'active', isUsable: true });
    expect(Object.keys(answer.body)).toEqual(['@odata.context', ...keysOfAPass]);
    expect(await opens(userName, body.temporaryAccessPass as string)).toBe(true);
  });

  test('refuses in Graph’s envelope what cannot be', async () => {
    const { id } = await aUser();
    const { body } = await call('POST', passesOf(id), {});
    const range = 'Invalid LifetimeInMinutes specified. The valid range between 60 and 480.';
    expectRefusal(await extend(id, body.id, { lifetimeInMinutes: 481 }), 400, 'badRequest', range);
    expectRefusal(await extend(id, body.id, { lifetimeInMinutes: 60 }), 400, 'badRequest', /more than the pass has/);
    for (const none of [undefined, {}, { lifetimeInMinutes: '120' }, { lifetimeInMinutes: null }]) {
      expectRefusal(await extend(id, body.id, none), 400, 'badRequest', /^lifetimeInMinutes/);
    }
    const asked = { lifetimeInMinutes: 120 };
    for (const passId of [randomUUID(), 'x', '%20']) {
      expectRefusal(await extend(id, passId, asked), 404, 'itemNotFound');
    }
    expectRefusal(await extend((await aUser()).id, body.id, asked), 404, 'itemNotFound');
    expectRefusal(await extend(id, body.id, asked, await bearerOf('reader')), 403, 'accessDenied');
    expectRefusal(await extend(id, body.id, asked, {} as typeof bearer), 401, 'InvalidAuthenticationToken');
    expectRefusal(await call('GET', `${passesOf(id)}/${body.id}/extend`), 405, 'methodNotAllowed');
    expect((await call('GET', `${passesOf(id)}/${body.id}`)).body.lifetimeInMinutes).toBe(60);

    house.clock.advance(120);
    try {
      expectRefusal(await extend(id, body.id, asked, await bearerOf('hr')), 409, 'conflict', /is expired/);
    } finally {
      house.clock.advance(-120);
    }
  });
});

describe('the history of passes', () => {
  const historyOf = (user: string, version = 'v1.0') => `/${version}/users/${user}/authentication/passHistory`;

  test('lists what ended, newest first, with how and when, and never a code', async () => {
    const { id, userName } = await aUser();
    const context = (version: string) =>
      `${house.issuer}/${version}/$metadata#users('${id}')/authentication/passHistory`;
    expect((await call('GET', historyOf(id))).body).toEqual({ '@odata.context': context('v1.0'), value: [] });
    const { body: first } = await call('POST', passesOf(id), { reason: 'New joiner', ticket: 'INC-1' });
    const { body: second } = await call('POST', passesOf(id), {});
    await call('DELETE', `${passesOf(id)}/${second.id}`);
    const { body: third } = await call('POST', passesOf(id), {});

    const answer = await call('GET', historyOf(userName, 'beta'), undefined, await bearerOf('reader'));
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.body['@odata.context']).toBe(context('beta'));
    const [revoked, replaced, ...more] = answer.body.value as Json[];
    expect(more).toEqual([]);
    expect(revoked).toMatchObject({ id: second.id, state: 'revoked', endReason: 'revoked' });
    expect(replaced).toEqual({
      '@odata.type': '#microsoft.graph.temporaryAccessPassAuthenticationMethod',
      id: first.id,
      temporaryAccessPass: null,
      createdDateTime: first.createdDateTime,
      startDateTime: first.startDateTime,
      lifetimeInMinutes: 60,
      isUsableOnce: true,
      purpose: 'registration',
      reason: 'New joiner',
      ticket: 'INC-1',
      state: 'replaced',
      createdBy: { kind: 'client', id: 'hr' },
      usedDateTime: null,
      endedDateTime: second.createdDateTime,
      endReason: 'replaced',
    });
    for (const { temporaryAccessPass } of [first, second, third])
      expect(answer.text).not.toContain(temporaryAccessPass);
  });

  test('is refused like the rest of the API', async () => {
    const { id } = await aUser();
    expectRefusal(await call('GET', historyOf(id), undefined, {}), 401, 'InvalidAuthenticationToken');
    expectRefusal(await call('GET', historyOf(id), undefined, await bearerOf('people')), 403, 'accessDenied');
    expectRefusal(await call('GET', historyOf('nobody@example.com')), 404, 'itemNotFound');
    expectRefusal(await call('GET', `${historyOf(id)}?$top=1`), 400, 'badRequest');
    expectRefusal(await call('POST', historyOf(id), {}), 405, 'methodNotAllowed');
  });
});

describe('deleting a pass', () => {
  test('answers 204 without a body, then there is none, and the code is dead at once', async () => {
    const { id, userName } = await aUser();
    const { body } = await call('POST', passesOf(userName), {});
    const answer = await call('DELETE', `${passesOf(userName)}/${body.id}`);
    expect({ status: answer.status, text: answer.text, type: answer.headers.get('content-type') }).toEqual({
      status: 204,
      text: '',
      type: null,
    });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect((await call('GET', passesOf(id))).body.value).toEqual([]);
    expect(await opens(userName, body.temporaryAccessPass as string)).toBe(false);
    expectRefusal(await call('DELETE', `${passesOf(id)}/${body.id}`), 404, 'itemNotFound');
    expectRefusal(await call('GET', `${passesOf(id)}/${body.id}`), 404, 'itemNotFound');
  });

  test('of another user is a 404 and ends nothing', async () => {
    const [first, second] = [await aUser(), await aUser()];
    const { body } = await call('POST', passesOf(first.id), {});
    await call('POST', passesOf(second.id), {});
    expectRefusal(await call('DELETE', `${passesOf(second.id)}/${body.id}`), 404, 'itemNotFound');
    for (const { id } of [first, second]) expect((await call('GET', passesOf(id))).body.value).toHaveLength(1);
  });

  test.each(['not-an-id', randomUUID(), `${randomUUID()}'`, '%20'])(
    'by an id that is none (%s) is a 404',
    async (passId) => {
      const { id } = await aUser();
      expectRefusal(await call('DELETE', `${passesOf(id)}/${passId}`), 404, 'itemNotFound');
      expectRefusal(await call('GET', `${passesOf(id)}/${passId}`), 404, 'itemNotFound');
    },
  );
});

describe('who may', () => {
  test.each([
    ['no token', {}, 'Bearer'],
    ['a token of another scheme', { authorization: 'Basic aHI6c2VjcmV0' }, 'Bearer'],
    ['an empty token', { authorization: 'Bearer ' }, 'Bearer'],
    ['nonsense', { authorization: 'Bearer nonsense' }, 'Bearer error="invalid_token"'],
    ['a token with odd characters', { authorization: "Bearer ' or 1=1" }, 'Bearer'],
    ['a very long token', { authorization: `Bearer ${'x'.repeat(8_000)}` }, 'Bearer error="invalid_token"'],
  ])('with %s it is a 401 that says how to come back', async (_what, headers, challenge) => {
    const { id } = await aUser();
    for (const [method, path] of [
      ['GET', passesOf(id)],
      ['POST', passesOf(id)],
      ['GET', `${passesOf(id)}/${randomUUID()}`],
      ['DELETE', `${passesOf(id)}/x`],
    ] as const) {
      const answer = await call(method, path, undefined, headers as Record<string, string>);
      expectRefusal(answer, 401, 'InvalidAuthenticationToken');
      expect(answer.headers.get('www-authenticate')).toBe(challenge);
    }
  });

  test('a token in the address or in the body is none', async () => {
    const { id } = await aUser();
    const token = bearer.authorization.slice('Bearer '.length);
    expectRefusal(
      await call('GET', `${passesOf(id)}?access_token=${token}`, undefined, {}),
      401,
      'InvalidAuthenticationToken',
    );
    expectRefusal(await call('POST', passesOf(id), { access_token: token }, {}), 401, 'InvalidAuthenticationToken');
  });

  test('without a token nobody learns whether a user exists', async () => {
    const known = await call('GET', passesOf((await aUser()).id), undefined, {});
    const unknown = await call('GET', passesOf('nobody@example.com'), undefined, {});
    expectRefusal(unknown, 401, 'InvalidAuthenticationToken');
    const message = ({ body }: ApiAnswer) => (body.error as Json).message;
    expect(message(unknown)).toBe(message(known));
  });

  test('a client with permissions for something else is a 403', async () => {
    const people = await bearerOf('people');
    const { id } = await aUser();
    expectRefusal(await call('GET', passesOf(id), undefined, people), 403, 'accessDenied');
    expectRefusal(
      await call('POST', passesOf(id), {}, people),
      403,
      'accessDenied',
      /UserAuthenticationMethod\.ReadWrite\.All/,
    );
    // Also for a user who does not exist: the permission comes first.
    expectRefusal(await call('POST', passesOf('nobody@example.com'), {}, people), 403, 'accessDenied');
  });

  test('a permission that is taken away works no longer at once, with the same token, and neither does the pass it gave', async () => {
    const leaving = await bearerOf('leaving');
    const { id, userName } = await aUser();
    const { status, body } = await call('POST', passesOf(id), {}, leaving);
    expect(status).toBe(201);
    await house.seed({ clients: [anApiClient('leaving', ['User.Read.All'])] });
    expectRefusal(await call('POST', passesOf(id), {}, leaving), 403, 'accessDenied');
    expectRefusal(await call('GET', passesOf(id), undefined, leaving), 403, 'accessDenied');
    expect(await opens(userName, body.temporaryAccessPass as string)).toBe(false);
    await house.seed({ clients: [anApiClient('leaving', ['UserAuthMethod-TAP.ReadWrite.All'])] });
    expect((await call('POST', passesOf(id), {}, leaving)).status).toBe(201);
  });

  test('no application reaches a user with a role, and a pass from before the role is dead', async () => {
    const { id, userName } = await aUser();
    const { body } = await call('POST', passesOf(id), {});
    await house.seed({ users: [{ userPrincipalName: userName, roles: ['Global Reader'] }] });
    expectRefusal(await call('POST', passesOf(id), {}), 403, 'accessDenied', /administrator role/);
    expectRefusal(await call('DELETE', `${passesOf(id)}/${body.id}`), 403, 'accessDenied');
    expect(await opens(userName, body.temporaryAccessPass as string)).toBe(false);
  });

  test('what was refused is in the audit log with who asked', async () => {
    const people = await bearerOf('people');
    const answer = await call('POST', passesOf((await aUser()).id), {}, people);
    const requestId = answer.headers.get('request-id')!;
    const [event] = await house.base.knex('audit_events').where('request_id', '=', requestId);
    expect(event).toMatchObject({
      type: 'request.refused',
      result: 'failure',
      actor_kind: 'client',
      actor_id: 'people',
      ip: expect.stringMatching(/^(127\.0\.0\.1|::1)$/),
    });
  });
});

describe('what is not there', () => {
  test.each(['nobody@example.com', randomUUID(), 'x', '%20', "o'neill@example.com", '%F0%9F%98%80', '..', 'a%2Fb'])(
    'user %s is a 404',
    async (user) => {
      const path = `/v1.0/users/${user === '..' ? '%2E%2E%2Fx' : user}/authentication/temporaryAccessPassMethods`;
      expectRefusal(await call('GET', path), 404, 'itemNotFound');
      expectRefusal(await call('POST', path, {}), 404, 'itemNotFound');
    },
  );

  test.each(['%', '%zz', '%E0%A4%A', '%ff'])(
    'an address that cannot be decoded (%s) is a 4xx in the API’s own form',
    async (user) => {
      const answer = await call('GET', `/v1.0/users/${user}/authentication/temporaryAccessPassMethods`);
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(500);
      expect(answer.body).toMatchObject({ error: { code: expect.any(String) } });
    },
  );

  test.each([
    ['PATCH', 'one'],
    ['PUT', 'one'],
    ['POST', 'one'],
    ['DELETE', 'list'],
    ['PATCH', 'list'],
    ['PUT', 'list'],
  ])('%s of %s is a 405', async (method, of) => {
    const { id } = await aUser();
    const answer = await call(method, `${passesOf(id)}${of === 'one' ? `/${randomUUID()}` : ''}`, {});
    expectRefusal(answer, 405, 'methodNotAllowed');
    expect(answer.headers.get('allow')).toContain('GET');
  });

  test.each([
    '/v1.0/nothing',
    '/beta/nothing',
    '/v1.0/devices',
    '/v1.0/users/x/authentication/passwordMethods',
    '/v1.0/',
    '/v1.0',
  ])('%s is a 404 in the API’s own form', async (path) => {
    expectRefusal(await call('GET', path), 404, 'itemNotFound');
  });

  test.each(['v2.0', 'v1'])('there is no version %s', async (version) => {
    const answer = await call('GET', passesOf((await aUser()).id, version));
    expectRefusal(answer, 404, 'itemNotFound', /no such version/);
  });

  test.each(['v1x0', 'anything', 'graph'])('the API is not under /%s', async (version) => {
    const answer = await call('GET', passesOf((await aUser()).id, version));
    expect({ status: answer.status, json: answer.body }).toEqual({ status: 404, json: {} });
  });

  test('a client-request-id comes back, cut to a sane length', async () => {
    const mine = randomUUID();
    const { body } = await call('GET', '/v1.0/users/x/authentication/temporaryAccessPassMethods', undefined, {
      ...bearer,
      'client-request-id': mine,
    });
    expect((body.error as { innerError: Json }).innerError['client-request-id']).toBe(mine);
    const long = await call('GET', '/v1.0/users/x/authentication/temporaryAccessPassMethods', undefined, {
      ...bearer,
      'client-request-id': 'x'.repeat(5_000),
    });
    expect(
      ((long.body.error as { innerError: Json }).innerError['client-request-id'] as string).length,
    ).toBeLessThanOrEqual(64);
  });

  // API.md, Conventions: "What is not supported is a 400 that says so, never ignored."
  test('a query option is understood or refused, never ignored', async () => {
    const { id } = await aUser();
    await call('POST', passesOf(id), {});
    const selected = await call('GET', `${passesOf(id)}?$select=id`);
    if (selected.status !== 400) expect(Object.keys((selected.body.value as Json[])[0]!)).not.toContain('isUsable');
    for (const unknown of ['$filter=isUsable%20eq%20false', '$expand=x', '$nonsense=1']) {
      expect((await call('GET', `${passesOf(id)}?${unknown}`)).status, unknown).toBe(400);
    }
  });

  // API.md, Conventions: "Key form `name('key')` works as well as `/name/key`".
  test('the key form of an address is understood', async () => {
    const { id, userName } = await aUser();
    const { body } = await call('POST', passesOf(id), {});
    for (const user of [id, userName]) {
      const base = `/v1.0/users('${user}')/authentication/temporaryAccessPassMethods`;
      expect((await call('GET', base)).status, base).toBe(200);
      expect((await call('GET', `${base}('${body.id}')`)).status).toBe(200);
    }
    // OData writes an apostrophe twice.
    const { id: irish } = await house.user("o'neill@example.com");
    const listed = await call('GET', "/v1.0/users('o''neill@example.com')/authentication/temporaryAccessPassMethods");
    expect(listed.body['@odata.context']).toContain(irish);
  });
});
