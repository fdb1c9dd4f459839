import { isDeepStrictEqual } from 'node:util';
import type { Work } from '../core/work.ts';
import { lockPolicy, writePolicy } from '../policies/policy-documents.ts';
import { permit } from '../roles/permit.ts';
import {
  assurancePolicyName,
  type AssuranceSettings,
  type AssuranceSettingsChange,
  defaultAssuranceSettings,
  readAssuranceSettings,
  replacedIn,
} from './settings.ts';

/** The policy for assurance as it stands, defaults filled in. */
export async function assurancePolicy(work: Work): Promise<AssuranceSettings> {
  await permit(work, 'policies.read');
  return readAssuranceSettings(work);
}

/** Changes what is named and keeps the rest. Nothing is recorded when nothing changes. Works at the next request. */
export async function changeAssurancePolicy(work: Work, changes: AssuranceSettingsChange): Promise<void> {
  await permit(work, 'policies.write');
  await lockPolicy(work, assurancePolicyName);
  const before = await readAssuranceSettings(work);
  await keep(work, before, replacedIn(before, changes));
}

/** Back to the settings of an organisation that has decided nothing. */
export async function resetAssurancePolicy(work: Work): Promise<void> {
  await permit(work, 'policies.write');
  await lockPolicy(work, assurancePolicyName);
  await keep(work, await readAssuranceSettings(work), defaultAssuranceSettings);
}

async function keep(work: Work, before: AssuranceSettings, after: AssuranceSettings): Promise<void> {
  if (isDeepStrictEqual(before, after)) return;
  await writePolicy(work, assurancePolicyName, Object.keys(after.aliases).length > 0 ? after : {});
  work.record({ type: 'policy.changed', details: { policy: assurancePolicyName, before, after } });
}
