import { expect } from 'vitest';

/** What came of a command. */
export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Refused as a person deserves it: the exit status, these words on stderr, and no stack trace. */
export function expectRefusal(ran: Ran, status: number, words: RegExp): void {
  expect(ran.stderr).toMatch(words);
  expect(ran.code).toBe(status);
  expect(ran.stderr).not.toMatch(/\n\s+at /);
}
