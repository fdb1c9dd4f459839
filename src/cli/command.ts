import { readFileSync } from 'node:fs';
import type { parseArgs } from 'node:util';
import type { z } from 'zod';
import { readConfig } from '../config.ts';
import { AppError } from '../core/errors.ts';
import type { Page, PageAsked } from '../core/page.ts';
import { withMasterKey } from '../master-key.ts';
import type { MethodRegistry } from '../methods/method.ts';
import { methodRegistry } from '../methods/registry.ts';
import { type Base, openBase } from '../wire.ts';

/** Every option of every command. */
export const options = {
  json: { type: 'boolean' },
  help: { type: 'boolean' },
  start: { type: 'string' },
  lifetime: { type: 'string' },
  reusable: { type: 'boolean' },
  purpose: { type: 'string' },
  reason: { type: 'string' },
  ticket: { type: 'string' },
  'verified-by': { type: 'string' },
  'display-name': { type: 'string' },
  mail: { type: 'string' },
  manager: { type: 'string' },
  group: { type: 'string' },
  'one-time': { type: 'boolean' },
  since: { type: 'string' },
  days: { type: 'string' },
  'secret-file': { type: 'string' },
  unlink: { type: 'boolean' },
  administrator: { type: 'boolean' },
  filter: { type: 'string' },
  top: { type: 'string' },
} as const;

export type Options = ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>>['values'];

/** What is behind a noun and a verb; the operands are what was typed after them. */
export type Command = (operands: readonly string[], values: Options) => Promise<void>;

/** Typed wrongly: exit status 2. */
export class UsageError extends Error {}

/** Opens the database for one command, beside a provider that serves or alone. */
export async function withBase(body: (base: Base) => Promise<void>): Promise<void> {
  const base = await openBase(withMasterKey(readConfig(process.env), note), 'command', note);
  try {
    await body(base);
  } finally {
    await base.close();
  }
}

export function one(operands: readonly string[], form: string): string {
  const [operand, ...more] = operands;
  if (operand === undefined || more.length > 0) throw new UsageError(`Use: latchkey ${form}`);
  return operand;
}

export function two(operands: readonly string[], form: string): readonly [string, string] {
  const [first, second, ...more] = operands;
  if (first === undefined || second === undefined || more.length > 0) throw new UsageError(`Use: latchkey ${form}`);
  return [first, second];
}

/** KEY=VALUE, as the `show` commands print it; values are JSON, or plain words. Fails as the API would for what cannot be. */
export function settingsFrom<Shape>(operands: readonly string[], shape: z.ZodType<Shape>, form: string): Shape {
  if (operands.length === 0) throw new UsageError(`Use: latchkey ${form}`);
  const named = operands.map((operand) => {
    const [, name, text] = /^([^=]+)=(.*)$/s.exec(operand) ?? [];
    if (name === undefined || text === undefined) throw new UsageError(`"${operand}" is not KEY=VALUE.`);
    return [name, jsonOrWord(text)] as const;
  });
  const checked = shape.safeParse(Object.fromEntries(named));
  if (checked.success) return checked.data;
  const mistakes = checked.error.issues.map((issue) =>
    [issue.path.join('.'), issue.message].filter(Boolean).join(': '),
  );
  throw new AppError('invalid_input', mistakes.join('\n'));
}

function jsonOrWord(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The ways in, for what ends them; nobody signs in through a command. */
export function waysIn({ config }: Base): MethodRegistry {
  const { hostname: rpId, origin } = new URL(config.issuer);
  return methodRegistry({ rpId, rpName: 'Latchkey', origin });
}

/** The whole of a list that comes in pages. */
export async function everyItem<Item>(pageOf: (asked: PageAsked) => Promise<Page<Item>>): Promise<Item[]> {
  const items: Item[] = [];
  let page: Page<Item> | undefined;
  do {
    page = await pageOf({ top: 999, skipToken: page?.skipToken });
    items.push(...page.items);
  } while (page.skipToken !== undefined);
  return items;
}

/** The whole file but for the end of its line; `-` is standard input. */
export function secretIn(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new AppError('invalid_input', `${file} cannot be read (${code}).`);
  }
}

export function print(text: string): void {
  process.stdout.write(harmless(text));
}

export function printJson(value: unknown): void {
  process.stdout.write(`${harmless(JSON.stringify(value, null, 2))}\n`);
}

export function note(line: string): void {
  process.stderr.write(`${harmless(line)}\n`);
}

/** What would order a terminal about, or turn a line's direction, as JSON escapes it: people choose names, and operators print them. */
function harmless(text: string): string {
  return text.replace(
    /(?![\n\t])[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu,
    (symbol) => `\\u${symbol.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
