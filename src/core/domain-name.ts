import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';

const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * A domain as it is kept and compared: ASCII (IDNA), lower case, no dot at the end. Null for what is none: an IP address, a single
 * label other than `localhost`, anything a host name does not hold.
 */
export function asciiDomain(text: string): string | null {
  // What ends a host in an address would be cut off with the rest.
  if (/[/\\?#:@%[\]]/.test(text.normalize('NFKC'))) return null;
  const name = domainToASCII(text.trim()).replace(/\.$/, '');
  if (name.length > 253 || isIP(name) !== 0) return null;
  const labels = name.split('.');
  if (!labels.every((part) => label.test(part)) || /^\d+$/.test(labels.at(-1)!)) return null;
  return labels.length > 1 || name === 'localhost' ? name : null;
}

/** The domain of a user name, as it is kept; null where it has none. By the letters that names are compared by, so `＠` is one. */
export function domainOf(userName: string): string | null {
  const name = userName.normalize('NFKC');
  const at = name.lastIndexOf('@');
  return at > 0 ? asciiDomain(name.slice(at + 1)) : null;
}
