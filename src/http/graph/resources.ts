import { z } from 'zod';
import type { Group } from '../../groups/group.ts';
import {
  approvalState,
  approvalStates,
  type PassApproval,
} from '../../methods/temporary-access-pass/approvals/approval.ts';
import {
  type Pass,
  type PassEnd,
  passEndReasons,
  type PassRules,
  passState,
  passStates,
  usability,
  usabilityReasons,
} from '../../methods/temporary-access-pass/pass.ts';
import type { IssuedPass } from '../../methods/temporary-access-pass/manage-passes.ts';
import { type PassSettings, passSettingsChange } from '../../methods/temporary-access-pass/settings.ts';
import type { Assignment } from '../../roles/manage-roles.ts';
import { passIssuer, type Role } from '../../roles/role.ts';
import { handoverUrl } from '../pass/link.ts';
import type { User } from '../../users/user.ts';
import { dateShape, doerShape } from './shape.ts';

/** ISO 8601 UTC with seven fraction digits, as Graph writes dates. */
export function graphDate(at: Date): string {
  return at.toISOString().replace(/(\.\d{3})Z$/, '$10000Z');
}

const passType = '#microsoft.graph.temporaryAccessPassAuthenticationMethod';

const lifeShape = {
  createdDateTime: dateShape,
  startDateTime: dateShape,
  lifetimeInMinutes: z.int(),
  isUsableOnce: z.boolean(),
};

const wordsShape = {
  purpose: z.enum(['registration', 'signIn']),
  reason: z.string().nullable(),
  ticket: z.string().nullable(),
  createdBy: doerShape,
  usedDateTime: dateShape.nullable(),
};

export const passShape = z
  .strictObject({
    '@odata.type': z.literal(passType),
    id: z.guid(),
    temporaryAccessPass: z
      .null()
      .meta({ description: 'The code stands in the answer that made the pass, and nowhere else.' }),
    ...lifeShape,
    isUsable: z.boolean(),
    methodUsabilityReason: z.enum(usabilityReasons),
    ...wordsShape,
    state: z.enum(passStates),
  })
  .meta({
    id: 'temporaryAccessPass',
    examples: [
      {
        '@odata.type': passType,
        id: 'c5a1f0d2-9d3b-4c0e-8d55-3f0b1f6a7e21',
        temporaryAccessPass: null,
        createdDateTime: '2026-11-21T12:00:00.0000000Z',
        startDateTime: '2026-11-21T12:00:00.0000000Z',
        lifetimeInMinutes: 60,
        isUsableOnce: true,
        isUsable: true,
        methodUsabilityReason: 'EnabledByPolicy',
        purpose: 'registration',
        reason: 'first day',
        ticket: 'INC-1234',
        createdBy: { kind: 'client', id: 'hr' },
        usedDateTime: null,
        state: 'active',
      },
    ],
  });

export const issuedPassShape = passShape.extend({
  temporaryAccessPass: z.string().meta({ description: 'The code. It is never shown again.' }),
  handoverUrl: z.string().meta({ description: 'A link that carries name and code; whoever has it has the pass.' }),
});

export const endedPassShape = z
  .strictObject({
    '@odata.type': z.literal(passType),
    id: z.guid(),
    temporaryAccessPass: z.null(),
    ...lifeShape,
    ...wordsShape,
    state: z.enum(passEndReasons),
    endedDateTime: dateShape,
    endReason: z.enum(passEndReasons),
  })
  .meta({ id: 'endedTemporaryAccessPass' });

/** The one answer that holds the code, and the link that carries it. */
export function issuedPassResource(
  { pass, user, code, settings }: IssuedPass,
  issuer: string,
): z.output<typeof issuedPassShape> {
  return {
    ...passResource(pass, settings, pass.issuedAt),
    temporaryAccessPass: code,
    handoverUrl: handoverUrl(issuer, user.userPrincipalName, code),
  };
}

/** A pass in Graph's shape, without its code. */
export function passResource(pass: Pass, rules: PassRules, now: Date): z.output<typeof passShape> {
  const reason = usability(pass, rules, now);
  return {
    '@odata.type': passType,
    id: pass.id,
    temporaryAccessPass: null,
    ...lifeOf(pass),
    isUsable: reason === 'EnabledByPolicy',
    methodUsabilityReason: reason,
    purpose: pass.purpose,
    reason: pass.reason,
    ticket: pass.ticket,
    state: passState(pass, now),
    createdBy: { kind: pass.issuedByKind, id: pass.issuedById },
    usedDateTime: pass.lastUsedAt && graphDate(pass.lastUsedAt),
  };
}

