import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type BlockList, isIP } from 'node:net';
import type { Origin } from '../core/work.ts';

/** Where a request came from. Forwarded addresses count from trusted proxies alone; scheme and host never. */
export function originOf(req: IncomingMessage, trustedProxies: BlockList): Origin {
  return {
    requestId: randomUUID(),
    ip: clientAddress(req, trustedProxies),
    userAgent: req.headers['user-agent']?.slice(0, 512) ?? null,
  };
}

/** The nearest address that is not one of our proxies: what stands further left in the header, anybody may have written. */
export function clientAddress(req: IncomingMessage, trustedProxies: BlockList): string | null {
  const peer = plain(req.socket.remoteAddress ?? '');
  if (!peer || !isTrusted(peer, trustedProxies)) return peer || null;
  const forwarded = String(req.headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((part) => plain(part.trim()));
  let nearest = peer;
  for (const address of forwarded.reverse()) {
    if (isIP(address) === 0) break;
    nearest = address;
    if (!isTrusted(address, trustedProxies)) break;
  }
  return nearest;
}

function isTrusted(address: string, proxies: BlockList): boolean {
  const family = isIP(address);
  return family !== 0 && proxies.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

/** Without the IPv4-in-IPv6 prefix that a dual-stack listener shows. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '');
}
