import { describe, expect, test } from 'vitest';
import type { AuditEvent } from '../../src/core/audit-event.ts';
import { federationChange } from '../../src/notices/colleagues.ts';
import { noticesOf } from '../../src/notices/notice.ts';
import { nextTry } from '../../src/notices/outbox.ts';
import { noticeMail } from '../../views/mail.ts';
import { messages } from '../../views/messages.ts';
import { at, noon } from '../support/makers.ts';

const event = (type: string, userId?: string, details?: Record<string, unknown>): AuditEvent => ({
  type,
  userId,
  ...(details && { details }),
});

describe('what the events of one work are told as', () => {
  test.each<[string, AuditEvent[], string[]]>([
    ['a pass', [event('pass.issued', 'eve')], ['eve passIssued']],
    [
      'a pass in the place of another',
      [event('pass.replaced', 'eve'), event('pass.issued', 'eve')],
      ['eve passReplaced'],
    ],
    [
      'a pass for each of two',
      [event('pass.replaced', 'eve'), event('pass.issued', 'eve'), event('pass.issued', 'adam')],
      ['eve passReplaced', 'adam passIssued'],
    ],
    ['a pass entered', [event('sign-in.verified', 'eve', { method: 'temporary-access-pass' })], ['eve passUsed']],
    ['a passkey used', [event('sign-in.verified', 'eve', { method: 'passkey' })], []],
    ['a pass cancelled', [event('pass.revoked', 'eve')], ['eve passRevoked']],
    ['a passkey made', [event('passkey.registered', 'eve')], ['eve passkeyAdded']],
    ['a password set', [event('password.set', 'eve')], ['eve passwordSet']],
    ['a password changed', [event('password.changed', 'eve')], ['eve passwordChanged']],
    ['a passkey an administrator registered', [event('passkey.provisioned', 'eve')], ['eve passkeyAdded']],
    ['a passkey removed', [event('passkey.removed', 'eve')], ['eve passkeyRemoved']],
    ['a password reset', [event('password.reset', 'eve')], ['eve passwordReset']],
    ['a password removed', [event('password.removed', 'eve')], ['eve passwordRemoved']],
    ['a pass locked', [event('pass.locked', 'eve')], ['eve passLocked']],
    ['the authenticator apps locked', [event('authenticator-app.locked', 'eve')], ['eve authenticatorAppLocked']],
    ['a password locked', [event('password.locked', 'eve')], ['eve passwordLocked']],
    ['a passkey removed', [event('passkey.removed', 'eve')], ['eve passkeyRemoved']],
    ['a passkey suspended', [event('passkey.suspended', 'eve')], ['eve passkeySuspended']],
    ['an authenticator app added', [event('authenticator-app.registered', 'eve')], ['eve authenticatorAppAdded']],
    ['an authenticator app removed', [event('authenticator-app.removed', 'eve')], ['eve authenticatorAppRemoved']],
    ['an authenticator app used', [event('sign-in.verified', 'eve', { method: 'authenticator-app' })], []],
    ['recovery codes made', [event('recovery-codes.made', 'eve')], ['eve recoveryCodesMade']],
    ['recovery codes removed', [event('recovery-codes.removed', 'eve')], ['eve recoveryCodesRemoved']],
    [
      'a recovery code entered',
      [event('sign-in.verified', 'eve', { method: 'recovery-code' })],
      ['eve recoveryCodeUsed'],
    ],
    ['an identity linked', [event('federated-identity.linked', 'eve', { linkedBy: 'user' })], ['eve identityLinked']],
    ['an identity that made the user', [event('federated-identity.linked', 'eve', { linkedBy: 'creation' })], []],
    ['an identity unlinked', [event('federated-identity.unlinked', 'eve')], ['eve identityUnlinked']],
    [
      'a containment, with what it ends',
      [event('pass.revoked', 'eve'), event('passkey.suspended', 'eve'), event('account.contained', 'eve')],
      ['eve contained'],
    ],
    ['a wrong code', [{ ...event('sign-in.refused', 'eve'), result: 'failure' }], []],
    ['what happened to nobody', [event('pass.issued')], []],
    ['nothing', [], []],
  ])('%s', (_what, events, told) => {
    expect(noticesOf(events).map(({ userId, notice }) => `${userId} ${notice.kind}`)).toEqual(told);
  });
});

describe('what administrators are told of where people come from', () => {
  const provider = (type: string) => event(`identity-provider.${type}`, undefined, { identityProvider: 'contoso' });
  const domain = (type: string) => event(`domain.${type}`, undefined, { domain: 'contoso.example' });

  test.each<[string, AuditEvent[], string | undefined]>([
    ['a provider made', [provider('created')], 'identity provider contoso'],
    ['a domain changed', [domain('changed')], 'domain contoso.example'],
    [
      'a provider deleted with its domain',
      [domain('deleted'), provider('deleted')],
      'domain contoso.example, identity provider contoso',
    ],
    ['the same twice', [provider('created'), provider('changed')], 'identity provider contoso'],
    ['a user linked', [event('federated-identity.linked', 'eve', { identityProvider: 'contoso' })], undefined],
    ['nothing', [], undefined],
  ])('%s', (_what, events, told) => {
    expect(federationChange(events)).toBe(told);
  });
});

describe('a mail', () => {
  const kinds = Object.keys(messages.mails.notices) as (keyof typeof messages.mails.notices)[];
  const link = { url: 'https://id.example.com/not-me?token=abc', until: '2026-11-24 12:00 UTC' };

  test.each(kinds)('about %s says what happened, to whom, when and what to do, with every place filled', (kind) => {
    const { subject, text } = noticeMail({ kind, user: 'eve@example.com', at: '2026-11-21 12:00 UTC', link });
    expect(subject).toMatch(/^\w[^\r\n{}]{5,60}$/);
    expect(text).toContain('Account: eve@example.com\nWhen: 2026-11-21 12:00 UTC\n');
    expect(text).toContain(`\n\n${link.url}\n\n`);
    expect(text).toContain(link.until);
    expect(text).not.toMatch(/[{}<>]/);
  });

  test('about no account names what was changed', () => {
    const { text } = noticeMail({ kind: 'federationChanged', changed: 'domain contoso.example', at: 'noon' });
    expect(text).toContain('\n\nChanged: domain contoso.example\nWhen: noon\n\n');
    expect(text).not.toContain('Account:');
  });

  test('without a link speaks of none', () => {
    const { text } = noticeMail({ kind: 'contained', user: 'eve@example.com', at: 'noon' });
    expect(text).not.toMatch(/http|link/);
  });
});

describe('a mail that could not be sent is tried again', () => {
  const wait = (attempt: number, random: number, now = noon) => {
    const next = nextTry({ attempt, createdAt: noon }, now, random);
    return next && (next.getTime() - now.getTime()) / 60_000;
  };

  test.each([
    [1, 0.5],
    [2, 1],
    [3, 2],
    [7, 32],
    [8, 60],
    [40, 60],
  ])('after try %i in %d minutes, a quarter more or less', (attempt, minutes) => {
    expect(wait(attempt, 0.5)).toBe(minutes);
    expect(wait(attempt, 0)).toBe(minutes * 0.75);
    expect(wait(attempt, 1)).toBe(minutes * 1.25);
  });

  test('for a day', () => {
    expect(wait(30, 0.5, at(23 * 60))).toBe(60);
    expect(wait(30, 0.5, at(23 * 60 + 1))).toBeNull();
  });
});