export const approvalShape = z
  .strictObject({
    id: z.guid(),
    state: z.enum(approvalStates),
    userId: z.guid(),
    requestedBy: z.strictObject({ kind: z.enum(['user', 'client']), id: z.string() }),
    requestedDateTime: dateShape,
    expirationDateTime: dateShape,
    temporaryAccessPass: z.strictObject({
      startDateTime: dateShape.nullable(),
      lifetimeInMinutes: z.number().nullable(),
      isUsableOnce: z.boolean().nullable(),
      purpose: z.string().nullable(),
      reason: z.string().nullable(),
      ticket: z.string().nullable(),
      verifiedBy: z.string().nullable(),
    }),
    decidedBy: z.strictObject({ kind: z.enum(['user', 'operator']), id: z.string().nullable() }).nullable(),
    decidedDateTime: dateShape.nullable(),
  })
  .meta({ id: 'passApproval' });

/** A request for a second administrator's word, ours alone. */
export function approvalResource(approval: PassApproval, now: Date): z.output<typeof approvalShape> {
  return {
    id: approval.id,
    state: approvalState(approval, now),
    userId: approval.userId,
    requestedBy: { kind: approval.askedByKind, id: approval.askedById },
    requestedDateTime: graphDate(approval.askedAt),
    expirationDateTime: graphDate(approval.lapsesAt),
    temporaryAccessPass: {
      startDateTime: approval.terms.startsAt ? graphDate(new Date(approval.terms.startsAt)) : null,
      lifetimeInMinutes: approval.terms.lifetimeMinutes ?? null,
      isUsableOnce: approval.terms.oneTime ?? null,
      purpose: approval.terms.purpose ?? null,
      reason: approval.terms.reason ?? null,
      ticket: approval.terms.ticket ?? null,
      verifiedBy: approval.terms.verifiedBy ?? null,
    },
    decidedBy: approval.decision && { kind: approval.decidedBy ? 'user' : 'operator', id: approval.decidedBy },
    decidedDateTime: approval.decidedAt && graphDate(approval.decidedAt),
  };
}

export const assignmentShape = z
  .strictObject({
    id: z.guid(),
    principalId: z.guid(),
    roleDefinitionId: z.guid(),
    directoryScopeId: z.string(),
    maximumLifetimeInMinutes: z.int().nullable().optional(),
    isUsableOnce: z.boolean().optional(),
  })
  .meta({ id: 'roleAssignment' });

export const assignmentProperties = assignmentShape.keyof().options;

/** A role somebody holds, in Graph's shape; the limits are ours, and a Pass Issuer's alone. */
export function assignmentResource({
  id,
  userId,
  templateId,
  scopeGroupId,
  limits,
}: Assignment): z.output<typeof assignmentShape> {
  return {
    id,
    principalId: userId,
    roleDefinitionId: templateId,
    directoryScopeId: scopeGroupId === null ? '/' : `/groups/${scopeGroupId}`,
    ...(templateId === passIssuer.templateId && {
      maximumLifetimeInMinutes: limits.maximumLifetimeMinutes,
      isUsableOnce: limits.oneTimeOnly,
    }),
  };
}

export const roleShape = z
  .strictObject({
    id: z.guid(),
    templateId: z.guid(),
    displayName: z.string(),
    isBuiltIn: z.literal(true),
    isEnabled: z.literal(true),
  })
  .meta({ id: 'roleDefinition' });

export const roleProperties = roleShape.keyof().options;

export function roleResource({ name, templateId }: Role): z.output<typeof roleShape> {
  return { id: templateId, templateId, displayName: name, isBuiltIn: true, isEnabled: true };
}

export const userShape = z
  .strictObject({
    id: z.guid(),
    userPrincipalName: z.string(),
    displayName: z.string(),
    mail: z.string().nullable(),
    accountEnabled: z.boolean(),
    createdDateTime: dateShape,
  })
  .meta({
    id: 'user',
    examples: [
      {
        id: '1f0a7c3e-6b1d-4a52-9f8e-2f4c7d9b3a10',
        userPrincipalName: 'joiner@example.com',
        displayName: 'Jo Iner',
        mail: null,
        accountEnabled: true,
        createdDateTime: '2026-11-21T12:00:00.0000000Z',
      },
    ],
  });

