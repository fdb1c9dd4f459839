import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { clientAddress, originOf } from '../../src/http/request-work.ts';
import { sourceOf } from '../../src/throttle/throttle.ts';

const trust = (list: string) => readConfig({ LATCHKEY_TRUSTED_PROXIES: list }).trustedProxies;

function aRequest(
  peer: string | undefined,
  forwardedFor?: string | string[],
  headers: Record<string, string> = {},
): IncomingMessage {
  const more = forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor };
  return { socket: { remoteAddress: peer }, headers: { ...headers, ...more } } as unknown as IncomingMessage;
}

describe('without trusted proxies the address is the peer', () => {
  test.each([
    ['alone', '198.51.100.7', undefined, '198.51.100.7'],
    ['with a header that claims another', '198.51.100.7', '127.0.0.1', '198.51.100.7'],
    ['on a dual-stack listener', '::ffff:198.51.100.7', undefined, '198.51.100.7'],
    ['on loopback, which is no proxy by itself', '127.0.0.1', '203.0.113.9', '127.0.0.1'],
    ['by IPv6', '2001:db8::7', '203.0.113.9', '2001:db8::7'],
  ])('%s', (_how, peer, header, address) => {
    expect(clientAddress(aRequest(peer, header), trust(''))).toBe(address);
  });

  test('and null when the peer has gone', () => {
    expect(clientAddress(aRequest(undefined, '203.0.113.9'), trust(''))).toBeNull();
  });
});

