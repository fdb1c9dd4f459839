import { actorId } from './core/actor.ts';
import { AppError } from './core/errors.ts';
import { digest } from './core/secrets.ts';
import { addMinutes } from './core/time.ts';
import type { RunWork, Work } from './core/work.ts';
import {
  type AuthenticationMethod,
  type EnrollableMethod,
  type Enrolment,
  isLinked,
  credentialsOf,
  isListable,
  type ListableMethod,
  type ListedCredential,
  type MethodId,
  type MethodRegistry,
  type NotEnrolled,
  type SuspendableMethod,
  works,
} from './methods/method.ts';
import { needsApproval } from './methods/temporary-access-pass/approvals/manage-approvals.ts';
import { effectivePassSettings } from './methods/temporary-access-pass/effective-settings.ts';
import { currentPass, type FoundPass, ownPass } from './methods/temporary-access-pass/manage-passes.ts';
import { permit, permitOn, permitOwn, permitToSee } from './roles/permit.ts';
import type { Action } from './roles/powers.ts';
import { getUser, lockUser } from './users/manage-users.ts';
import type { User } from './users/user.ts';

/**
 * What administrators see and change of the ways in of other people, through the API. Passes have use-cases of their own; here they
 * are only listed with the rest. Taking a passkey or an app away ends no session: who wants that signs the user out as well.
 */
export interface Asked {
  readonly methods: MethodRegistry;
  /** Object id or name. */
  readonly user: string;
}

export interface FoundMethods extends FoundPass {
  readonly credentials: readonly ListedCredential[];
}

/** Everything a user has, the pass with the rest. Fails with `not_found` for an unknown user. */
export async function methodsOf(work: Work, asked: Asked): Promise<FoundMethods> {
  const user = await visible(work, 'methods.read', asked.user);
  return { ...(await currentPass(work, user.id)), credentials: await credentialsOf(work, asked.methods, user.id) };
}

/** The same for the person behind an access token. */
export async function ownMethods(work: Work, methods: MethodRegistry): Promise<FoundMethods> {
  const userId = await permitOwn(work, 'methods.read');
  return { ...(await ownPass(work)), credentials: await credentialsOf(work, methods, userId) };
}

/** What a user has of one kind. */
export async function credentialsOfKind(
  work: Work,
  { methods, user: idOrName, kind }: Asked & { readonly kind: 'passkey' | 'authenticator-app' | 'password' },
): Promise<{ user: User; credentials: readonly ListedCredential[] }> {
  const user = await visible(work, kind === 'passkey' ? 'passkeys.read' : 'methods.read', idOrName);
  return { user, credentials: await listable(methods, kind).listOf(work, user.id) };
}

/** As long as any challenge of a passkey lives. */
export const mostChallengeMinutes = 5;

/**
 * Options for a passkey that somebody else makes for the user; the answer has to come from the same caller, for the same user.
 * Fails with `forbidden` for whom a pass would take a second administrator: a passkey must not be the way round that; with
 * `invalid_input` for whom policy lets have none.
 */
export async function passkeyCreationOptions(
  work: Work,
  { methods, user: idOrName, minutes }: Asked & { readonly minutes: number },
): Promise<{ options: object; expiresAt: Date }> {
  const user = await recipient(work, methods, idOrName);
  const expiresAt = addMinutes(work.now, minutes);
  const options = await enrollable(methods).beginEnrolment(work, { ...enrolmentOf(work, user.id), endsAt: expiresAt });
  return { options, expiresAt };
}

/**
 * Registers a passkey for somebody else. The user is told. `answer` is a browser's, in WebAuthn's JSON form.
 * Fails with `invalid_input` for a challenge that is not open for this caller and user, or an answer that proves nothing; `conflict`
 * for a passkey that is registered, or one too many. The challenge is spent all the same.
 */
