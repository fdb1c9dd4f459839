import { AppError } from '../../core/errors.ts';
import type { RunWork, Work } from '../../core/work.ts';
import { permit } from '../../roles/permit.ts';
import { callbackOf } from './ceremonies.ts';
import { openAnyProvider } from './manage-providers.ts';
import type { RelyingParty } from './relying-party.ts';
import type { TrialReport } from './trial.ts';

export interface TryProvider {
  readonly run: RunWork;
  readonly party: RelyingParty;
  /** Ours. */
  readonly issuer: string;
}

/**
 * Asks a provider for all that a sign-in there needs, disabled or not, and says what is right and what is not. No transaction is
 * open meanwhile. Our secret is shown to whoever answers, so it takes what changing a provider takes. Fails with `not_found`.
 */
export async function tryIdentityProvider(
  { run, party, issuer }: TryProvider,
  who: Pick<Work, 'actor' | 'origin'>,
  id: string,
  /** With this key of ours, and not with the one that signs. */
  keyId?: string,
): Promise<TrialReport> {
  const { provider, credentials, now } = await run(who, async (work) => {
    await permit(work, 'upstreams.write');
    const found = await openAnyProvider(work, id, keyId);
    if (!found) throw new AppError('not_found', 'There is no such identity provider.');
    const { provider, ...credentials } = found;
    return { provider, credentials, now: work.now };
  });
  const report = await party.testProvider(provider, credentials, {
    redirectUri: callbackOf(issuer, id),
    now,
  });
  await run(who, async (work) => {
    const failed = report.checks.filter(({ result }) => result === 'failed').map(({ check }) => check);
    work.record({
      type: 'identity-provider.tested',
      ...(!report.isUsable && { result: 'failure' as const, reason: `Not usable: ${failed.join(', ')}.` }),
      details: { identityProvider: id, issuer: provider.issuer, isUsable: report.isUsable, ...(keyId && { keyId }) },
    });
  });
  return report;
}
