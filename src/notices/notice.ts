import type { AuditEvent } from '../core/audit-event.ts';

/** What people are told by mail of their own account, so that they notice when somebody else is at work there. */
export interface Notice {
  readonly kind:
    | 'passIssued'
    | 'passReplaced'
    | 'passUsed'
    | 'passRevoked'
    | 'passkeyAdded'
    | 'passkeyRemoved'
    | 'passkeySuspended'
    | 'passwordSet'
    | 'passwordChanged'
    | 'passwordReset'
    | 'passwordRemoved'
    | 'passwordLocked'
    | 'passLocked'
    | 'authenticatorAppLocked'
    | 'authenticatorAppAdded'
    | 'authenticatorAppRemoved'
    | 'recoveryCodesMade'
    | 'recoveryCodesRemoved'
    | 'recoveryCodeUsed'
    | 'methodsLost'
    | 'methodSuspended'
    | 'methodRestored'
    | 'identityLinked'
    | 'identityUnlinked'
    | 'contained'
    | 'reclaimed'
    | 'disowned'
    | 'containedByAdministrator'
    | 'containedWithin';
}

export interface Told {
  readonly userId: string;
  readonly notice: Notice;
}

/**
 * What the events of one piece of work call for: one notice where several say the same to a person. A pass that takes another's
 * place is told once; what a containment ends is told as that.
 */
export function noticesOf(events: readonly AuditEvent[]): Told[] {
  const happened = (type: string, userId: string) =>
    events.some((event) => event.type === type && event.userId === userId);
  return events.flatMap((event) => {
    const { userId } = event;
    if (userId === undefined) return [];
    if (!containments.has(event.type) && [...containments].some((type) => happened(type, userId))) return [];
    const kind = kindOf(event, happened('pass.replaced', userId));
    return kind ? [{ userId, notice: { kind } }] : [];
  });
}

const containments = new Set(['account.contained', 'account.contained-by-administrator']);

/** Ways in that are told of each time they are used. */
const usedOf: Readonly<Record<string, Notice['kind']>> = {
  'temporary-access-pass': 'passUsed',
  'recovery-code': 'recoveryCodeUsed',
};

function kindOf(event: AuditEvent, replaced: boolean): Notice['kind'] | undefined {
  switch (event.type) {
    case 'pass.issued':
      return replaced ? 'passReplaced' : 'passIssued';
    case 'sign-in.verified':
      return usedOf[String(event.details?.method)];
    case 'pass.revoked':
      return 'passRevoked';
    case 'passkey.registered':
    case 'passkey.provisioned':
      return 'passkeyAdded';
    case 'passkey.removed':
      return 'passkeyRemoved';
    case 'passkey.suspended':
    case 'authenticator-app.suspended':
    case 'recovery-codes.suspended':
      return suspendedFor(event);
    case 'methods.lost':
      return 'methodsLost';
    case 'passkey.restored':
    case 'authenticator-app.restored':
    case 'recovery-codes.restored':
      return 'methodRestored';
    case 'password.set':
      return 'passwordSet';
    case 'password.changed':
      return 'passwordChanged';
    case 'password.reset':
      return 'passwordReset';
    case 'password.removed':
      return 'passwordRemoved';
    case 'password.locked':
      return 'passwordLocked';
    case 'pass.locked':
      return 'passLocked';
    case 'authenticator-app.locked':
      return 'authenticatorAppLocked';
    case 'authenticator-app.registered':
      return 'authenticatorAppAdded';
    case 'authenticator-app.removed':
      return 'authenticatorAppRemoved';
    case 'recovery-codes.made':
      return 'recoveryCodesMade';
    case 'recovery-codes.removed':
      return 'recoveryCodesRemoved';
    case 'federated-identity.linked':
      return event.details?.linkedBy === 'creation' ? undefined : 'identityLinked';
    case 'federated-identity.unlinked':
      return 'identityUnlinked';
    case 'account.contained':
      if (event.details?.by === 'passkey') return 'reclaimed';
      if (event.details?.by === 'confirmation') return 'disowned';
      return event.details?.signedIn === true ? 'containedWithin' : 'contained';
    case 'account.contained-by-administrator':
      return endedSomething(event) ? 'containedByAdministrator' : undefined;
    default:
      return undefined;
  }
}

/** Done once more it ends nothing, and is not told again. */
function endedSomething({ details }: AuditEvent): boolean {
  return Number(details?.sessions) > 0 || (Array.isArray(details?.ended) && details.ended.length > 0);
}

/** What was lost is told once, as that. */
function suspendedFor({ details }: AuditEvent): Notice['kind'] | undefined {
  switch (details?.reason) {
    case 'lost':
      return undefined;
    case 'administrator':
      return 'methodSuspended';
    default:
      return 'passkeySuspended';
  }
}
