import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { AppError } from '../core/errors.ts';
import type { Work } from '../core/work.ts';
import type { MethodId } from '../methods/method.ts';
import { lockPolicy } from '../policies/policy-documents.ts';
import { objectId, target } from '../policies/targets.ts';
import { permit } from '../roles/permit.ts';
import { changeRegistrationPolicy } from './manage-policy.ts';
import {
  readRegistrationSettings,
  registrationPolicyName,
  type RegistrationSettings,
  type RegistrationSettingsChange,
} from './settings.ts';

/** What Graph calls our methods here. */
const targeted = { fido2: 'passkey', softwareOath: 'authenticator-app' } as const satisfies Record<string, MethodId>;

type Targeted = keyof typeof targeted;

/**
 * Graph's `authenticationMethodsRegistrationCampaign`: another view of the registration policy while it nudges, and no policy of its
 * own. `default`, in which Microsoft decides, is `disabled` here and never read back.
 */
export const campaignChange = z
  .strictObject({
    snoozeDurationInDays: z.int().min(0).max(14),
    enforceRegistrationAfterAllowedSnoozes: z.boolean(),
    state: z.enum(['default', 'enabled', 'disabled']),
    includeTargets: z
      .array(
        z.strictObject({
          targetType: z.enum(['group', 'user']),
          id: objectId,
          targetedAuthenticationMethod: z.enum(['fido2', 'softwareOath']).optional(),
        }),
      )
      .max(200),
    excludeTargets: z.array(target).max(200),
  })
  .partial();

export type CampaignChange = z.output<typeof campaignChange>;

export interface Campaign {
  readonly snoozeDurationInDays: number;
  readonly enforceRegistrationAfterAllowedSnoozes: boolean;
  readonly state: 'enabled' | 'disabled';
  readonly includeTargets: readonly (RegistrationSettings['includeTargets'][number] & {
    /** The first of what is asked for: Graph has room for one. */
    readonly targetedAuthenticationMethod: Targeted;
  })[];
  readonly excludeTargets: RegistrationSettings['excludeTargets'];
}

export function campaignOf(settings: RegistrationSettings): Campaign {
  const { state, mode, methods, snoozeDurationInDays, enforceAfterSnoozes, includeTargets, excludeTargets } = settings;
  const targetedAuthenticationMethod = methods[0] === 'passkey' ? 'fido2' : 'softwareOath';
  return {
    snoozeDurationInDays,
    enforceRegistrationAfterAllowedSnoozes: enforceAfterSnoozes,
    state: state === 'enabled' && mode === 'nudge' ? 'enabled' : 'disabled',
    includeTargets: includeTargets.map((one) => ({ ...one, targetedAuthenticationMethod })),
    excludeTargets,
  };
}

/**
 * Changes the registration policy by either of its views. What is named and stands like that already is no change, so that a client may
 * send back all it has read with one value changed. Fails with `invalid_input` where the views ask for different things, and as
 * `changeRegistrationPolicy` does.
 */
export async function changeRegistrationEnforcement(
  work: Work,
  asked: { readonly required?: RegistrationSettingsChange; readonly campaign?: CampaignChange },
): Promise<void> {
  await permit(work, 'policies.write');
  await lockPolicy(work, registrationPolicyName);
  const before = await readRegistrationSettings(work);
  const required = differing(asked.required ?? {}, before);
  const byCampaign = differing(settingsOf(differing(asked.campaign ?? {}, campaignOf(before)), before), before);
  for (const [name, value] of Object.entries(byCampaign)) {
    const other = required[name as keyof RegistrationSettings];
    if (other !== undefined && !isDeepStrictEqual(other, value)) {
      throw new AppError(
        'invalid_input',
        `requiredRegistration.${name} and authenticationMethodsRegistrationCampaign are the same policy, and ask for different things.`,
      );
    }
  }
  await changeRegistrationPolicy(work, { ...required, ...byCampaign });
}

function settingsOf(campaign: CampaignChange, before: RegistrationSettings): RegistrationSettingsChange {
  const { snoozeDurationInDays, enforceRegistrationAfterAllowedSnoozes, state, includeTargets, excludeTargets } =
    campaign;
  return {
    ...(snoozeDurationInDays !== undefined && { snoozeDurationInDays }),
    ...(enforceRegistrationAfterAllowedSnoozes !== undefined && {
      enforceAfterSnoozes: enforceRegistrationAfterAllowedSnoozes,
    }),
    ...(state === 'enabled' && { state, mode: 'nudge' as const }),
    // A policy that requires is no campaign, and is not ended as one.
    ...(state !== undefined && state !== 'enabled' && before.mode === 'nudge' && { state: 'disabled' as const }),
    ...(includeTargets && {
      includeTargets: includeTargets.map(({ targetType, id }) => ({ targetType, id })),
      ...methodsOf(
        includeTargets.flatMap((one) => one.targetedAuthenticationMethod ?? []),
        before,
      ),
    }),
    ...(excludeTargets && { excludeTargets }),
  };
}

/** One for all: a policy asks everybody for the same. What is read back unchanged narrows nothing. */
function methodsOf(named: readonly Targeted[], before: RegistrationSettings): RegistrationSettingsChange {
  const asked = new Set(named.map((one) => targeted[one]));
  if (asked.size > 1) {
    throw new AppError(
      'invalid_input',
      'includeTargets: targetedAuthenticationMethod has to be the same for all of them, because the policy asks everybody for the same.',
    );
  }
  const [method] = asked;
  if (method === undefined || method === before.methods[0]) return {};
  return { methods: [method], count: 1 };
}

/** What is not as it stands. */
function differing<Named extends object>(named: Named, standing: object): Named {
  const entries = Object.entries(named).filter(
    ([name, value]) => value !== undefined && !isDeepStrictEqual(value, (standing as Record<string, unknown>)[name]),
  );
  return Object.fromEntries(entries) as Named;
}
