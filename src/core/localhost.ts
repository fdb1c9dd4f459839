/** Names that lead to the machine itself, wherever they are asked for (RFC 6761 §6.3). */
export function isLocalhost(hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost');
}
