import { isDeepStrictEqual } from 'node:util';
import { AppError } from '../../core/errors.ts';
import { isStorableJson } from '../../core/text.ts';
import type { Work } from '../../core/work.ts';
import { groupIdOf } from '../../groups/manage-groups.ts';
import { lockPolicy, writePolicy } from '../../policies/policy-documents.ts';
import { allUsers, type Target } from '../../policies/targets.ts';
import { permit } from '../../roles/permit.ts';
import { findRole } from '../../roles/role.ts';
import { getUser } from '../../users/manage-users.ts';
import {
  anyRole,
  defaultPassSettings,
  passPolicyName,
  type PassSettings,
  passSettings,
  type PassSettingsChange,
  readPassSettings,
  replaced,
} from './settings.ts';

/** The policy for passes as it stands, defaults filled in. */
export async function passPolicy(work: Work): Promise<PassSettings> {
  await permit(work, 'policies.read');
  return readPassSettings(work);
}

/**
 * Changes what is named and keeps the rest; the whole is checked again. Nothing is recorded when nothing changes.
 * Fails with `invalid_input` for a combination that cannot be, or a group or user that does not exist.
 */
export async function changePassPolicy(work: Work, changes: PassSettingsChange): Promise<void> {
  await permit(work, 'policies.write');
  if (!isStorableJson(changes)) {
    throw new AppError('invalid_input', 'The policy holds a character that no property takes.');
  }
  await lockPolicy(work, passPolicyName);
  const before = await readPassSettings(work);
  const named = await withObjectIds(work, changes, idsIn(before));
  const checked = passSettings.safeParse(replaced(before, named));
  if (!checked.success) {
    const mistakes = checked.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`);
    throw new AppError('invalid_input', `${mistakes.join('; ')}.`);
  }
  await keep(work, before, checked.data);
}

/** Back to the settings of an organisation that has decided nothing. */
export async function resetPassPolicy(work: Work): Promise<void> {
  await permit(work, 'policies.write');
  await lockPolicy(work, passPolicyName);
  await keep(work, await readPassSettings(work), defaultPassSettings);
}

async function keep(work: Work, before: PassSettings, after: PassSettings): Promise<void> {
  if (isDeepStrictEqual(before, after)) return;
  await writePolicy(work, passPolicyName, overDefaults(after));
  work.record({ type: 'policy.changed', details: { policy: passPolicyName, before, after } });
}

/** What differs: a default that a later version changes then reaches those who have not decided otherwise. */
function overDefaults(settings: PassSettings): PassSettingsChange {
  const differing = Object.entries(settings).filter(
    ([name, value]) => !isDeepStrictEqual(value, defaultPassSettings[name as keyof PassSettings]),
  );
  return Object.fromEntries(differing);
}

/** The changes with the object ids of the groups and users they name. What stood there before is not looked up again. */
async function withObjectIds(
  work: Work,
  changes: PassSettingsChange,
  known: ReadonlySet<string>,
): Promise<PassSettingsChange> {
  const idOf = async ({ targetType, id }: Target, path: string): Promise<string> => {
    if (id === allUsers || known.has(`${targetType}:${id}`)) return id;
    try {
      return targetType === 'group' ? await groupIdOf(work, id) : (await getUser(work, id)).id;
    } catch (error) {
      if (error instanceof AppError) throw new AppError('invalid_input', `${path}: ${unknown(targetType, id, error)}`);
      throw error;
    }
  };
  const named: PassSettingsChange = { ...changes };
  for (const list of ['includeTargets', 'excludeTargets'] as const) {
    if (!changes[list]) continue;
    named[list] = [];
    for (const [index, target] of changes[list].entries()) {
      named[list].push({ ...target, id: await idOf(target, `${list}.${index}.id`) });
    }
  }
  if (changes.requireApprovalFor) {
    named.requireApprovalFor = [];
    for (const [index, { targetType, id }] of changes.requireApprovalFor.entries()) {
      const path = `requireApprovalFor.${index}.id`;
      const known = targetType === 'group' ? await idOf({ targetType, id }, path) : roleIdOf(id, path);
      named.requireApprovalFor.push({ targetType, id: known });
    }
  }
  if (!changes.profiles) return named;
  named.profiles = [];
  for (const [index, profile] of changes.profiles.entries()) {
    const groups: string[] = [];
    for (const [place, id] of profile.groups.entries()) {
      if (id === allUsers) {
        throw new AppError('invalid_input', `profiles.${index}.groups.${place}: a profile is for named groups.`);
      }
      groups.push(await idOf({ targetType: 'group', id }, `profiles.${index}.groups.${place}`));
    }
    named.profiles.push({ ...profile, groups });
  }
  return named;
}

function roleIdOf(nameOrId: string, path: string): string {
  if (nameOrId === anyRole) return anyRole;
  const role = findRole(nameOrId);
  if (!role) throw new AppError('invalid_input', `${path}: There is no role "${nameOrId}".`);
  return role.templateId;
}

function unknown(targetType: Target['targetType'], id: string, error: AppError): string {
  return targetType === 'group' ? error.message : `There is no user "${id}".`;
}

/** As `group:id` and `user:id`. */
function idsIn({ includeTargets, excludeTargets, requireApprovalFor, profiles }: PassSettings): ReadonlySet<string> {
  const targets = [...includeTargets, ...excludeTargets, ...requireApprovalFor].map(
    ({ targetType, id }) => `${targetType}:${id}`,
  );
  return new Set([...targets, ...profiles.flatMap(({ groups }) => groups.map((id) => `group:${id}`))]);
}
