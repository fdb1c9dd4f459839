/** Text the database can keep: no NUL, and no half of a surrogate pair. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

/** Whether a JSON value has more than so many levels; found without walking down itself, however many there are. */
export function isDeeperThan(value: unknown, levels: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; depth <= levels; depth += 1) {
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []));
    if (level.length === 0) return false;
  }
  return true;
}

/** Whether every text in a JSON value is storable, names of properties included; however deep it is nested. */
export function isStorableJson(value: unknown): boolean {
  const rest: unknown[] = [value];
  while (rest.length > 0) {
    const next = rest.pop();
    if (typeof next === 'string' && !isStorable(next)) return false;
    if (typeof next !== 'object' || next === null) continue;
    for (const [name, item] of Object.entries(next)) {
      if (!isStorable(name)) return false;
      rest.push(item);
    }
  }
  return true;
}

/** The one of `names` that this is, whatever its upper and lower case; as it is written where two differ in nothing else. */
export function nameAmong<Name extends string>(names: readonly Name[], written: string): Name | undefined {
  return names.find((name) => name === written) ?? names.find((name) => name.toLowerCase() === written.toLowerCase());
}
