import type { Interaction } from '../../oidc/interactions.ts';
import type { ListedCredential, MethodId } from '../../methods/method.ts';
import { utcMinute } from '../../core/time.ts';
import type { LostOffer } from '../../recovery.ts';
import type { LinkToConfirm } from '../../sign-in/confirming.ts';
import type { ElsewhereReason, SignIn } from '../../sign-in/sign-in.ts';
import type { Standing } from '../../sign-in/steps.ts';
import type { Layout } from '../../../views/layout.tsx';
import { messages } from '../../../views/messages.ts';
import { Problem, type ProblemProps } from '../../../views/problem.tsx';
import type { WindowEnd } from '../../../views/parts/window-end.tsx';
import { renderView } from '../../../views/render.ts';
import { CalledLost, Disowned, Reclaimed } from '../../../views/sign-in/called-lost.tsx';
import { Complete } from '../../../views/sign-in/complete.tsx';
import { Confirm } from '../../../views/sign-in/confirm.tsx';
import { EnrolApp } from '../../../views/sign-in/enrol-app.tsx';
import { Enrol } from '../../../views/sign-in/enrol.tsx';
import { Identify } from '../../../views/sign-in/identify.tsx';
import { Lost, type LostMethod } from '../../../views/sign-in/lost.tsx';
import { type ConfirmableLink, type ConfirmableMethod, Reconfirm } from '../../../views/sign-in/reconfirm.tsx';
import { Verify } from '../../../views/sign-in/verify.tsx';
import { Wait } from '../../../views/sign-in/wait.tsx';

export interface Around {
  readonly layout: Layout;
  readonly base: string;
  readonly csrf: string;
  readonly app: Interaction['app'];
  readonly asksForMore: boolean;
  readonly loginHint: string;
  readonly signOutUrl: string;
  /** An authenticator app is to be connected: what it is connected with. */
  readonly secret?: { readonly secret: string; readonly uri: string; readonly withPassword: boolean } | undefined;
  /** The registration is offered to another device: the address that carries it on there. */
  readonly link?: string | undefined;
  /** The page is on that other device: whose account it registers for. */
  readonly carriedFor?: string;
}

/** The page of a step that waits for the person; the others are redirects. */
export function pageOf(
  {
    signIn,
    step,
    policy,
    boundToBrowser,
    withoutPasskey,
    mayHaveLost,
    toConfirm = [],
    linksToConfirm = [],
    now,
  }: Standing,
  around: Around,
): string | undefined {
  const { layout, base, csrf, app, carriedFor } = around;
  const { notice } = signIn;
  if (notice?.kind === 'signed_in_as_other') return signedInAsOther(notice, around);
  const elsewhere = notice?.kind === 'elsewhere' && elsewherePage(notice, step.kind, around);
  if (elsewhere) return elsewhere;
  if (notice?.kind === 'called_lost') {
    return renderView(CalledLost, { layout, base, csrf, at: minuteOf(notice.at), removed: notice.removed });
  }
  if (notice?.kind === 'reclaimed') return renderView(Reclaimed, { layout, base, csrf, at: minuteOf(notice.at) });
  if (notice?.kind === 'disowned') {
    const { name, since } = notice;
    return renderView(Disowned, { layout, base, csrf, name, at: minuteOf(since) });
  }
  const interaction = { layout, base, csrf, appName: app.name };
  const reference = notice?.reference === undefined ? {} : { reference: notice.reference };
  switch (step.kind) {
    case 'identify':
      return renderView(Identify, {
        ...interaction,
        ...reference,
        error: identifyMistake(notice),
        userName: around.loginHint,
        withoutPasskeys: !policy.methods.includes('passkey'),
        withPass: notice?.kind === 'name_missing' && signIn.chosenMethod === 'temporary-access-pass',
      });
    case 'verify': {
      const { methods, chosen } = step;
      return renderView(Verify, {
        ...interaction,
        ...reference,
        error: verifyMistake(notice),
        methods,
        chosen,
        userName: signIn.userName ?? '',
        withoutPasskey: withoutPasskey && around.asksForMore,
        forTheApp: step.forTheApp,
        provider: signIn.realm?.displayName,
      });
    }
    case 'enrol': {
      const others = step.methods.filter(isShown).filter((id) => id !== step.chosen);
      const ends = windowEnd(step.windowEndsAt, now);
      const demanded = carriedFor === undefined ? step.demanded : undefined;
      const lost = { mayHaveLost, lostSuspended: notice?.kind === 'lost_suspended' };
      if (around.secret) {
        const error = appMistake(notice);
        return renderView(EnrolApp, {
          ...interaction,
          ...around.secret,
          error,
          others,
          ends,
          demanded,
          carriedFor,
          ...lost,
        });
      }
      return renderView(Enrol, {
        ...interaction,
        ...reference,
        error: enrolMistake(notice),
        others,
        oneTime: boundToBrowser,
        ends,
        demanded,
        carriedFor,
        ...lost,
      });
    }
    case 'confirm':
      return renderView(Confirm, {
        ...interaction,
        ...reference,
        error: confirmMistake(notice),
        passkeyName: step.name,
        ends: windowEnd(step.windowEndsAt, now),
        carriedFor,
      });
    case 'reconfirm':
      return renderView(Reconfirm, {
        ...interaction,
        methods: toConfirm.flatMap(confirmable),
        links: linksToConfirm.map(confirmableLink),
      });
    case 'wait': {
      const ends = windowEnd(step.windowEndsAt, now)!;
      return renderView(Wait, { ...interaction, carrying: step.carrying, link: around.link, ends });
    }
    case 'ended':
      return problemPage(layout, endOf(signIn, step.nothing), {
        way: { kind: 'post', action: `${base}/restart`, csrf, text: messages.problem.signInAgain },
      });
    default:
      return undefined;
  }
}

