import type { Logger } from 'pino';
import { system } from '../core/actor.ts';
import type { RunWork, Work } from '../core/work.ts';
import { type ClaimedMail, claimMail, type SendingOutcome, settleMail } from '../notices/outbox.ts';
import type { SendMail, SendResult } from './smtp.ts';

export interface Delivery {
  /** Sends what is due now, one mail after the other, and returns how many were tried. */
  round(): Promise<number>;
  /** Finishes the mail that is being sent. */
  stop(): Promise<void>;
}

interface Parts {
  readonly run: RunWork;
  /** Undefined: there is no mail server; mails are given up, and the log says to whom and about what. */
  readonly send: SendMail | undefined;
  readonly log: Logger;
  readonly everyMs?: number;
}

/**
 * Takes mails from the outbox to the mail server, every few seconds, on every node. No transaction is open while a mail is sent:
 * it is claimed in one work and settled in another. A round ends at a mail server that cannot be reached.
 */
export function startDelivery({ run, send, log, everyMs = 3_000 }: Parts): Delivery {
  const as = <T>(body: (work: Work) => Promise<T>): Promise<T> =>
    run({ actor: system, origin: { requestId: 'mail', ip: null, userAgent: null } }, body);
  let stopping = false;
  let current: Promise<unknown> | undefined;

  async function round(): Promise<number> {
    for (let tried = 0; ; tried += 1) {
      const mail = stopping ? undefined : await as(claimMail);
      if (!mail) return tried;
      const result = send ? await send(mail) : undefined;
      await as((work) => settleMail(work, mail, outcomeOf(result)));
      report(log, mail, result);
      if (result?.kind === 'unreachable') return tried + 1;
    }
  }

  const timer = setInterval(() => {
    // A round that takes long is not begun anew beside itself.
    current ??= round()
      .catch((error: unknown) => log.warn({ err: error }, 'mails could not be looked after; it is tried again'))
      .finally(() => {
        current = undefined;
      });
  }, everyMs);
  timer.unref();

  return {
    round,
    async stop() {
      stopping = true;
      clearInterval(timer);
      await current;
    },
  };
}

function outcomeOf(result: SendResult | undefined): SendingOutcome {
  if (!result) return { kind: 'not_sent' };
  if (result.kind === 'sent') return result;
  return { kind: result.kind === 'refused' ? 'refused' : 'failed', error: result.error };
}

/** Never the body: it holds a link. */
function report(log: Logger, { id, recipient, subject, attempt }: ClaimedMail, result: SendResult | undefined): void {
  if (!result) {
    log.info({ mail: id, recipient, subject }, `mail not sent, no mail server is set: "${subject}" to ${recipient}`);
  } else if (result.kind !== 'sent') {
    log.warn({ mail: id, attempt, error: result.error }, `a mail could not be sent (${result.error})`);
  }
}
