import { utcMinute } from '../../core/time.ts';
import type { SecurityInfo as OwnInfo } from '../../security-info/own-methods.ts';
import type { OwnSession } from '../../security-info/own-sessions.ts';
import type { Layout } from '../../../views/layout.tsx';
import { renderView } from '../../../views/render.ts';
import { SecurityInfo } from '../../../views/security-info/security-info.tsx';
import type { SessionSummary } from '../../../views/security-info/session-card.tsx';
import { SignOutEverywhere } from '../../../views/security-info/sign-out-everywhere.tsx';

const notices = ['added', 'renamed', 'sessionEnded'] as const;
const errors = ['notCreated', 'alreadyRegistered', 'tooManyPasskeys', 'emptyPasskeyName', 'longPasskeyName'] as const;

export type SecurityInfoNotice = (typeof notices)[number];
export type SecurityInfoError = (typeof errors)[number];

interface Around {
  /** Undefined where the proof is not fresh enough to see them. */
  readonly sessions: readonly OwnSession[] | undefined;
  readonly layout: Layout;
  readonly csrf: string;
  readonly signOutUrl: string;
  /** What the last request wants said; anything unknown is not said. */
  readonly said: { readonly notice?: unknown; readonly error?: unknown; readonly passkey?: unknown };
  readonly reference: string;
}

export function securityInfoPage(
  { user, credentials, mayChange, mayAdd }: OwnInfo,
  { layout, csrf, signOutUrl, said, reference, sessions }: Around,
): string {
  const notice = notices.find((known) => known === said.notice);
  const error = errors.find((known) => known === said.error);
  const errorPasskeyId = credentials.find(({ id }) => id === said.passkey)?.id;
  return renderView(SecurityInfo, {
    layout,
    csrf,
    displayName: user.displayName,
    userPrincipalName: user.userPrincipalName,
    signOutUrl,
    ...(!mayChange && { withPass: { mayAdd, proveUrl: '/security-info/prove' } }),
    passkeys: credentials
      .filter(({ suspended }) => !suspended)
      .map((credential) => ({
        id: credential.id,
        name: credential.name,
        deviceBound: credential.deviceBound,
        created: moment(credential.createdAt),
        lastUsed: credential.lastUsedAt ? moment(credential.lastUsedAt) : undefined,
        lastUsedWith: credential.lastUsedWith ?? undefined,
      })),
    sessions: sessions?.map(sessionSummary),
    ...(notice && { notice }),
    ...(error && { error, reference }),
    ...(errorPasskeyId && { errorPasskeyId }),
  });
}

export function signOutEverywherePage(layout: Layout, csrf: string): string {
  return renderView(SignOutEverywhere, { layout, csrf });
}

function sessionSummary(session: OwnSession): SessionSummary {
  return {
    id: session.uid,
    device: session.device ?? undefined,
    place: session.ip ?? undefined,
    method: methodOf(session.amr),
    started: minuteOf(session.startedAt),
    lastSeen: minuteOf(session.lastSeenAt),
    apps: session.apps,
    current: session.current,
  };
}

/** The word for what a sign-in reports. */
function methodOf(amr: readonly string[]): SessionSummary['method'] {
  if (amr.includes('pop')) return 'passkey';
  if (amr.includes('pwd')) return 'password';
  return amr.some((value) => value.endsWith('/amr/pass')) ? 'pass' : 'other';
}

function minuteOf(at: Date) {
  return { at: at.toISOString(), text: utcMinute(at) };
}

const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' });

function moment(at: Date) {
  return { at: at.toISOString(), text: day.format(at) };
}
