import { utcMinute } from '../../core/time.ts';
import { securityInfoClientId } from '../../oidc/built-in-clients.ts';
import type { ListedCredential, MethodId, NotEnrolled } from '../../methods/method.ts';
import type { Removal, SecurityInfo as OwnInfo } from '../../security-info/own-methods.ts';
import type { OwnIdentities } from '../../own-identities.ts';
import type { Activity, OwnActivity } from '../../security-info/own-activity.ts';
import type { OwnSession } from '../../security-info/own-sessions.ts';
import type { Layout } from '../../../views/layout.tsx';
import { renderView } from '../../../views/render.ts';
import { messages } from '../../../views/messages.ts';
import { type ActivitySummary, RecentActivity } from '../../../views/security-info/activity.tsx';
import { AddApp } from '../../../views/security-info/add-app.tsx';
import { NewRecoveryCodes, RecoveryCodes } from '../../../views/security-info/recovery-codes.tsx';
import { RemoveMethod } from '../../../views/security-info/remove-method.tsx';
import { SetPassword } from '../../../views/security-info/set-password.tsx';
import { SecurityInfo } from '../../../views/security-info/security-info.tsx';
import type { LinkedSignInsProps } from '../../../views/security-info/linked-sign-ins.tsx';
import { Unlink } from '../../../views/security-info/unlink.tsx';
import type { SessionSummary } from '../../../views/security-info/session-card.tsx';
import { StopActivity } from '../../../views/security-info/stop-activity.tsx';
import type { Suspension } from '../../../views/security-info/suspended.tsx';
import { SignOutEverywhere } from '../../../views/security-info/sign-out-everywhere.tsx';

const notices = [
  'contained',
  'added',
  'renamed',
  'sessionEnded',
  'removed',
  'appAdded',
  'passwordSaved',
  'usedAgain',
  'linked',
  'unlinked',
] as const;
const errors = [
  'notCreated',
  'userUnverified',
  'alreadyRegistered',
  'tooManyPasskeys',
  'passkeysNotAllowed',
  'modelNotAllowed',
  'noMethodName',
  'longMethodName',
  'lastWayIn',
  'onePerPass',
  'linkTaken',
  'linkHasOther',
  'linkCancelled',
  'linkUnreachable',
  'linkRefused',
] as const;
const appMistakes = ['appRefused', 'passwordWeak', 'passwordsDiffer', 'tooManyApps', 'onePerPass'] as const;
const passwordMistakes = ['passwordWeak', 'passwordsDiffer'] as const;

/** Ways in that have names of their own. */
const named = new Set<MethodId>(['passkey', 'authenticator-app']);

export type SecurityInfoNotice = (typeof notices)[number];
export type SecurityInfoError = (typeof errors)[number];

interface Around {
  readonly layout: Layout;
  readonly csrf: string;
  /** What the last request wants said; anything unknown is not said. */
  readonly said: {
    readonly notice?: unknown;
    readonly error?: unknown;
    readonly method?: unknown;
    readonly typed?: unknown;
  };
}

interface AroundList extends Around {
  /** Undefined where the proof is not fresh enough to see them. */
  readonly sessions: readonly OwnSession[] | undefined;
  readonly identities: OwnIdentities | undefined;
  readonly signOutUrl: string;
  readonly reference: string;
  readonly rpId: string;
}

export function securityInfoPage(
  { user, credentials, mayChange, mayAdd }: OwnInfo,
  { layout, csrf, signOutUrl, said, reference, sessions, identities, rpId }: AroundList,
): string {
  const notice = notices.find((known) => known === said.notice);
  const error = errors.find((known) => known === said.error);
  const errorMethodId = credentials.find(({ id, method }) => id === said.method && named.has(method))?.id;
  return renderView(SecurityInfo, {
    layout,
    csrf,
    displayName: user.displayName,
    userPrincipalName: user.userPrincipalName,
    signOutUrl,
    ...(!mayChange && { withPass: { proveUrl: '/security-info/prove' } }),
    mayAddPasskey: mayAdd.includes('passkey'),
    passkeys: credentials
      .filter(({ method }) => method === 'passkey')
      .map((credential) => ({ ...summaryOf(credential), deviceBound: credential.deviceBound })),
    others: credentials.flatMap((credential) =>
      isOther(credential.method) ? [{ ...summaryOf(credential), kind: credential.method }] : [],
    ),
    mayAdd: mayAdd.filter(isOther),
    sessions: sessions?.map(sessionSummary),
    ...(identities && { links: linksOf(identities) }),
    ...(mayChange && {
      signals: {
        rpId,
        userId: user.userHandle.toString('base64url'),
        credentialIds: credentials.flatMap(({ authenticator }) => authenticator?.credentialId ?? []),
      },
    }),
    ...(notice && { notice }),
    ...(error && { error, reference }),
    ...(errorMethodId && { errorMethodId, ...(typeof said.typed === 'string' && { typedName: said.typed }) }),
  });
}

export function signOutEverywherePage(layout: Layout, csrf: string): string {
  return renderView(SignOutEverywhere, { layout, csrf });
}

export function addAppPage(
  around: Around,
  shown: { readonly secret: string; readonly uri: string; readonly withPassword?: boolean },
): string {
  const { layout, csrf, said } = around;
  const { secret, uri, withPassword = false } = shown;
  return renderView(AddApp, { layout, csrf, secret, uri, withPassword, error: knownIn(appMistakes, said.error) });
}

