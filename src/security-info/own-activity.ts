/** What happened to a person's account of late, as they may see it, and "this was not me" for any of it. */
import { activityOf } from '../audit/activities.ts';
import { type AuditRecord, eventAbout, eventsAbout, type FailedTries, failedTries } from '../audit/own-events.ts';

import { containFromWithin } from '../containment.ts';
import { deviceName } from '../core/device-name.ts';
import { AppError } from '../core/errors.ts';
import type { RunWork, Work } from '../core/work.ts';
import { credentialsOf, type ListedCredential, type MethodRegistry } from '../methods/method.ts';
import { provenWith } from '../oidc/own-sessions.ts';
import { freshly } from './own-methods.ts';
import { demandFresh, type Owner, ownUser, proofTooOld, who } from './owner.ts';

/** What is shown, by the type of event: sign-ins, passes, ways to sign in, and the ends of sessions. */
const shown = [
  'signed-in',
  'pass-entered',
  'recovery-code-entered',
  'pass.issued',
  'pass.extended',
  'pass.revoked',
  'pass.completed',
  'passkey.registered',
  'passkey.provisioned',
  'passkey.renamed',
  'passkey.removed',
  'passkey.suspended',
  'password.set',
  'password.changed',
  'password.reset',
  'password.removed',
  'password.locked',
  'authenticator-app.registered',
  'authenticator-app.renamed',
  'authenticator-app.removed',
  'authenticator-app.suspended',
  'recovery-codes.made',
  'recovery-codes.removed',
  'recovery-code.completed',
  'federated-identity.linked',
  'federated-identity.unlinked',
  'session.ended',
  'session.ended-elsewhere',
  'session.all-ended',
  'account.contained',
  'user.enabled',
  'user.disabled',
] as const;

export type ActivityKind = (typeof shown)[number];

export interface Activity {
  readonly id: string;
  readonly kind: ActivityKind;
  readonly at: Date;
  /** `themselves` also before they were signed in, as a pass or a passkey had shown. Nobody else is named. */
  readonly by: 'themselves' | 'administrator' | 'nobody';
  /** The app that was signed in to; our own pages by their client id. */
  readonly app: string | null;
  /** What it was proved with, as methods are called. */
  readonly proofs: readonly string[];
  /** The name of the method it was about. */
  readonly about: string | null;
  /** Where the person was, or who gave themselves out as them; null for what others did. */
  readonly device: string | null;
  readonly place: string | null;
}

const mostShown = 50;

const types = [...shown.filter((kind) => kind.includes('.')), 'sign-in.completed', 'sign-in.verified'];

// Other proofs are part of the sign-in that they led to, and whoever knows a password alone could fill the page with them.
const proofs = ['temporary-access-pass', 'recovery-code'];

export interface OwnActivity {
  readonly activities: readonly Activity[];
  readonly failed: FailedTries;
}

/** The last fifty events of 90 days. For all of this the last proof has to be fresh and strong. */
export function ownActivity(run: RunWork, methods: MethodRegistry, owner: Owner): Promise<OwnActivity> {
  return freshly(run, methods, owner, async (work) => {
    const records = await eventsAbout(work, { userId: owner.userId, types, proofs, most: mostShown });
    const activities = records.flatMap((record) => toActivity(record, owner) ?? []);
    return { activities, failed: await failedTries(work, owner.userId) };
  });
}

/** One of them, and what stopping it would suspend. Fails with `not_found`. */
export function ownActivityToStop(
  run: RunWork,
  methods: MethodRegistry,
  owner: Owner,
  id: string,
): Promise<{ activity: Activity; suspends: readonly ListedCredential[] }> {
  return freshly(run, methods, owner, async (work) => {
    const { activity, since } = await found(work, owner, id);
    const spared = await proofsOf(work, owner);
    const credentials = await credentialsOf(work, methods, owner.userId);
    const suspends = credentials.filter(
      ({ id: credentialId, method, createdAt, suspended }) =>
        method === 'recovery-code' || (!suspended && createdAt >= since && !spared.includes(credentialId)),
    );
    return { activity, suspends };
  });
}

/**
 * "This was not me", said of one of these: passes are cancelled, what was added since then is suspended, other sessions and what apps
 * got through them end. This session goes on, and what it was proved with works.
 * Fails with `not_found`, and with `unauthenticated` when the proof is too old or too weak.
 */
export function containOwn(run: RunWork, methods: MethodRegistry, owner: Owner, id: string): Promise<void> {
  return run(who(owner), async (work) => {
    await ownUser(work, owner);
    await demandFresh(work, methods, owner);
    const { since } = await found(work, owner, id);
    const { userId, sessionUid } = owner;
    // A session that another containment has ended speaks for nobody.
    const spared = async () => ({ sessionUid, credentialIds: await proofsOf(work, owner) });
    await containFromWithin(work, methods, { userId, since, spared });
  });
}

async function found(work: Work, owner: Owner, id: string): Promise<{ activity: Activity; since: Date }> {
  const record = await eventAbout(work, { userId: owner.userId, types, proofs, id });
  const activity = record && toActivity(record, owner);
  if (!activity) throw new AppError('not_found', 'There is no such event.');
  // A pass, what it added and the sign-in that came of both are one thing: it began with the first proof.
  const since = record.proofs.reduce((first, { at }) => (at < first ? at : first), record.at);
  return { activity, since };
}

/** Ended sessions speak for nobody, and one from before this was kept has to be proved anew. */
async function proofsOf(work: Work, owner: Owner): Promise<readonly string[]> {
  const proofs = await provenWith(work, { uid: owner.sessionUid, accountId: owner.userId });
  if (!proofs) throw proofTooOld();
  return proofs;
}

function toActivity(record: AuditRecord, owner: Owner): Activity | undefined {
  const kind = kindOf(record);
  if (!kind) return undefined;
  const by = doneBy(record, owner);
  const theirs = by === 'themselves';
  const { id, at, client, details, proofs } = record;
  return {
    id,
    kind,
    at,
    by,
    app: kind === 'signed-in' && client ? (client.displayName ?? client.id) : null,
    proofs: proofs.map(({ method }) => method),
    about: textOf(kind === 'session.ended' ? details.device : details.name),
    device: theirs ? deviceName(record.userAgent) : null,
    place: theirs ? record.ip : null,
  };
}

function kindOf({ type, details }: AuditRecord): ActivityKind | undefined {
  if (type === 'sign-in.completed') return 'signed-in';
  if (type !== 'sign-in.verified') return shown.find((kind) => kind === type);
  if (details.method === 'temporary-access-pass') return 'pass-entered';
  return details.method === 'recovery-code' ? 'recovery-code-entered' : undefined;
}

function doneBy({ actorKind, actor, type }: AuditRecord, owner: Owner): Activity['by'] {
  if (actorKind === 'user') return actor?.id === owner.userId ? 'themselves' : 'administrator';
  if (actorKind === 'operator' || actorKind === 'client') return 'administrator';
  return actorKind === 'anonymous' && activityOf(type).byTheirOwn ? 'themselves' : 'nobody';
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
