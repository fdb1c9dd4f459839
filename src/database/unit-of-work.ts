import type { Knex } from 'knex';
import { type AuditEvent, refusalOf } from '../core/audit-event.ts';
import { AppError } from '../core/errors.ts';
import type { Secrets } from '../core/secrets.ts';
import type { MayRecord, RunWork, Transaction, Work, WriteAudit } from '../core/work.ts';

/** What a work's instant is, given the database's clock; tests hold a clock of their own. */
export type Clock = (databaseNow: Date) => Date;

/**
 * The only place that opens a transaction. A body that returns commits, with its events; one that throws rolls back.
 * An `AppError` is a refusal: it is recorded afterwards in a transaction of its own, so that no refused attempt goes unseen;
 * of people nobody knows, as many as `mayRecord` allows, and the number of the others.
 */
export function unitOfWork(
  knex: Knex,
  secrets: Secrets,
  writeAudit: WriteAudit,
  clock: Clock = (now) => now,
  mayRecord: MayRecord = () => ({ leftOut: 0 }),
): RunWork {
  const inTransaction = <T>(body: (tx: Transaction, now: Date) => Promise<T>): Promise<T> =>
    knex.transaction(async (tx) => {
      const { rows } = await tx.raw<{ rows: { now: Date }[] }>('select transaction_timestamp() as now');
      return body(tx, clock(rows[0]!.now));
    });
  return async (who, body) => {
    try {
      return await inTransaction(async (tx, now) => {
        const events: AuditEvent[] = [];
        const work: Work = { tx, now, ...who, secrets, record: (event) => void events.push(event) };
        const result = await body(work);
        if (events.length > 0) await writeAudit(work, events);
        return result;
      });
    } catch (error) {
      if (error instanceof AppError) {
        // Set first: nobody else writes down what was left out here.
        error.recorded = true;
        const granted = who.actor.kind === 'anonymous' ? mayRecord(who.origin) : { leftOut: 0 };
        if (granted) {
          const refusal = refusalOf(error, who.origin, granted.leftOut);
          await inTransaction((tx, now) => writeAudit({ tx, now, ...who }, [refusal]));
        }
      }
      throw error;
    }
  };
}