/** Every property of a user there is. */
export function userResource(user: User): z.output<typeof userShape> {
  return {
    id: user.id,
    userPrincipalName: user.userPrincipalName,
    displayName: user.displayName,
    mail: user.mail,
    accountEnabled: user.enabled,
    createdDateTime: graphDate(user.createdAt),
  };
}

export const userProperties = userShape.keyof().options;

export const groupShape = z
  .strictObject({
    id: z.guid(),
    displayName: z.string(),
    createdDateTime: dateShape,
    groupTypes: z.array(z.string()).max(0),
    mailEnabled: z.literal(false),
    securityEnabled: z.literal(true),
  })
  .meta({ id: 'group' });

/** Groups here hold people and receive no mail: what Graph calls a security group. */
export function groupResource(group: Group): z.output<typeof groupShape> {
  return {
    id: group.id,
    displayName: group.displayName,
    createdDateTime: graphDate(group.createdAt),
    groupTypes: [],
    mailEnabled: false,
    securityEnabled: true,
  };
}

export const groupProperties = groupShape.keyof().options;

const passPolicyType = '#microsoft.graph.temporaryAccessPassAuthenticationMethodConfiguration';

export const passPolicyShape = z
  .strictObject({
    '@odata.type': z.literal(passPolicyType),
    id: z.literal('TemporaryAccessPass'),
    ...passSettingsChange.required().shape,
  })
  .meta({ id: 'temporaryAccessPassPolicy' });

/** The policy for passes in Graph's shape, under Graph's names and ours. */
export function passPolicyResource(settings: PassSettings): z.output<typeof passPolicyShape> {
  return {
    '@odata.type': passPolicyType,
    id: 'TemporaryAccessPass',
    ...settings,
  };
}

/** A pass that ended, in the same shape: how and when, in place of whether it can be used. Never a code. */
export function endedPassResource(pass: Pass, end: PassEnd): z.output<typeof endedPassShape> {
  return {
    '@odata.type': passType,
    id: pass.id,
    temporaryAccessPass: null,
    ...lifeOf(pass),
    purpose: pass.purpose,
    reason: pass.reason,
    ticket: pass.ticket,
    state: end.reason,
    createdBy: { kind: pass.issuedByKind, id: pass.issuedById },
    usedDateTime: pass.lastUsedAt && graphDate(pass.lastUsedAt),
    endedDateTime: graphDate(end.at),
    endReason: end.reason,
  };
}

function lifeOf(pass: Pass) {
  return {
    createdDateTime: graphDate(pass.issuedAt),
    startDateTime: graphDate(pass.startsAt),
    lifetimeInMinutes: Math.round((pass.expiresAt.getTime() - pass.startsAt.getTime()) / 60_000),
    isUsableOnce: pass.oneTime,
  };
}

/** What every refusal looks like; `codes` are those there are. */
export const errorShape = (codes: readonly string[]) =>
  z
    .strictObject({
      error: z.strictObject({
        code: z.enum(codes).meta({ description: 'For programs.' }),
        message: z.string().meta({ description: 'For people; it names the field and the range that is allowed.' }),
        innerError: z.strictObject({
          date: z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/),
          'request-id': z
            .string()
            .meta({ description: 'Stands in the audit log and in the log of the server as well.' }),
          'client-request-id': z.string(),
          approvalId: z.guid().optional().meta({ description: 'With `approvalRequired`: the request that waits.' }),
        }),
      }),
    })
    .meta({
      id: 'error',
      examples: [
        {
          error: {
            code: 'badRequest',
            message: 'Invalid LifetimeInMinutes specified. The valid range between 60 and 480.',
            innerError: {
              date: '2026-11-21T12:00:00',
              'request-id': '7d0c1d0e-3a53-4a0f-9d5a-5b2a4c1f9e77',
              'client-request-id': '7d0c1d0e-3a53-4a0f-9d5a-5b2a4c1f9e77',
            },
          },
        },
      ],
    });

/** Graph's error envelope; its JavaScript client reads `innerError` with exactly these names. */
export function graphError(
  {
    code,
    message,
    requestId,
    approvalId,
  }: { code: string; message: string; requestId: string; approvalId?: string | undefined },
  clientRequestId: string,
  now: Date,
) {
  return {
    error: {
      code,
      message,
      innerError: {
        date: now.toISOString().slice(0, 19),
        'request-id': requestId,
        'client-request-id': clientRequestId || requestId,
        ...(approvalId && { approvalId }),
      },
    },
  };
}
