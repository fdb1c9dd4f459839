import type { Group } from '../../groups/group.ts';
import { approvalState, type PassApproval } from '../../methods/temporary-access-pass/approvals/approval.ts';
import {
  type Pass,
  type PassEnd,
  type PassRules,
  passState,
  usability,
} from '../../methods/temporary-access-pass/pass.ts';
import type { IssuedPass } from '../../methods/temporary-access-pass/manage-passes.ts';
import type { PassSettings } from '../../methods/temporary-access-pass/settings.ts';
import type { Assignment } from '../../roles/manage-roles.ts';
import { passIssuer, type Role } from '../../roles/role.ts';
import { handoverUrl } from '../pass/link.ts';
import type { User } from '../../users/user.ts';

/** ISO 8601 UTC with seven fraction digits, as Graph writes dates. */
export function graphDate(at: Date): string {
  return at.toISOString().replace(/(\.\d{3})Z$/, '$10000Z');
}

/** The one answer that holds the code, and the link that carries it. */
export function issuedPassResource({ pass, user, code, settings }: IssuedPass, issuer: string) {
  return {
    ...passResource(pass, settings, pass.issuedAt, code),
    handoverUrl: handoverUrl(issuer, user.userPrincipalName, code),
  };
}

/** A pass in Graph's shape; the code is there in the 201 that made it and nowhere else. */
export function passResource(pass: Pass, rules: PassRules, now: Date, code: string | null) {
  const reason = usability(pass, rules, now);
  return {
    '@odata.type': passType,
    id: pass.id,
    temporaryAccessPass: code,
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

/** A request for a second administrator's word, ours alone. */
export function approvalResource(approval: PassApproval, now: Date) {
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

/** A role somebody holds, in Graph's shape; the limits are ours, and a Pass Issuer's alone. */
export function assignmentResource({ id, userId, templateId, scopeGroupId, limits }: Assignment) {
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

export function roleResource({ name, templateId }: Role) {
  return { id: templateId, templateId, displayName: name, isBuiltIn: true, isEnabled: true };
}

/** Every property of a user there is. */
export function userResource(user: User) {
  return {
    id: user.id,
    userPrincipalName: user.userPrincipalName,
    displayName: user.displayName,
    mail: user.mail,
    accountEnabled: user.enabled,
    createdDateTime: graphDate(user.createdAt),
  };
}

export const userProperties = [
  'id',
  'userPrincipalName',
  'displayName',
  'mail',
  'accountEnabled',
  'createdDateTime',
] as const satisfies readonly (keyof ReturnType<typeof userResource>)[];

/** Groups here hold people and receive no mail: what Graph calls a security group. */
export function groupResource(group: Group) {
  return {
    id: group.id,
    displayName: group.displayName,
    createdDateTime: graphDate(group.createdAt),
    groupTypes: [],
    mailEnabled: false,
    securityEnabled: true,
  };
}

export const groupProperties = [
  'id',
  'displayName',
  'createdDateTime',
  'groupTypes',
  'mailEnabled',
  'securityEnabled',
] as const satisfies readonly (keyof ReturnType<typeof groupResource>)[];

/** The policy for passes in Graph's shape, under Graph's names and ours. */
export function passPolicyResource(settings: PassSettings) {
  return {
    '@odata.type': '#microsoft.graph.temporaryAccessPassAuthenticationMethodConfiguration',
    id: 'TemporaryAccessPass',
    ...settings,
  };
}

/** A pass that ended, in the same shape: how and when, in place of whether it can be used. Never a code. */
export function endedPassResource(pass: Pass, end: PassEnd) {
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

const passType = '#microsoft.graph.temporaryAccessPassAuthenticationMethod';

function lifeOf(pass: Pass) {
  return {
    createdDateTime: graphDate(pass.issuedAt),
    startDateTime: graphDate(pass.startsAt),
    lifetimeInMinutes: Math.round((pass.expiresAt.getTime() - pass.startsAt.getTime()) / 60_000),
    isUsableOnce: pass.oneTime,
  };
}

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