export function setPasswordPage({ user, credentials }: OwnInfo, { layout, csrf, said }: Around): string {
  return renderView(SetPassword, {
    layout,
    csrf,
    userPrincipalName: user.userPrincipalName,
    change: credentials.some(({ method }) => method === 'password'),
    error: knownIn(passwordMistakes, said.error),
  });
}

export function recoveryCodesPage({ credentials }: OwnInfo, { layout, csrf }: Around): string {
  const replacing = credentials.some(({ method }) => method === 'recovery-code');
  return renderView(RecoveryCodes, { layout, csrf, replacing });
}

export function newRecoveryCodesPage(layout: Layout, userPrincipalName: string, codes: readonly string[]): string {
  return renderView(NewRecoveryCodes, { layout, userPrincipalName, codes });
}

export function removeMethodPage(
  { layout, csrf }: Around,
  { credential: { id, name, method }, ...about }: Removal,
): string {
  const kind = isOther(method) ? method : 'passkey';
  return renderView(RemoveMethod, { layout, csrf, method: { id, name, kind }, ...about });
}

export function passkeyMistakeOf(reason: NotEnrolled): SecurityInfoError {
  const mistakes: Partial<Record<NotEnrolled, SecurityInfoError>> = {
    duplicate: 'alreadyRegistered',
    too_many: 'tooManyPasskeys',
    not_allowed: 'passkeysNotAllowed',
    model_not_allowed: 'modelNotAllowed',
    user_unverified: 'userUnverified',
  };
  return mistakes[reason] ?? 'notCreated';
}

export function unlinkPage(
  around: Pick<Around, 'layout' | 'csrf'>,
  link: { readonly id: string; readonly displayName: string; readonly lastWayIn: boolean },
): string {
  const { id, displayName: name, lastWayIn } = link;
  return renderView(Unlink, { ...around, id, name, lastWayIn });
}

function linksOf({ linked, offered }: OwnIdentities): Omit<LinkedSignInsProps, 'csrf'> {
  return {
    linked: linked.map(({ id, displayName, linkedAt, lastUsedAt, waits }) => ({
      ...{ id, name: displayName, waits },
      created: moment(linkedAt),
      lastUsed: lastUsedAt ? moment(lastUsedAt) : undefined,
    })),
    offered: offered.map(({ id, displayName }) => ({ id, name: displayName })),
  };
}

/** What the page says of a registration that was refused; `alreadyRegistered` and the like are about passkeys alone. */
export function appMistakeOf(reason: NotEnrolled): (typeof appMistakes)[number] {
  const mistakes: Partial<Record<NotEnrolled, (typeof appMistakes)[number]>> = {
    weak: 'passwordWeak',
    mismatch: 'passwordsDiffer',
    too_many: 'tooManyApps',
    one_per_pass: 'onePerPass',
  };
  return mistakes[reason] ?? 'appRefused';
}

function summaryOf(credential: ListedCredential) {
  return {
    id: credential.id,
    name: credential.name,
    created: moment(credential.createdAt),
    lastUsed: credential.lastUsedAt ? moment(credential.lastUsedAt) : undefined,
    lastUsedWith: credential.lastUsedWith ?? undefined,
    suspended: credential.suspended,
    refused: credential.refused,
    suspension: suspensionOf(credential),
  };
}

function suspensionOf({ suspension }: ListedCredential): Suspension | undefined {
  if (!suspension) return undefined;
  const { at, reason } = suspension;
  return { at: utcMinute(at), for: reason === 'lost' || reason === 'administrator' ? reason : 'other' };
}

function isOther(method: MethodId): method is 'password' | 'authenticator-app' | 'recovery-code' {
  return method === 'password' || method === 'authenticator-app' || method === 'recovery-code';
}

function knownIn<Word extends string>(words: readonly Word[], said: unknown): Word | undefined {
  return words.find((word) => word === said);
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
  // What a provider says of itself is nothing that people have here.
  if (amr.some((value) => value.endsWith('/amr/federated'))) return 'other';
  if (amr.includes('pop')) return 'passkey';
  if (amr.includes('pwd')) return 'password';
  return amr.some((value) => value.endsWith('/amr/pass')) ? 'pass' : 'other';
}

export function activityPage(layout: Layout, { activities, failed }: OwnActivity): string {
  return renderView(RecentActivity, {
    layout,
    activities: activities.map(activitySummary),
    failed: { count: failed.count, ...(failed.lastAt && { last: minuteOf(failed.lastAt) }) },
  });
}

export function stopActivityPage(
  layout: Layout,
  csrf: string,
  { activity, suspends }: { readonly activity: Activity; readonly suspends: readonly ListedCredential[] },
): string {
  const names = suspends.map(({ name }) => name);
  return renderView(StopActivity, { layout, csrf, activity: activitySummary(activity), suspends: names });
}

function activitySummary(activity: Activity): ActivitySummary {
  const { id, kind, at, by, app, proofs, about, device, place } = activity;
  return {
    id,
    kind,
    at: minuteOf(at),
    by,
    app: app === securityInfoClientId ? messages.securityInfo.heading : (app ?? undefined),
    proofs: proofs.filter(isMethod),
    about: about ?? undefined,
    device: device ?? undefined,
    place: place ?? undefined,
  };
}

function isMethod(method: string): method is MethodId {
  return Object.hasOwn(messages.activity.with, method);
}

function minuteOf(at: Date) {
  return { at: at.toISOString(), text: utcMinute(at) };
}

const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' });

function moment(at: Date) {
  return { at: at.toISOString(), text: day.format(at) };
}
