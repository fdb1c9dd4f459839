import type { Knex } from 'knex';
import type { Actor } from './actor.ts';
import type { AuditEvent } from './audit-event.ts';
import type { Secrets } from './secrets.ts';

export type Transaction = Knex.Transaction;

/** Where a request came from, as audit records it. */
export interface Origin {
  readonly requestId: string;
  readonly ip: string | null;
  readonly userAgent: string | null;
  /** What was asked for, where the door can say it: a method and the pattern of a path, and the user whom it names, as written. */
  readonly asked?: { readonly what: string; readonly user?: string | undefined };
}

/**
 * Whether one more refusal of somebody nobody knows is written down, and how many were left out since the last that was.
 * Undefined: it is one of those left out.
 */
export type MayRecord = (origin: Origin) => { readonly leftOut: number } | undefined;

/** One request, one transaction, one instant. The first argument of every use-case. */
export interface Work {
  readonly tx: Transaction;
  /** The database's clock at the start of the transaction, so that nodes with wrong clocks agree. */
  readonly now: Date;
  readonly actor: Actor;
  readonly origin: Origin;
  readonly secrets: Secrets;
  /** Written in the same transaction as the change, or not at all. */
  record(event: AuditEvent): void;
}

/** Runs one piece of work in one transaction; the only way to get a `Work`. */
export type RunWork = <T>(who: { actor: Actor; origin: Origin }, body: (work: Work) => Promise<T>) => Promise<T>;

/** Writes the events of one piece of work; the audit room's function, given to the unit of work at start. */
export type WriteAudit = (
  work: Pick<Work, 'tx' | 'now' | 'actor' | 'origin'>,
  events: readonly AuditEvent[],
) => Promise<void>;
