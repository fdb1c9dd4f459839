import { type AddressInfo, BlockList, createServer, type Server } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isEndpoint } from '../../src/methods/upstream/metadata.ts';
import { relyingParty } from '../../src/methods/upstream/relying-party.ts';
import type { OutboundRules } from '../../src/outbound/outbound.ts';
import { type HostileUpstream, startHostileUpstream } from '../support/hostile-upstream.ts';
import { refusedForms } from '../support/refused-forms.ts';
import { testCertificate } from '../support/upstream-tls.ts';

/**
 * Where a provider can make us connect: as in production, with TLS and names. The provider is at an address that the operator
 * opened, and every other address of this machine has a canary.
 */

const before = getCACertificates('default');
const allow = new BlockList();
allow.addAddress('127.0.0.2', 'ipv4');
let upstream: HostileUpstream;
let canary: Server;
let port: number;
let reached = 0;
const here = ['upstream.example', 'evil.example'];
let lookups: Record<string, string[]>;
const rules: OutboundRules = {
  allow,
  local: false,
  longestMs: 1_500,
  resolve: async (host) => {
    const [address = here.includes(host) ? '127.0.0.2' : '127.0.0.1', ...rest] = lookups[host] ?? [];
    if (rest.length > 0) lookups[host] = rest;
    return [{ address, family: address.includes(':') ? 6 : 4 }];
  },
};

beforeAll(async () => {
  setDefaultCACertificates([...before, testCertificate]);
  upstream = await startHostileUpstream('upstream.example');
  canary = createServer((socket) => {
    reached += 1;
    socket.destroy();
  }).listen(0, '::');
  await new Promise((resolve) => canary.once('listening', resolve));
  port = (canary.address() as AddressInfo).port;
});
afterAll(async () => {
  setDefaultCACertificates(before);
  canary?.close();
  await upstream?.close();
});

const named = (form: string) => form.replace('PORT', String(port));
const without = (name: string) => (right: Record<string, unknown>) => {
  const { [name]: _gone, ...rest } = right;
  return rest;
};
const endpoints = ['jwks_uri', 'token_endpoint', 'userinfo_endpoint'] as const;

test('the right provider is reached, with TLS', async () => {
  lookups = {};
  upstream.bend({ claims: without('email') });
  expect(await upstream.signIn(relyingParty(rules))).toMatchObject({ kind: 'collected' });
  expect(upstream.requests).toEqual(['/.well-known/openid-configuration', '/token', '/jwks', '/userinfo']);
});

test('there are sixty forms and more', () => expect(new Set(refusedForms).size).toBeGreaterThanOrEqual(60));

describe.each(refusedForms)('%s', (form) => {
  test('is no issuer', async () => {
    lookups = {};
    const provider = { ...upstream.provider(), issuer: named(form) };
    expect(await relyingParty(rules).discover(provider, new Date())).toMatchObject({ reason: 'address_refused' });
    expect(reached).toBe(0);
  });

  test.each(endpoints)('is no %s, also where an administrator listed its host', async (endpoint) => {
    lookups = {};
    const address = named(form);
    upstream.bend({ claims: without('email'), metadata: (right) => ({ ...right, [endpoint]: address }) });
    expect(await upstream.signIn(relyingParty(rules))).toMatchObject({ reason: 'endpoint_refused' });
    const host = URL.canParse(address) ? new URL(address).host : '';
    const provider = { ...upstream.provider(), endpointHosts: [host] };
    expect(await upstream.signIn(relyingParty(rules), { provider })).toMatchObject({
      reason: expect.stringMatching(/^(endpoint|address)_refused$/),
    });
    expect(reached).toBe(0);
  });
});

describe('a name that leads elsewhere when it is asked again', () => {
  test.each(['127.0.0.1', '10.0.0.1', '::1', '::ffff:127.0.0.1', '169.254.169.254'])('to %s', async (address) => {
    for (const right of [0, 1, 2, 3]) {
      lookups = { 'upstream.example': [...Array.from({ length: right }, () => '127.0.0.2'), address] };
      upstream.bend({ claims: without('email') });
      expect(await upstream.signIn(relyingParty(rules))).toMatchObject({ kind: 'refused', reason: 'address_refused' });
      expect(upstream.requests).toHaveLength(right);
    }
    expect(reached).toBe(0);
  });
});

test('a certificate of another name is not believed', async () => {
  lookups = {};
  const provider = upstream.provider({ issuer: upstream.issuer.replace('upstream.example', 'evil.example') });
  expect(await relyingParty(rules).discover(provider, new Date())).toEqual({
    kind: 'refused',
    reason: 'unreachable',
    error: 'ERR_TLS_CERT_ALTNAME_INVALID',
  });
});

describe('the host of an endpoint', () => {
  const issuer = new URL('https://login.contoso.example/tenant');
  test.each([
    'https://login.contoso.example/token',
    'https://login.contoso.example:443/token',
    'https://eu.login.contoso.example/',
    'https://contoso.example/keys',
  ])('%s is the provider’s', (endpoint) => expect(isEndpoint(endpoint, issuer, [], false)).toBe(true));
  test.each([
    'https://api.contoso.example/',
    'https://example/',
    'https://evillogin.contoso.example/',
    'https://login.contoso.example.evil.test/',
    'https://login.contoso.example:8443/',
    'https://login.contoso.example@evil.test/',
    'https://login.contoso.example/#a',
    'http://login.contoso.example/',
    'https://login.contoso.example./',
  ])('%s is not', (endpoint) => expect(isEndpoint(endpoint, issuer, [], false)).toBe(false));
  test('is listed with its port, and opens no other', () => {
    const listed = ['api.contoso.example', 'keys.example:8443'];
    expect(isEndpoint('https://api.contoso.example/', issuer, listed, false)).toBe(true);
    expect(isEndpoint('https://keys.example:8443/', issuer, listed, false)).toBe(true);
    expect(isEndpoint('https://keys.example/', issuer, listed, false)).toBe(false);
    expect(isEndpoint('https://api.contoso.example:22/', issuer, listed, false)).toBe(false);
    expect(isEndpoint('http://api.contoso.example/', issuer, listed, true)).toBe(false);
  });
  test('under localhost takes no TLS where ours is there too, and is its own alone', () => {
    const organisation = new URL('http://organisation.localhost:4000');
    expect(isEndpoint('http://organisation.localhost:4000/token', organisation, [], true)).toBe(true);
    expect(isEndpoint('http://organisation.localhost:4000/token', organisation, [], false)).toBe(false);
    for (const other of ['hub.localhost:4000', 'a.organisation.localhost:4000', 'organisation.localhost:5000']) {
      expect(isEndpoint(`http://${other}/token`, organisation, [], true)).toBe(false);
    }
  });
  test('above an address there is none', () => {
    expect(isEndpoint('https://0.0.1/', new URL('https://10.0.0.1/'), [], false)).toBe(false);
  });
});