export async function registerPasskeyFor(
  run: RunWork,
  who: Parameters<RunWork>[0],
  { methods, user: idOrName, answer, name }: Asked & { readonly answer: object; readonly name: string | undefined },
): Promise<{ user: User; credential: ListedCredential }> {
  const method = enrollable(methods);
  const onBehalf = { name: name === undefined ? undefined : named(name) };
  const read = await run(who, async (work) => {
    const user = await recipient(work, methods, idOrName);
    const enrolment = { ...enrolmentOf(work, user.id), onBehalf };
    const response = { response: JSON.stringify(answer) };
    return { enrolment, candidate: await method.readEnrolment(work, enrolment, response) };
  });
  const proof = await method.checkEnrolment(read.candidate);
  return run(who, async (work) => {
    await lockUser(work, read.enrolment.userId);
    // Roles, policy and the user may have changed while the answer was checked.
    const user = await recipient(work, methods, read.enrolment.userId);
    const verdict = await method.keepEnrolment(work, read.enrolment, read.candidate, proof);
    if (!verdict.enrolled) throw refusalOf(verdict.reason);
    const credential = (await method.listOf(work, user.id)).find(({ id }) => id === verdict.credential.credentialId)!;
    return { user, credential };
  });
}

export interface MethodChange extends Asked {
  readonly kind: 'passkey' | 'authenticator-app';
  readonly id: string;
  readonly name?: string | undefined;
  readonly state?: 'active' | 'suspended' | undefined;
}

/**
 * Names it, puts it out of use, or lets it work again, whoever suspended it; what is so already stays as it is. The user is told.
 * Fails with `not_found`, `invalid_input` for nothing to change or a name that is empty or too long, and `conflict` for a passkey that
 * may have been copied: that one never works again.
 */
export async function changeMethodOf(work: Work, asked: MethodChange): Promise<void> {
  const { methods, kind, id, name, state } = asked;
  const user = await target(work, kind === 'passkey' ? 'passkeys.write' : 'methods.write', asked.user);
  if (name === undefined && state === undefined) {
    throw new AppError('invalid_input', 'There is nothing to change: displayName and state can be.');
  }
  const newName = name === undefined ? undefined : named(name);
  await lockUser(work, user.id);
  const method = listable(methods, kind) as SuspendableMethod;
  const credential = (await method.listOf(work, user.id)).find((one) => one.id === id);
  if (!credential) throw noSuch(kind);
  if (newName !== undefined && !(await method.rename(work, user.id, id, newName))) throw noSuch(kind);
  if (state === 'suspended') await method.suspend(work, user.id, id, { reason: 'administrator' });
  if (state !== 'active' || !credential.suspended) return;
  if (await method.lift(work, user.id, id, 'administrator')) return;
  throw new AppError('conflict', 'This passkey may have been copied, so it does not work again. Remove it.');
}

/** Also the last way in: whoever lost it needs it gone. That it was the last is recorded. Fails with `not_found`. */
export async function removePasskeyOf(work: Work, asked: Asked & { readonly passkeyId: string }): Promise<void> {
  const user = await target(work, 'passkeys.write', asked.user);
  if (await removed(work, asked.methods, { userId: user.id, kind: 'passkey', id: asked.passkeyId })) return;
  throw noSuch('passkey');
}

/** The same for an authenticator app. */
export async function removeAppOf(work: Work, asked: Asked & { readonly appId: string }): Promise<void> {
  const user = await target(work, 'methods.write', asked.user);
  if (await removed(work, asked.methods, { userId: user.id, kind: 'authenticator-app', id: asked.appId })) return;
  throw noSuch('authenticator-app');
}

function noSuch(kind: 'passkey' | 'authenticator-app'): AppError {
  const what = kind === 'passkey' ? 'passkey' : 'authenticator app';
  return new AppError('not_found', `This user has no such ${what}.`);
}

async function visible(work: Work, action: Action, idOrName: string): Promise<User> {
  await permit(work, action);
  const user = await getUser(work, idOrName);
  await permitToSee(work, action, user.id);
  return user;
}

