/**
 * An object of JSON, in which no name stands twice: two readers could take different ones. Undefined for all else.
 * RFC 8259 section 4 leaves duplicates to the reader, and RFC 7515 section 4 lets him refuse them.
 */
export function strictObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject && !hasDuplicates(text) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Of text that is known to be JSON. */
function hasDuplicates(text: string): boolean {
  const open: (Set<string> | null)[] = [];
  for (const [token, , colon] of text.matchAll(/("(?:[^"\\]|\\.)*")\s*(:)?|[{}[\]]/g)) {
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(null);
    else if (token === '}' || token === ']') open.pop();
    else if (colon) {
      const names = open.at(-1)!;
      const name = JSON.parse(token.slice(0, token.lastIndexOf('"') + 1)) as string;
      if (names.has(name)) return true;
      names.add(name);
    }
  }
  return false;
}

/** A property of its own, never one that every object has. */
export function own(object: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}
