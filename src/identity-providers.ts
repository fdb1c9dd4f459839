import type { Work } from './core/work.ts';
import {
  changeProvider,
  type DeleteProvider,
  deleteProvider,
  type ListedProvider,
  type ProviderAsked,
  putProvider,
} from './methods/upstream/manage-providers.ts';
import { permit } from './roles/permit.ts';
import { endSessionsThrough } from './upstream-sessions.ts';

/**
 * Identity providers as every door changes them: above the rooms, because what a provider opened here ends in the same
 * transaction in which it is disabled or goes.
 */
export async function changeIdentityProvider(work: Work, asked: ProviderAsked): Promise<ListedProvider> {
  await permit(work, 'upstreams.write');
  return disabledEnds(work, await changeProvider(work, asked));
}

/** Creates it, or changes what is named. */
export async function putIdentityProvider(work: Work, asked: ProviderAsked): Promise<ListedProvider> {
  await permit(work, 'upstreams.write');
  return disabledEnds(work, await putProvider(work, asked));
}

export async function deleteIdentityProvider(
  work: Work,
  asked: DeleteProvider,
): Promise<{ readonly unlinked: number; readonly domains: readonly string[]; readonly sessions: number }> {
  await permit(work, 'upstreams.write');
  const deleted = await deleteProvider(work, asked);
  const sessions = await endSessionsThrough(work, { providerId: asked.id, why: 'deleted' });
  return { ...deleted, sessions };
}

/** Of one that was disabled before nothing is left to end. */
async function disabledEnds(work: Work, listed: ListedProvider): Promise<ListedProvider> {
  const { id, state } = listed.provider;
  if (state === 'disabled') await endSessionsThrough(work, { providerId: id, why: 'disabled' });
  return listed;
}