async function target(work: Work, action: Action, idOrName: string): Promise<User> {
  await permit(work, action);
  const user = await getUser(work, idOrName);
  await permitOn(work, action, user.id);
  return user;
}

/** Somebody a passkey can be registered for without a word from anybody else. */
async function recipient(work: Work, methods: MethodRegistry, idOrName: string): Promise<User> {
  const user = await target(work, 'passkeys.write', idOrName);
  if (!((await enrollable(methods).mayHave?.(work, user.id)) ?? true)) throw refusalOf('not_allowed');
  if (await needsApproval(work, await effectivePassSettings(work, user.id), user.id)) {
    throw new AppError(
      'forbidden',
      'A pass for this user needs the word of a second administrator, so nobody can register a passkey for them alone. Ask for a pass.',
    );
  }
  return user;
}

/** Its challenges are this caller's for this user, and nobody else's. The user has nothing to recognise the caller's device by. */
function enrolmentOf({ actor }: Work, userId: string): Enrolment {
  const owner = digest(`on-behalf/${actor.kind}/${actorId(actor) ?? ''}/${userId}`);
  return { owner, userId, passId: null, endsAt: null, device: null };
}

function refusalOf(reason: NotEnrolled): AppError {
  switch (reason) {
    case 'ceremony':
      return new AppError(
        'invalid_input',
        'This challenge is not open: it has expired, was answered before, or was given to somebody else or for somebody else. Ask for new creationOptions.',
      );
    case 'duplicate':
      return new AppError('conflict', 'This passkey is registered already.');
    case 'not_allowed':
      return new AppError('invalid_input', 'The policy Fido2 does not let this user have passkeys.');
    case 'model_not_allowed':
      return new AppError('invalid_input', 'The policy Fido2 does not allow passkeys of this model (keyRestrictions).');
    case 'too_many':
      return new AppError('conflict', 'This user has as many passkeys as are allowed.');
    default:
      return new AppError('invalid_input', 'publicKeyCredential: the answer does not prove that a passkey was made.');
  }
}

function named(typed: string): string {
  const name = typed.trim();
  if (name === '' || name.length > 64) throw new AppError('invalid_input', 'displayName needs 1 to 64 characters.');
  return name;
}

async function removed(
  work: Work,
  methods: MethodRegistry,
  { userId, kind, id }: { readonly userId: string; readonly kind: MethodId; readonly id: string },
): Promise<boolean> {
  await lockUser(work, userId);
  const before = await canSignIn(work, methods, userId);
  if (!(await listable(methods, kind).remove(work, userId, id))) return false;
  if (before && !(await canSignIn(work, methods, userId))) {
    work.record({ type: 'user.last-method-removed', userId, details: { method: kind, credentialId: id } });
  }
  return true;
}

/** Whether what the user has makes a sign-in: one that is enough by itself, both parts of one, or a link that opens the account. */
async function canSignIn(work: Work, methods: MethodRegistry, userId: string): Promise<boolean> {
  const parts = new Set<'whole' | 'first' | 'second'>();
  for (const method of methods.all.filter(isListable)) {
    if (method.traits.bootstrapOnly) continue;
    const listed = await method.listOf(work, userId);
    if (listed.some(works)) parts.add(method.traits.part ?? 'whole');
  }
  if (parts.has('whole') || (parts.has('first') && parts.has('second'))) return true;
  const linked = methods.all.find(isLinked);
  return linked ? (await linked.linksOf(work, await getUser(work, userId))).some(({ opens }) => opens) : false;
}

function listable(methods: MethodRegistry, kind: MethodId): ListableMethod {
  return methods.get(kind) as AuthenticationMethod as ListableMethod;
}

function enrollable(methods: MethodRegistry): EnrollableMethod & ListableMethod {
  return methods.get('passkey') as EnrollableMethod & ListableMethod;
}
