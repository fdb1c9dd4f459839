import type { Work } from '../../core/work.ts';
import { groupsOf } from '../../groups/manage-groups.ts';
import { allUsers, type PolicySubject, scopeOf, type Target } from '../../policies/targets.ts';
import { permissionsFor } from '../../roles/powers.ts';
import { type PassSettings, readPassSettings, replaced } from './settings.ts';

/** The policy as it is for one user: whether it reaches them, and the values of the profile that is theirs. */
export interface EffectivePassSettings extends PassSettings {
  readonly scope: 'included' | 'notIncluded' | 'excluded';
}

/** Judged anew at issue and at redemption: a change of policy or of a group works at once. */
export async function effectivePassSettings(work: Work, userId: string): Promise<EffectivePassSettings> {
  const settings = await readPassSettings(work);
  const groups = asksForGroups(settings) ? await groupsOf(work, [userId]) : undefined;
  return settingsFor(settings, { userId, groups: groups?.get(userId) ?? [] });
}

/** The same for many users, at the cost of one. */
export async function effectivePassSettingsOfAll(
  work: Work,
  userIds: readonly string[],
): Promise<(userId: string) => EffectivePassSettings> {
  const settings = await readPassSettings(work);
  const groups = asksForGroups(settings) ? await groupsOf(work, userIds) : undefined;
  return (userId) => settingsFor(settings, { userId, groups: groups?.get(userId) ?? [] });
}

/** By what a pass's issuer is judged again: an issuing client by these permissions. */
export function issuerRules({ managersMayIssue }: Pick<PassSettings, 'managersMayIssue'>) {
  return { permissions: permissionsFor('passes.write'), managersMayIssue };
}

export function settingsFor(settings: PassSettings, subject: PolicySubject): EffectivePassSettings {
  const own = settings.profiles.find((profile) => profile.groups.some((id) => subject.groups.includes(id)));
  return { ...replaced(settings, own?.settings ?? {}), scope: scopeOf(settings, subject) };
}

/** Most organisations name no group; then nobody's groups are read. */
function asksForGroups({ includeTargets, excludeTargets, profiles }: PassSettings): boolean {
  const namesGroup = ({ targetType, id }: Target) => targetType === 'group' && id !== allUsers;
  return profiles.length > 0 || [...includeTargets, ...excludeTargets].some(namesGroup);
}
