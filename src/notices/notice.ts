import type { AuditEvent } from '../core/audit-event.ts';

/** What people are told by mail of their own account, so that they notice when somebody else is at work there. */
export type Notice =
  | { readonly kind: 'passIssued' }
  | { readonly kind: 'passReplaced' }
  | { readonly kind: 'passUsed' }
  | { readonly kind: 'passRevoked' }
  | { readonly kind: 'passkeyAdded' }
  | { readonly kind: 'passkeyRemoved' }
  | { readonly kind: 'passkeySuspended' }
  | { readonly kind: 'passwordSet' }
  | { readonly kind: 'passwordChanged' }
  | { readonly kind: 'passwordRemoved' }
  | { readonly kind: 'passwordLocked' }
  | { readonly kind: 'authenticatorAppAdded' }
  | { readonly kind: 'authenticatorAppRemoved' }
  | { readonly kind: 'recoveryCodesMade' }
  | { readonly kind: 'recoveryCodesRemoved' }
  | { readonly kind: 'recoveryCodeUsed' }
  | { readonly kind: 'identityLinked' }
  | { readonly kind: 'identityUnlinked' }
  | { readonly kind: 'contained' };

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
    if (event.type !== 'account.contained' && happened('account.contained', userId)) return [];
    const kind = kindOf(event, happened('pass.replaced', userId));
    return kind ? [{ userId, notice: { kind } }] : [];
  });
}

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
      return 'passkeySuspended';
    case 'password.set':
      return 'passwordSet';
    case 'password.changed':
      return 'passwordChanged';
    case 'password.removed':
      return 'passwordRemoved';
    case 'password.locked':
      return 'passwordLocked';
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
      return 'contained';
    default:
      return undefined;
  }
}
