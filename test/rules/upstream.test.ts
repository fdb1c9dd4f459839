import { BlockList } from 'node:net';
import { exportJWK, generateKeyPair } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Provider, providerSettings } from '../../src/methods/upstream/provider.ts';
import { type ClientCredentials, relyingParty } from '../../src/methods/upstream/relying-party.ts';
import { startHostileUpstream } from '../support/hostile-upstream.ts';
import { type MockUpstream, type OidcUpstream, startMockUpstream, startOidcUpstream } from '../support/upstream.ts';

/** Out to an honest provider and back. */

const redirectUri = 'https://id.example.com/upstream/contoso/callback';
const outbound = { allow: new BlockList(), local: true };
const clientSecret = 'a secret & with: what has to be encoded';
const providerAt = (issuer: string, more: object = {}): Provider => ({
  id: 'contoso',
  ...providerSettings.parse({ displayName: 'Contoso', issuer, clientId: 'latchkey', ...more }),
});

async function signIn(
  upstream: { readonly follow: (url: URL) => Promise<URL> },
  provider: Provider,
  credentials: ClientCredentials,
  asked: { maxAge?: number } = {},
) {
  const party = relyingParty(outbound);
  const now = new Date();
  const departed = await party.depart(provider, { redirectUri, now, ...asked });
  if (departed.kind === 'refused') return departed;
  const callbackUrl = await upstream.follow(departed.url);
  return party.collect(provider, credentials, { callbackUrl, ceremony: departed.ceremony, redirectUri, now, ...asked });
}

describe('the request', () => {
  let mock: MockUpstream;
  beforeAll(async () => {
    mock = await startMockUpstream();
  });
  afterAll(() => mock?.close());

  test('has PKCE, state and nonce of 256 bits, new each time', async () => {
    const party = relyingParty(outbound);
    const asked = { redirectUri, now: new Date(), loginHint: 'ada@contoso.example', maxAge: 0, acrValues: ['a', 'b'] };
    const departures = [1, 2].map(() => party.depart(providerAt(mock.issuer), { ...asked, prompt: 'login' }));
    const [one, two] = await Promise.all(departures);
    if (one?.kind !== 'departure' || two?.kind !== 'departure') return expect.unreachable();
    expect(Object.fromEntries(one.url.searchParams)).toEqual({
      ...{ client_id: 'latchkey', response_type: 'code', redirect_uri: redirectUri, scope: 'openid profile email' },
      ...{ state: one.ceremony.state, nonce: one.ceremony.nonce, code_challenge_method: 'S256' },
      ...{ login_hint: 'ada@contoso.example', max_age: '0', acr_values: 'a b', prompt: 'login' },
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
    });
    expect(one.url.href).not.toContain(one.ceremony.codeVerifier);
    const values = [one, two].flatMap(({ ceremony }) => [ceremony.state, ceremony.nonce, ceremony.codeVerifier]);
    expect(new Set(values).size).toBe(6);
    for (const value of values) expect(Buffer.from(value, 'base64url')).toHaveLength(32);
  });

  test('ends in an identity, with the claims that were set', async () => {
    mock.claims = {
      name: 'Ada',
      email: 'ada@contoso.example',
      preferred_username: 'ada',
      acr: 'x',
      amr: ['pwd'],
      sid: 's1',
    };
    expect(await signIn(mock, providerAt(mock.issuer), { clientSecret, privateKey: null })).toMatchObject({
      kind: 'collected',
      identity: { issuer: mock.issuer, sub: 'johndoe', acr: 'x', amr: ['pwd'], sid: 's1', claims: { name: 'Ada' } },
    });
    mock.claims = { nonce: 'another' };
    expect(await signIn(mock, providerAt(mock.issuer), { clientSecret, privateKey: null })).toMatchObject({
      reason: 'nonce',
    });
  });

  test('to sign out there takes the browser to it, and says which sign-in', async () => {
    const asked = {
      idTokenHint: 'a.b.c',
      postLogoutRedirectUri: 'https://id.example.com/out',
      state: 's',
      now: new Date(),
    };
    const outcome = await relyingParty(outbound).endSessionUrl(providerAt(mock.issuer), asked);
    if (outcome.kind === 'refused' || !outcome.url) return expect.unreachable();
    expect(Object.fromEntries(outcome.url.searchParams)).toMatchObject({
      ...{ id_token_hint: 'a.b.c', post_logout_redirect_uri: 'https://id.example.com/out', state: 's' },
    });
    expect(outcome.url.href).toContain(`${mock.issuer}/endsession`);
  });
});

