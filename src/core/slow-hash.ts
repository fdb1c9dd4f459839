import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { hash, verify } from '@node-rs/argon2';
import { AppError } from './errors.ts';

// OWASP's floor for argon2id (the library's default algorithm): 19 MiB, 2 passes, 1 lane. 12–15 ms of a core.
const options = { memoryCost: 19_456, timeCost: 2, parallelism: 1, outputLen: 32 } as const;

// Fewer slots than cores, so that signatures and passkeys never wait for hashes; each holds 19 MiB while it runs.
const slots = Math.max(1, availableParallelism() - 1);
const longestQueue = 64;
const longestWaitMs = 1_000;

let running = 0;
const waiting: { start: () => void }[] = [];

/** PHC string. Fails with `overloaded` when the queue is full: hashes are shed before anything else. */
export function slowHash(secret: string): Promise<string> {
  return inQueue(() => hash(secret, options));
}

/** Takes as long for a right secret as for a wrong one. Fails with `overloaded`. */
export function slowVerify(phc: string, secret: string): Promise<boolean> {
  return inQueue(() => verify(phc, secret));
}

/** A PHC string with live parameters that no secret opens, made without a hash: verifying against it costs what any other does. */
export function unopenable(): string {
  const { memoryCost: m, timeCost: t, parallelism: p, outputLen } = options;
  const random = (bytes: number) => randomBytes(bytes).toString('base64').replaceAll('=', '');
  return `$argon2id$v=19$m=${m},t=${t},p=${p}$${random(16)}$${random(outputLen)}`;
}

async function inQueue<T>(job: () => Promise<T>): Promise<T> {
  if (running >= slots) await turn();
  else running += 1;
  try {
    return await job();
  } finally {
    const next = waiting.shift();
    if (next) next.start();
    else running -= 1;
  }
}

function turn(): Promise<void> {
  if (waiting.length >= longestQueue) return Promise.reject(overloaded());
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      waiting.splice(waiting.indexOf(entry), 1);
      reject(overloaded());
    }, longestWaitMs);
    const entry = {
      start: () => {
        clearTimeout(timer);
        resolve();
      },
    };
    waiting.push(entry);
  });
}

function overloaded(): AppError {
  return new AppError('overloaded', 'Many people are signing in right now. Wait a few seconds and try again.', {
    retryAfterSeconds: 3,
  });
}
