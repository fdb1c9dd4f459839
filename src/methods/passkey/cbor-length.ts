/**
 * How many bytes the first item takes (RFC 8949 §3); undefined when it is cut short or of indefinite length, which CTAP2 never is.
 * The library reads the first item and does not say what lies behind it.
 */
export function cborLength(bytes: Buffer): number | undefined {
  let at = 0;
  for (let itemsLeft = 1; itemsLeft > 0; itemsLeft -= 1) {
    if (at >= bytes.length) return undefined;
    const [major, info] = [bytes[at]! >> 5, bytes[at]! & 31];
    if (info > 27) return undefined;
    at += 1;
    const width = info < 24 ? 0 : 2 ** (info - 24);
    if (at + width > bytes.length) return undefined;
    const argument = width === 0 ? info : Number(`0x${bytes.toString('hex', at, at + width)}`);
    at += width;
    if (major === 2 || major === 3) at += argument;
    if (major === 4) itemsLeft += argument;
    if (major === 5) itemsLeft += 2 * argument;
    if (major === 6) itemsLeft += 1;
  }
  return at > bytes.length ? undefined : at;
}
