import { isDeepStrictEqual } from 'node:util';
import type { z } from 'zod';
import { AppError } from '../core/errors.ts';
import { isStorableJson } from '../core/text.ts';
import type { Work } from '../core/work.ts';
import { withTargetIds } from '../groups/named-targets.ts';
import { lockPolicy, readPolicy, writePolicy } from '../policies/policy-documents.ts';
import { leavingAnAdministrator } from '../roles/manage-roles.ts';
import { permit } from '../roles/permit.ts';
import {
  defaultFido2Settings,
  defaultMethodSettings,
  fido2Settings,
  type fido2SettingsChange,
  fido2With,
  methodSettings,
  type MethodSettings,
  type methodSettingsChange,
  replacedIn,
} from './settings.ts';

/** One document: its shape, what stands where nothing was decided, and what a change makes of it. */
interface MethodPolicy<Settings extends MethodSettings, Changes> {
  readonly name: string;
  readonly schema: z.ZodType<Settings>;
  readonly defaults: Settings;
  readonly with: (settings: Settings, named: Changes) => Settings;
}

type MethodChanges = z.output<typeof methodSettingsChange>;

export const fido2Policy: MethodPolicy<typeof defaultFido2Settings, z.output<typeof fido2SettingsChange>> = {
  name: 'fido2',
  schema: fido2Settings,
  defaults: defaultFido2Settings,
  with: fido2With,
};

export const softwareOathPolicy: MethodPolicy<typeof defaultMethodSettings, MethodChanges> = {
  name: 'softwareOath',
  schema: methodSettings,
  defaults: defaultMethodSettings,
  with: replacedIn,
};

export const recoveryCodePolicy: MethodPolicy<typeof defaultMethodSettings, MethodChanges> = {
  ...softwareOathPolicy,
  name: 'recoveryCode',
};

/** The policy as it stands, defaults filled in. */
export async function methodPolicy<Settings extends MethodSettings>(
  work: Work,
  policy: MethodPolicy<Settings, never>,
): Promise<Settings> {
  await permit(work, 'policies.read');
  return readPolicy(work, policy.name, policy.schema);
}

/**
 * Changes what is named and keeps the rest; the whole is checked again. Nothing is recorded when nothing changes. Sessions that stand go
 * on. Fails with `invalid_input` for a combination that cannot be, or a group or user that does not exist, and with `conflict` when
 * no Global Administrator could sign in any more.
 */
export async function changeMethodPolicy<Settings extends MethodSettings, Changes extends object>(
  work: Work,
  policy: MethodPolicy<Settings, Changes>,
  changes: Changes,
): Promise<void> {
  await permit(work, 'policies.write');
  if (!isStorableJson(changes)) {
    throw new AppError('invalid_input', 'The policy holds a character that no property takes.');
  }
  await decide(work, policy, async (before) => {
    const checked = policy.schema.safeParse(policy.with(before, await withTargetIds(work, changes, before)));
    if (checked.success) return checked.data;
    const mistakes = checked.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`);
    throw new AppError('invalid_input', `${mistakes.join('; ')}.`);
  });
}

/**
 * Runs changes of several policies, these or others, as one: judged by where they lead together. Two that do so take turns from the
 * beginning, and so never wait for each other's documents in a circle. Fails with `conflict` as a change does.
 */
export async function changePoliciesTogether(work: Work, changes: () => Promise<void>): Promise<void> {
  await permit(work, 'policies.write');
  await leavingAnAdministrator(work, changes);
}

/** Back to the settings of an organisation that has decided nothing. Fails with `conflict` as a change does. */
export async function resetMethodPolicy<Settings extends MethodSettings>(
  work: Work,
  policy: MethodPolicy<Settings, never>,
): Promise<void> {
  await permit(work, 'policies.write');
  await decide(work, policy, async () => policy.defaults);
}

function decide<Settings extends MethodSettings>(
  work: Work,
  { name, schema, defaults }: MethodPolicy<Settings, never>,
  afterOf: (before: Settings) => Promise<Settings>,
): Promise<void> {
  // Around the document's own lock: whoever changes several in one work must not wait crosswise.
  return leavingAnAdministrator(work, async () => {
    await lockPolicy(work, name);
    const before = await readPolicy(work, name, schema);
    const after = await afterOf(before);
    if (isDeepStrictEqual(before, after)) return;
    await writePolicy(work, name, overDefaults(after, defaults));
    work.record({ type: 'policy.changed', details: { policy: name, before, after } });
  });
}

/** What differs: a default that a later version changes then reaches those who have not decided otherwise. */
function overDefaults<Settings extends object>(settings: Settings, defaults: Settings): object {
  const differing = Object.entries(settings).filter(
    ([name, value]) => !isDeepStrictEqual(value, defaults[name as keyof Settings]),
  );
  return Object.fromEntries(differing);
}
