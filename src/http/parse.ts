import type { IncomingMessage } from 'node:http';
import { AppError } from '../core/errors.ts';
import { isDeeperThan, isStorableJson } from '../core/text.ts';

export const limits = { form: 16 * 1024, json: 64 * 1024, passkey: 128 * 1024 } as const;

/** The fields of a posted form. Each name once: of two values nobody knows which was meant. */
export async function readForm(req: IncomingMessage, mostBytes: number): Promise<Readonly<Record<string, string>>> {
  if (mediaType(req) !== 'application/x-www-form-urlencoded') {
    throw new AppError('unsupported_media_type', 'This address takes the form of its page and nothing else.');
  }
  return formFields(await readText(req, mostBytes));
}

export function formFields(text: string): Readonly<Record<string, string>> {
  const fields: Record<string, string> = Object.create(null);
  let count = 0;
  for (const [name, value] of new URLSearchParams(text)) {
    count += 1;
    if (count > 64) throw new AppError('invalid_input', 'The form has too many fields.');
    if (name in fields) throw new AppError('invalid_input', `The field "${printable(name)}" was sent twice.`);
    // PostgreSQL cannot hold it, and no person types it.
    if (value.includes('\0') || name.includes('\0'))
      throw new AppError('invalid_input', 'The form holds a character that no field takes.');
    fields[name] = value;
  }
  return fields;
}

export const mostLevels = 32; // nothing that is taken has more than eight

/** A JSON object, or undefined for an empty body. */
export async function readJson(req: IncomingMessage, mostBytes: number): Promise<unknown> {
  const text = await readText(req, mostBytes);
  if (text.trim() === '') return undefined;
  if (mediaType(req) !== 'application/json') {
    throw new AppError('unsupported_media_type', 'The body must be application/json.');
  }
  const value = parseJson(text);
  // What reads it further walks down itself, and would run out of stack.
  if (isDeeperThan(value, mostLevels)) throw new AppError('invalid_input', 'The body is nested too deeply.');
  if (!isStorableJson(value)) throw new AppError('invalid_input', 'The body holds a character that no property takes.');
  return value;
}

/** Fails with `invalid_input`. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new AppError('invalid_input', 'The body is not valid JSON.', { cause: error });
  }
}

export async function readText(req: IncomingMessage, mostBytes: number): Promise<string> {
  const announced = Number(req.headers['content-length'] ?? 0);
  if (announced > mostBytes) throw tooLarge(mostBytes);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > mostBytes) throw tooLarge(mostBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function tooLarge(mostBytes: number): AppError {
  return new AppError('too_large', `What was sent is larger than this address takes (${mostBytes / 1024} KiB).`);
}

function mediaType(req: IncomingMessage): string {
  return (req.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 64);
}
