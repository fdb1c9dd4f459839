import type { Logger } from 'pino';
import { system } from '../core/actor.ts';
import type { RunWork, Work } from '../core/work.ts';
import type { MakeLogoutToken } from '../oidc/logout-tokens.ts';
import { type OutboundRules, postForm } from '../outbound/outbound.ts';
import { type ClaimedLogout, claimLogout, type LogoutOutcome, settleLogout } from './logout-outbox.ts';

export interface LogoutDelivery {
  /** Sends what is due now and returns how many were tried. */
  round(): Promise<number>;
  /** Finishes what is being sent. */
  stop(): Promise<void>;
}

interface Parts {
  readonly run: RunWork;
  readonly makeToken: MakeLogoutToken;
  readonly outbound: OutboundRules;
  readonly log: Logger;
  readonly everyMs?: number;
}

// A relying party that takes its time does not keep the others waiting.
const atOnce = 8;

/**
 * Takes logout tokens from the outbox to the relying parties, every second, on every node. No transaction is open while one is
 * sent: it is claimed in one work and settled in another. A relying party that is down is left alone for the rest of the round.
 */
export function startLogoutDelivery({ run, makeToken, outbound, log, everyMs = 1_000 }: Parts): LogoutDelivery {
  const as = <T>(body: (work: Work) => Promise<T>): Promise<T> =>
    run({ actor: system, origin: { requestId: 'logout', ip: null, userAgent: null } }, body);
  let stopping = false;
  let current: Promise<unknown> | undefined;

  async function round(): Promise<number> {
    const down = new Set<string>();
    const first = stopping ? undefined : await as((work) => claimLogout(work, []));
    if (!first) return 0;
    const tried = await Promise.all([
      carry(first, down),
      ...Array.from({ length: atOnce - 1 }, () => carry(undefined, down)),
    ]);
    return tried.reduce((sum, count) => sum + count, 0);
  }

  async function carry(first: ClaimedLogout | undefined, down: Set<string>): Promise<number> {
    let next = first;
    for (let tried = 0; ; tried += 1) {
      const logout = next ?? (stopping ? undefined : await as((work) => claimLogout(work, [...down])));
      if (!logout) return tried;
      next = undefined;
      const outcome = await send(logout);
      if (outcome.kind === 'failed') down.add(logout.clientId);
      await as((work) => settleLogout(work, logout, outcome));
      report(log, logout, outcome);
    }
  }

  async function send(logout: ClaimedLogout): Promise<LogoutOutcome> {
    const made = await makeToken(logout);
    if (!made) return { kind: 'unwanted' };
    const answer = await postForm(outbound, made.uri, { logout_token: made.token });
    if (answer.kind !== 'answered') return { kind: 'failed', error: answer.error };
    if (answer.status === 200 || answer.status === 204) return { kind: 'delivered' };
    return { kind: answer.status === 400 ? 'refused' : 'failed', error: `http_${answer.status}` };
  }

  const timer = setInterval(() => {
    // A round that takes long is not begun anew beside itself.
    current ??= round()
      .catch((error: unknown) => log.warn({ err: error }, 'logouts could not be looked after; it is tried again'))
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

function report(log: Logger, { id, clientId, attempt }: ClaimedLogout, outcome: LogoutOutcome): void {
  if (outcome.kind === 'delivered') return;
  const error = outcome.kind === 'unwanted' ? 'client_gone' : outcome.error;
  log.warn({ logout: id, clientId, attempt, error }, `a logout did not reach ${clientId} (${error})`);
}