describe('behind proxies the address is the nearest that is not one of them', () => {
  const proxies = '10.0.0.0/8, 192.0.2.1, 2001:db8:aaaa::/48';
  const cases: readonly [string, string, string | undefined, string][] = [
    ['one proxy, one address', '10.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['a proxy without the header is the address itself', '10.0.0.1', undefined, '10.0.0.1'],
    ['a stranger who writes the header is the stranger', '203.0.113.66', '127.0.0.1', '203.0.113.66'],
    ['what stands left of the real address is not believed', '10.0.0.1', '127.0.0.1, 203.0.113.9', '203.0.113.9'],
    ['nor many of them', '10.0.0.1', '1.1.1.1, 10.9.9.9, 2.2.2.2, 203.0.113.9', '203.0.113.9'],
    ['a chain of proxies is walked', '10.0.0.1', '203.0.113.9, 10.0.0.3, 192.0.2.1', '203.0.113.9'],
    [
      'a spoofed proxy left of the real address is not reached',
      '10.0.0.1',
      '198.51.100.1, 10.0.0.3, 203.0.113.9, 10.0.0.2',
      '203.0.113.9',
    ],
    ['a chain of proxies alone ends at the farthest', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['junk stops the walk', '10.0.0.1', '203.0.113.9, junk, 10.0.0.2', '10.0.0.2'],
    ['junk alone leaves the proxy', '10.0.0.1', 'unknown', '10.0.0.1'],
    ['an empty entry stops the walk', '10.0.0.1', '203.0.113.9,,10.0.0.2', '10.0.0.2'],
    ['an address with a port is no address', '10.0.0.1', '203.0.113.9:4711', '10.0.0.1'],
    ['a name is no address', '10.0.0.1', 'localhost', '10.0.0.1'],
    ['an address in octal is no address', '10.0.0.1', '0177.0.0.1', '10.0.0.1'],
    ['space around addresses is nothing', '10.0.0.1', '  203.0.113.9 ,\t10.0.0.2 ', '203.0.113.9'],
    ['a proxy on a dual-stack listener is known', '::ffff:10.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['a proxy written as IPv4 in IPv6 is known', '10.0.0.1', '203.0.113.9, ::ffff:10.0.0.2', '203.0.113.9'],
    ['a client written as IPv4 in IPv6 is the IPv4 address', '10.0.0.1', '::FFFF:203.0.113.9', '203.0.113.9'],
    ['a proxy with an IPv6 address is known', '2001:db8:aaaa::1', '2001:db8:bbbb::9', '2001:db8:bbbb::9'],
    ['a neighbour of the IPv6 proxies is a stranger', '2001:db8:aaab::1', '203.0.113.9', '2001:db8:aaab::1'],
    ['a single address is trusted alone', '192.0.2.2', '203.0.113.9', '192.0.2.2'],
  ];
  test.each(cases)('%s', (_sentence, peer, header, address) => {
    expect(clientAddress(aRequest(peer, header), trust(proxies))).toBe(address);
  });

  test('an address with a zone is read, not a fault', () => {
    expect(() => clientAddress(aRequest('10.0.0.1', 'fe80::1%eth0'), trust(proxies))).not.toThrow();
    expect(() => clientAddress(aRequest('fe80::1%eth0'), trust(proxies))).not.toThrow();
  });
});

test('an origin has a new request id each time, an address, and a user agent of 512 characters at most', () => {
  const request = aRequest('198.51.100.7', undefined, { 'user-agent': 'x'.repeat(4_000) });
  const origin = originOf(request, trust(''));
  expect(origin).toMatchObject({ ip: '198.51.100.7', userAgent: 'x'.repeat(512) });
  expect(originOf(request, trust('')).requestId).not.toBe(origin.requestId);
  expect(originOf(aRequest('198.51.100.7'), trust('')).userAgent).toBeNull();
});

test('a request id that the client chose is not taken', () => {
  const origin = originOf(
    aRequest('198.51.100.7', undefined, { 'x-request-id': 'mine', 'request-id': 'mine' }),
    trust(''),
  );
  expect(origin.requestId).toMatch(/^[0-9a-f]{8}-/);
});

describe('one source is', () => {
  test.each([
    ['an IPv4 address', '198.51.100.7', '198.51.100.7'],
    ['a /64 of IPv6', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['the same /64 in short', '2001:db8:1:2::9', '2001:db8:1:2::/64'],
    ['the same /64 with leading zeros and capitals', '2001:0DB8:0001:0002::1', '2001:db8:1:2::/64'],
    ['a /64 whose zeros were left out in front', '::1', '0:0:0:0::/64'],
    ['a /64 whose zeros were left out in its middle', '2001::2:3:4:5:6:7', '2001:0:2:3::/64'],
    ['a /64 whose zeros were left out behind', '2001:db8::', '2001:db8:0:0::/64'],
    ['a /64 without its zone', 'fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['one word for who has no address', null, 'unknown'],
  ])('%s', (_what, ip, source) => {
    expect(sourceOf(ip)).toBe(source);
  });

  test('shared by every address of a /64 and by none of the next', () => {
    expect(sourceOf('2001:db8:1:2:ffff:ffff:ffff:ffff')).toBe(sourceOf('2001:db8:1:2::'));
    expect(sourceOf('2001:db8:1:3::')).not.toBe(sourceOf('2001:db8:1:2::'));
  });
});

test('a hundred ways to claim another address lead to the same source, and to no network that is trusted more', () => {
  const claims = Array.from({ length: 100 }, (_, index) => {
    const address = index % 3 === 0 ? `2001:db8:${index}::1` : `10.0.${index}.1`;
    const chain = [address, `127.0.0.${index}`, '::1', `"[2001:db8::${index}]:443"`]
      .slice(0, 1 + (index % 4))
      .join(', ');
    return aRequest('198.51.100.7', chain, {
      forwarded: `for=${address};proto=https;host=id.example.com`,
      'x-real-ip': address,
      'x-client-ip': address,
      'true-client-ip': address,
      'cf-connecting-ip': address,
      'x-cluster-client-ip': address,
      via: `1.1 ${address}`,
    });
  });
  for (const trusted of ['', '10.0.0.0/8, 127.0.0.0/8, ::1']) {
    const sources = new Set(claims.map((request) => sourceOf(originOf(request, trust(trusted)).ip)));
    expect([...sources]).toEqual(['198.51.100.7']);
  }
});

test('behind a proxy only X-Forwarded-For is read, from its right end', () => {
  const sources = Array.from({ length: 100 }, (_, index) => {
    const headers = { forwarded: `for=192.0.2.${index}`, 'x-real-ip': `192.0.2.${index}` };
    const claimed = `192.0.2.${index}, 203.0.113.9`;
    return sourceOf(originOf(aRequest('10.0.0.1', claimed, headers), trust('10.0.0.0/8')).ip);
  });
  expect(new Set(sources)).toEqual(new Set(['203.0.113.9']));
});