function endOf({ evidence }: SignIn, nothing = false): 'nothingToRegister' | 'passEnded' | 'windowEnded' {
  if (nothing) return 'nothingToRegister';
  return evidence.some(({ signsIn }) => signsIn) ? 'passEnded' : 'windowEnded';
}

/** What the person had before the pass, to be ticked. */
export function lostPage(
  { credentials, windowEndsAt, now }: LostOffer,
  around: Pick<Around, 'layout' | 'base' | 'csrf'>,
): string {
  const methods = credentials
    .flatMap(confirmable)
    .flatMap(({ kind, ...method }): LostMethod[] => (kind === 'password' ? [] : [{ ...method, kind }]));
  return renderView(Lost, { ...around, methods, ends: windowEnd(windowEndsAt, now)! });
}

function confirmable({ id, method, name, lastUsedAt, lastUsedWith }: ListedCredential): ConfirmableMethod[] {
  if (method === 'temporary-access-pass' || method === 'upstream') return [];
  const lastUsed = lastUsedAt ? { at: lastUsedAt.toISOString(), text: day.format(lastUsedAt) } : undefined;
  return [{ id, kind: method, name, lastUsed, lastUsedWith: lastUsedWith ?? undefined }];
}

function confirmableLink({ id, at, lastUsedAt, linkedAt, opens, used, stops }: LinkToConfirm): ConfirmableLink {
  const moment = (date: Date) => ({ at: date.toISOString(), text: day.format(date) });
  const lastUsed = lastUsedAt ? moment(lastUsedAt) : undefined;
  return { id, name: at, linked: moment(linkedAt), lastUsed, opens, used, stops: stops.map(({ name }) => name) };
}

// Some relying parties forget a request after five minutes; a registration may well take longer.
const patienceMs = 5 * 60_000;

export function completePage(
  layout: Layout,
  { app, requestedAt }: Interaction,
  { url, changeUrl }: { readonly url: string; readonly changeUrl: string | undefined },
): string {
  const old = Date.now() - requestedAt.getTime() > patienceMs;
  const openAgainUrl = old ? app.initiateLoginUri : undefined;
  return renderView(Complete, { layout, appName: app.name, url, openAgainUrl, changeUrl });
}

export function problemPage(
  layout: Layout,
  id: keyof typeof messages.problems,
  more: Omit<ProblemProps, 'layout' | 'problem'> = {},
): string {
  return renderView(Problem, { layout, problem: messages.problems[id], ...more });
}

type NoticeOf<Kind> = Extract<SignIn['notice'], { kind: Kind }>;

function signedInAsOther(
  { signedInAs: current, passIsFor: other, at }: NoticeOf<'signed_in_as_other'>,
  { layout, signOutUrl }: Around,
): string {
  return problemPage(layout, at === undefined ? 'signedInAsAnother' : 'signedInAsAnotherThere', {
    values: { current, other, provider: at ?? '' },
    way: { kind: 'link', url: signOutUrl, text: messages.problem.signOut },
  });
}

