import type { EffectivePassSettings } from '../../methods/temporary-access-pass/effective-settings.ts';
import { type Pass, type PassEnd, passState, usability } from '../../methods/temporary-access-pass/pass.ts';
import type { IssuedPass } from '../../methods/temporary-access-pass/manage-passes.ts';
import type { PassSettings } from '../../methods/temporary-access-pass/settings.ts';
import { handoverUrl } from '../pass/link.ts';

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
export function passResource(pass: Pass, settings: EffectivePassSettings, now: Date, code: string | null) {
  const reason = usability(pass, settings, now);
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
export function graphError(code: string, message: string, requestId: string, clientRequestId: string, now: Date) {
  return {
    error: {
      code,
      message,
      innerError: {
        date: now.toISOString().slice(0, 19),
        'request-id': requestId,
        'client-request-id': clientRequestId || requestId,
      },
    },
  };
}
