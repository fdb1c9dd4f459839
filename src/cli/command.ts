import type { parseArgs } from 'node:util';
import { readConfig } from '../config.ts';
import { withMasterKey } from '../master-key.ts';
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
  'display-name': { type: 'string' },
  mail: { type: 'string' },
  manager: { type: 'string' },
  group: { type: 'string' },
  'one-time': { type: 'boolean' },
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

export function print(text: string): void {
  process.stdout.write(text);
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}