describe('a provider built on oidc-provider', () => {
  const ways = ['client_secret_basic', 'client_secret_post', 'private_key_jwt'] as const;
  describe.each(ways)('that knows us by %s', (authentication) => {
    let upstream: OidcUpstream;
    let credentials: ClientCredentials;
    beforeAll(async () => {
      const pair = await generateKeyPair('ES256', { extractable: true });
      const kid = { kid: 'ours', alg: 'ES256' };
      const byKey = authentication === 'private_key_jwt';
      credentials = {
        clientSecret: byKey ? null : clientSecret,
        privateKey: byKey ? { ...(await exportJWK(pair.privateKey)), ...kid } : null,
      };
      const publicKey = { ...(await exportJWK(pair.publicKey)), ...kid, use: 'sig' };
      const known = byKey ? { publicKey } : { clientSecret };
      upstream = await startOidcUpstream({ redirectUri, authentication, ...known });
    });
    afterAll(() => upstream?.close());

    test('says who it is', async () => {
      const provider = providerAt(upstream.issuer, { clientAuthentication: authentication });
      const outcome = await signIn(upstream, provider, credentials, { maxAge: 600 });
      expect(outcome).toMatchObject({
        kind: 'collected',
        identity: { sub: 'ada', authTime: expect.any(Date), claims: { name: 'Ada', email_verified: true } },
      });
    });

    test('is found usable, and with another secret or key is not', async () => {
      const provider = providerAt(upstream.issuer, { clientAuthentication: authentication });
      const asked = { redirectUri, now: new Date() };
      const party = relyingParty(outbound);
      expect(await party.testProvider(provider, credentials, asked)).toMatchObject({ isUsable: true });
      const wrong = await generateKeyPair('ES256', { extractable: true });
      const key = { ...(await exportJWK(wrong.privateKey)), kid: 'ours' };
      const others = credentials.privateKey
        ? { ...credentials, privateKey: key }
        : { ...credentials, clientSecret: 'wrong-secret-1' };
      const report = await party.testProvider(provider, others, asked);
      expect(report.isUsable).toBe(false);
      expect(report.checks.filter(({ result }) => result === 'failed').map(({ check }) => check)).toEqual(['client']);
      expect(JSON.stringify(report)).not.toMatch(/wrong-secret-1|a secret &/);
    });
  });
});

describe('a trial', () => {
  test.each([
    ['issuer', (right: object) => ({ ...right, issuer: 'https://other.example' })],
    ['endpoints', (right: object) => ({ ...right, token_endpoint: 'https://other.example/' })],
    ['algorithms', (right: object) => ({ ...right, id_token_signing_alg_values_supported: ['none'] })],
    ['discovery', () => ({})],
  ])('names what is wrong: %s', async (check, metadata) => {
    const upstream = await startHostileUpstream();
    upstream.bend({ metadata });
    const credentials = { clientSecret, privateKey: null };
    const report = await relyingParty(outbound).testProvider(upstream.provider(), credentials, {
      redirectUri,
      now: new Date(),
    });
    await upstream.close();
    expect(report.isUsable).toBe(false);
    expect(report.checks.filter(({ result }) => result === 'failed').map((one) => one.check)).toEqual([check]);
    for (const { words } of report.checks) expect(words).not.toContain('other.example');
  });
});
