import { isDeepStrictEqual } from 'node:util';
import type { Work } from '../../core/work.ts';
import { lockPolicy, writePolicy } from '../../policies/policy-documents.ts';
import { leavingAnAdministrator } from '../../roles/manage-roles.ts';
import { permit } from '../../roles/permit.ts';
import {
  defaultPasswordSettings,
  passwordPolicyName,
  type PasswordSettings,
  type PasswordSettingsChange,
  readPasswordSettings,
  replacedIn,
} from './settings.ts';

/** The policy for passwords as it stands, defaults filled in. */
export async function passwordPolicy(work: Work): Promise<PasswordSettings> {
  await permit(work, 'policies.read');
  return readPasswordSettings(work);
}

/**
 * Changes what is named and keeps the rest. Nothing is recorded when nothing changes. Fails with `conflict` when no Global
 * Administrator could sign in any more.
 */
export async function changePasswordPolicy(work: Work, changes: PasswordSettingsChange): Promise<void> {
  await permit(work, 'policies.write');
  await decide(work, (before) => replacedIn(before, changes));
}

/** Back to the settings of an organisation that has decided nothing. Fails with `conflict` as a change does. */
export async function resetPasswordPolicy(work: Work): Promise<void> {
  await permit(work, 'policies.write');
  await decide(work, () => defaultPasswordSettings);
}

function decide(work: Work, afterOf: (before: PasswordSettings) => PasswordSettings): Promise<void> {
  // Around the document's own lock: whoever changes several in one work must not wait crosswise.
  return leavingAnAdministrator(work, async () => {
    await lockPolicy(work, passwordPolicyName);
    const before = await readPasswordSettings(work);
    const after = afterOf(before);
    if (isDeepStrictEqual(before, after)) return;
    await writePolicy(work, passwordPolicyName, overDefaults(after));
    work.record({ type: 'policy.changed', details: { policy: passwordPolicyName, before, after } });
  });
}

/** What differs: a default that a later version changes then reaches those who have not decided otherwise. */
function overDefaults(settings: PasswordSettings): PasswordSettingsChange {
  const differing = Object.entries(settings).filter(
    ([name, value]) => value !== defaultPasswordSettings[name as keyof PasswordSettings],
  );
  return Object.fromEntries(differing);
}
