import type { Knex } from 'knex';
import type { Logger } from 'pino';
import { purgeOldEvents } from './audit/retention.ts';
import { system } from './core/actor.ts';
import type { RunWork } from './core/work.ts';
import type { NamedStatements } from './database/named-statements.ts';
import {
  deleteExpiredCeremonies as deleteExpiredAppCeremonies,
  forgetPasses as forgetAppPasses,
} from './methods/authenticator-app/store.ts';
import { forgottenBefore } from './idempotency/idempotency.ts';
import { forgetBefore } from './idempotency/store.ts';
import { deleteExpiredCeremonies, forgetRemoved } from './methods/passkey/store.ts';
import { deleteEndedOpenings, forgetPasses } from './methods/recovery-code/store.ts';
import { purgeLapsed } from './methods/temporary-access-pass/approvals/store.ts';
import { purge as purgeUpstreamSessions } from './methods/upstream/sessions/store.ts';
import { purgeEnded } from './methods/temporary-access-pass/store.ts';
import { deleteExpiredCeremonies as deleteExpiredDepartures } from './methods/upstream/store.ts';
import { purgeOld } from './notices/store.ts';
import { endWithPasses, purgeExpired } from './oidc/purge.ts';
import { purgeLogouts } from './sessions/store.ts';
import { deleteExpired } from './sign-in/store.ts';
import { deleteEndedWindows } from './throttle/throttle.ts';
import { deleteFormerAddresses } from './users/store.ts';

export interface Maintenance {
  /** One round now; false when another node is at it. */
  run(): Promise<boolean>;
  stop(): Promise<void>;
}

interface Parts {
  readonly knex: Knex;
  readonly db: NamedStatements;
  readonly run: RunWork;
  readonly log: Logger;
}

const everyMs = 60_000;

/** Deletes what has expired, every minute, on one node at a time. Everything is also refused by date where it is used. */
export function startMaintenance({ knex, db, run, log }: Parts): Maintenance {
  let current: Promise<unknown> = Promise.resolve();
  const round = () => onOneNode(knex, () => clean(run, db));
  const timer = setInterval(() => {
    current = round().catch((error: unknown) =>
      log.warn({ err: error }, 'maintenance failed; it is tried again in a minute'),
    );
  }, everyMs);
  timer.unref();
  return {
    run: round,
    async stop() {
      clearInterval(timer);
      await current;
    },
  };
}

async function clean(run: RunWork, db: NamedStatements): Promise<void> {
  await endWithPasses(db);
  await purgeExpired(db);
  await run({ actor: system, origin: { requestId: 'maintenance', ip: null, userAgent: null } }, async (work) => {
    await deleteExpired(work.tx, work.now);
    await deleteExpiredCeremonies(work.tx, work.now);
    await deleteExpiredAppCeremonies(work.tx, work.now);
    await deleteExpiredDepartures(work.tx, work.now);
    await deleteEndedOpenings(work.tx, work.now);
    await forgetPasses(work.tx, work.now);
    await forgetAppPasses(work.tx, work.now);
    await forgetRemoved(work.tx, work.now);
    await deleteEndedWindows(work);
    await purgeLapsed(work.tx, work.now);
    await purgeOldEvents(work);
    await deleteFormerAddresses(work.tx, work.now);
    await purgeOld(work.tx, work.now);
    await purgeLogouts(work.tx, work.now);
    await purgeUpstreamSessions(work.tx, work.now);
    await forgetBefore(work.tx, forgottenBefore(work.now));
    const purged = await purgeEnded(work.tx, work.now);
    if (purged > 0) work.record({ type: 'pass.purged', details: { count: purged } });
  });
}

/** The lock belongs to a transaction of its own and goes with it, also when this process is killed. */
async function onOneNode(knex: Knex, body: () => Promise<void>): Promise<boolean> {
  return knex.transaction(async (tx) => {
    const { rows } = await tx.raw<{ rows: { held: boolean }[] }>(
      "select pg_try_advisory_xact_lock(hashtext('latchkey'), hashtext('maintenance')) as held",
    );
    if (!rows[0]?.held) return false;
    await tx.raw('set local idle_in_transaction_session_timeout = 0');
    await body();
    return true;
  });
}