const problemsElsewhere = {
  identity_unknown: 'nobodyKnown',
  name_taken: 'nameTaken',
  role_held: 'roleHeld',
  user_disabled: 'accountOff',
  home_realm: 'homeElsewhere',
} as const satisfies Partial<Record<ElsewhereReason, keyof typeof messages.problems>>;

/** What somebody who has proved who they are elsewhere has to know, and cannot mend by trying again. */
function elsewherePage(
  { reason, at: provider, as, reference }: NoticeOf<'elsewhere'>,
  step: Standing['step']['kind'],
  { layout, base, csrf }: Around,
): string | undefined {
  if (step !== 'verify' || !(reason in problemsElsewhere)) return undefined;
  return problemPage(layout, problemsElsewhere[reason as keyof typeof problemsElsewhere], {
    values: { provider, other: as ?? '' },
    way: { kind: 'post', action: `${base}/back`, csrf, text: messages.problem.signInOtherwise },
    ...(reference !== undefined && { reference }),
  });
}

function identifyMistake(notice: SignIn['notice']) {
  if (notice?.kind === 'name_missing') return 'emptyName';
  return notice?.kind === 'elsewhere' ? 'signsInElsewhere' : passkeyMistake(notice);
}

/** What the page says of the last answer, in the words of the catalogue; undefined when it was no refused passkey. */
function passkeyMistake(notice: SignIn['notice']) {
  switch (notice?.kind) {
    case 'refused':
      return notice.method === 'passkey' ? 'passkeyRefused' : undefined;
    case 'unknown_passkey':
      return 'passkeyUnknown';
    case 'unverified_user':
      return 'userUnverified';
    case 'suspended_passkey':
      return 'passkeySuspended';
    case 'passkey_not_allowed':
      return 'passkeyNotAllowed';
    case 'other_account':
      return 'passkeyOfOther';
    default:
      return undefined;
  }
}

const mistakesElsewhere: Partial<Record<ElsewhereReason, 'upstreamUnreachable' | 'upstreamCancelled'>> = {
  upstream_unreachable: 'upstreamUnreachable',
  upstream_cancelled: 'upstreamCancelled',
};

function verifyMistake(notice: SignIn['notice']) {
  if (notice?.kind === 'elsewhere') return mistakesElsewhere[notice.reason] ?? 'upstreamRefused';
  if (notice?.kind === 'refused' && notice.method === 'upstream') return 'upstreamRefused';
  if (notice?.kind === 'refused' && notice.method === 'password') return 'wrongPassword';
  return notice?.kind === 'refused' && notice.method !== 'passkey' ? 'refused' : passkeyMistake(notice);
}

function confirmMistake(notice: SignIn['notice']) {
  const mistake = passkeyMistake(notice);
  return mistake === 'passkeyRefused' ? 'notConfirmed' : mistake;
}

function enrolMistake(notice: SignIn['notice']) {
  if (notice?.kind !== 'not_enrolled') return undefined;
  if (notice.reason === 'duplicate') return 'alreadyRegistered';
  if (notice.reason === 'user_unverified') return 'userUnverified';
  if (notice.reason === 'not_allowed') return 'passkeysNotAllowed';
  if (notice.reason === 'model_not_allowed') return 'modelNotAllowed';
  return notice.reason === 'too_many' ? 'tooManyPasskeys' : 'notCreated';
}

function appMistake(notice: SignIn['notice']) {
  if (notice?.kind !== 'not_enrolled') return undefined;
  const mistakes = { weak: 'passwordWeak', mismatch: 'passwordsDiffer', too_many: 'tooManyApps' } as const;
  return notice.reason in mistakes ? mistakes[notice.reason as keyof typeof mistakes] : 'appRefused';
}

function isShown(id: MethodId): id is 'passkey' | 'authenticator-app' {
  return id === 'passkey' || id === 'authenticator-app';
}

function minuteOf(at: string): string {
  return utcMinute(new Date(at));
}

const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' });

const clock = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  timeZone: 'UTC',
  timeZoneName: 'short',
});

function windowEnd(at: Date | null, now: Date): WindowEnd | null {
  if (!at) return null;
  return {
    at: at.toISOString(),
    text: clock.format(at),
    secondsLeft: Math.max(0, Math.floor((at.getTime() - now.getTime()) / 1000)),
  };
}
