import { isDeepStrictEqual } from 'node:util';
import { AppError } from '../core/errors.ts';
import { isStorableJson } from '../core/text.ts';
import type { Work } from '../core/work.ts';
import { withTargetIds } from '../groups/named-targets.ts';
import { lockPolicy, writePolicy } from '../policies/policy-documents.ts';
import { permit } from '../roles/permit.ts';
import {
  defaultRegistrationSettings,
  readRegistrationSettings,
  registrationPolicyName,
  type RegistrationSettings,
  registrationSettings,
  type RegistrationSettingsChange,
  replacedIn,
} from './settings.ts';

/** The registration policy as it stands, defaults filled in. */
export async function registrationPolicy(work: Work): Promise<RegistrationSettings> {
  await permit(work, 'policies.read');
  return readRegistrationSettings(work);
}

/**
 * Changes what is named and keeps the rest; the whole is checked again. Nothing is recorded when nothing changes.
 * Fails with `invalid_input` for a combination that cannot be, or a group or user that does not exist.
 */
export async function changeRegistrationPolicy(work: Work, changes: RegistrationSettingsChange): Promise<void> {
  await permit(work, 'policies.write');
  if (!isStorableJson(changes)) {
    throw new AppError('invalid_input', 'The policy holds a character that no property takes.');
  }
  await lockPolicy(work, registrationPolicyName);
  const before = await readRegistrationSettings(work);
  const checked = registrationSettings.safeParse(replacedIn(before, await withTargetIds(work, changes, before)));
  if (!checked.success) {
    const mistakes = checked.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`);
    throw new AppError('invalid_input', `${mistakes.join('; ')}.`);
  }
  await keep(work, before, checked.data);
}

/** Back to the settings of an organisation that has decided nothing. */
export async function resetRegistrationPolicy(work: Work): Promise<void> {
  await permit(work, 'policies.write');
  await lockPolicy(work, registrationPolicyName);
  await keep(work, await readRegistrationSettings(work), defaultRegistrationSettings);
}

async function keep(work: Work, before: RegistrationSettings, after: RegistrationSettings): Promise<void> {
  if (isDeepStrictEqual(before, after)) return;
  await writePolicy(work, registrationPolicyName, overDefaults(after));
  work.record({ type: 'policy.changed', details: { policy: registrationPolicyName, before, after } });
}

/** What differs: a default that a later version changes then reaches those who have not decided otherwise. */
function overDefaults(settings: RegistrationSettings): RegistrationSettingsChange {
  const differing = Object.entries(settings).filter(
    ([name, value]) => !isDeepStrictEqual(value, defaultRegistrationSettings[name as keyof RegistrationSettings]),
  );
  return Object.fromEntries(differing);
}
