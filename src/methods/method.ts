import type { Actor } from '../core/actor.ts';
import type { Origin, RunWork, Work } from '../core/work.ts';

/** The ways to sign in that exist; a new one adds its id here and a line in the registry. */
export type MethodId =
  | 'temporary-access-pass'
  | 'passkey'
  | 'upstream'
  | 'password'
  | 'authenticator-app'
  | 'recovery-code';

export interface MethodTraits {
  /** Values of RFC 8176 that a sign-in with this reports; empty when it never reaches a relying party. */
  readonly amr: readonly string[];
  /** The level it reaches on the scale of acr values. */
  readonly level: 'bootstrap' | '1f' | '2f' | 'phr' | 'phrh';
  /** It opens registration; it completes a sign-in only where its verdict says so. */
  readonly bootstrapOnly: boolean;
  /** One of two that make a sign-in together: something one knows first, then something one has. Absent: it is enough by itself. */
  readonly part?: 'first' | 'second';
}

/** What a page must ask; pages know these kinds, never the methods. */
export type Challenge =
  | { readonly kind: 'code'; readonly label: string }
  | { readonly kind: 'password' }
  | { readonly kind: 'passkey'; readonly options: object }
  /** Answered somewhere else; a departure says where. */
  | { readonly kind: 'redirect' };

/** The sign-in that asks, as far as a method may know it. */
export interface Attempt {
  /** Digest of the sign-in's id: open ceremonies belong to it. */
  readonly owner: Buffer;
  /** Digest of the browser cookie. */
  readonly browser: Buffer;
  /** The name as typed; null when nobody was named yet. */
  readonly userName: string | null;
  /** Of the name, in ASCII, or named by the app; null for neither. */
  readonly domain: string | null;
  /** Whom earlier evidence of this sign-in has shown; null when there is none. A second part is of this user. */
  readonly provenUserId: string | null;
  /** The user of the session in this browser: a code of somebody else changes nothing. */
  readonly signedInUserId: string | null;
  /** The one credential that will do: the one that was just registered. */
  readonly onlyCredentialId: string | null;
}

/** Why it was refused: for the audit log and, where the person proved enough to be told, for the page. */
export type RefusalReason =
  | 'malformed'
  | 'unknown_user'
  | 'user_disabled'
  | 'no_pass'
  | 'wrong_code'
  | 'not_yet_valid'
  | 'expired'
  | 'already_used'
  | 'other_browser'
  | 'policy'
  | 'issuer_not_allowed'
  | 'signed_in_as_other'
  | 'challenge_unknown'
  | 'wrong_password'
  | 'no_credential'
  | 'locked'
  | 'used_step'
  | 'credential_unknown'
  | 'credential_suspended'
  | 'credential_of_other'
  | 'home_realm'
  | 'upstream_unreachable'
  | 'upstream_cancelled'
  | 'upstream_refused'
  | 'identity_unknown'
  | 'name_taken'
  | 'role_held'
  | 'signature'
  | 'user_unverified'
  | 'counter_regress';

/** A sign-in that ends at a set time, whatever comes of it. What it reports is judged when it happens. */
export interface BriefSignIn {
  readonly level: MethodTraits['level'];
  readonly amr: readonly string[];
  readonly endsAt: Date;
}

export type Verdict =
  | {
      readonly verified: true;
      readonly userId: string;
      readonly credentialId: string;
      /** When what it opens ends; absent when it has no end of its own. */
      readonly endsAt?: Date;
      /** A bootstrap that was allowed more than to open registration: it signs in by itself. */
      readonly signsIn?: BriefSignIn;
      /** Of a first part: it is strong enough to be all there is, where policy lets a first part be that. */
      readonly standsAlone?: boolean;
      /** Of a sign-in elsewhere: what the session is born of and ends with (`upstream_sessions`). */
      readonly upstreamId?: string;
      /** What this very use is worth, where that is not the same each time. */
      readonly reached?: Reached;
    }
  | {
      readonly verified: false;
      readonly reason: RefusalReason;
      /** For the audit log: more of why. */
      readonly because?: Readonly<Record<string, string | null>>;
      /** As whom it would have signed in, told to whoever proved to be that. */
      readonly as?: string;
      /** Where their way in is instead, by its name for people. */
      readonly at?: string;
      readonly userId?: string | undefined;
      /** It was proved, and called lost through a pass or removed after one not long ago: its holder may say that this was not them. */
      readonly calledLost?: CalledLost | undefined;
    };

/** The level of a use, the values of RFC 8176 for it, and since when it stands if that was before: absent for now. */
export interface Reached {
  readonly level: MethodTraits['level'];
  readonly amr: readonly string[];
  readonly since?: Date;
}

export interface CalledLost {
  readonly credentialId: string;
  readonly at: Date;
  /** It was not called lost, but removed. */
  readonly removed: boolean;
}

export interface AuthenticationMethod<Candidate = unknown, Proof = unknown> {
  readonly id: MethodId;
  readonly traits: MethodTraits;
  /** A code can be guessed, a signature cannot: guessable ones are throttled before they are read. */
  readonly guessable: boolean;
  /**
   * Limits that count this answer beside those of every guess; absent: none. By what was typed alone: were it by what is stored,
   * being turned away would tell whether there is anything.
   */
  countedBy?(response: unknown): readonly ('account' | 'recoveryCode')[];
  /** Whether codes of it are in use that are so short that all guesses of all people together are limited more. */
  hasShortCodes?(work: Work): Promise<boolean>;
  challenge(work: Work, attempt: Attempt): Promise<Challenge>;
  // Verification in three parts, so that no transaction waits for a hash and nothing is spent twice.
  /** Parses, and finds what the response claims to be, or a sentinel that costs the same. */
  read(work: Work, attempt: Attempt, response: unknown): Promise<Candidate>;
  /** No database. Always run, whatever was read. Null when it proves nothing. */
  check(candidate: Candidate): Promise<Proof | null>;
  /** One conditional statement; refused when anything changed since it was read. */
  spend(work: Work, attempt: Attempt, candidate: Candidate, proof: Proof | null): Promise<Verdict>;
}

/** What an app asks for that has to be asked for elsewhere as well. */
export interface DepartureAsked {
  /** The sign-in to come back to: the interaction's uid. */
  readonly uid: string;
  /** Seconds since the person last signed in there, at most; 0 for now. Absent: whenever it was. */
  readonly maxAge?: number | undefined;
}

/**
 * A method that is answered somewhere else: the browser goes there, and what it comes back with is the response to `read`. Leaving
 * has three parts as verification has, since where it leads may have to be asked for first.
 */
export interface RemoteMethod<Candidate = unknown, Prepared = unknown> extends AuthenticationMethod {
  /** Where this attempt would lead; undefined when it leads nowhere. */
  readDeparture(work: Work, attempt: Attempt, asked: DepartureAsked): Promise<Candidate | undefined>;
  /** No database, network allowed. */
  prepareDeparture(
    candidate: Candidate,
  ): Promise<{ readonly kind: 'prepared'; readonly prepared: Prepared } | DepartureRefused>;
  /** Keeps what the answer will be compared with. The address to go to; refused when the way was closed meanwhile. */
  keepDeparture(
    work: Work,
    attempt: Attempt,
    candidate: Candidate,
    prepared: Prepared,
  ): Promise<URL | DepartureRefused>;
}

/** The way there is closed; `because` is for the audit log. */
export interface DepartureRefused {
  readonly kind: 'refused';
  readonly because: Readonly<Record<string, string | null>>;
}

export interface Enrolment {
  readonly owner: Buffer;
  readonly userId: string;
  /** The pass that opened this registration; null when the person manages their own methods. */
  readonly passId: string | null;
  /** When the registration window ends; null when there is none. */
  readonly endsAt: Date | null;
  /** Browser and system, for people to recognise the new method by. */
  readonly device: string | null;
  /** Registered by an administrator, who may name a passkey; absent when the person does it. Of a password, by what it is asked for later. */
  readonly onBehalf?: { readonly name: string | undefined; readonly operationId?: string };
}

export interface Enrolled {
  readonly credentialId: string;
  readonly name: string;
  /** The registration was a use of it as well: nothing is left to confirm. */
  readonly used?: boolean;
}

/** Why nothing was kept. `refused`: the answer proves nothing; `user_unverified`: it was made, but by anybody; `weak`: a password that is too short, too common or the user's name; `not_allowed`: policy does not let them have it. */
export type NotEnrolled =
  | 'ceremony'
  | 'duplicate'
  | 'refused'
  | 'user_unverified'
  | 'weak'
  | 'not_allowed'
  | 'model_not_allowed'
  | 'mismatch'
  | 'one_per_pass'
  | 'too_many';

export type EnrolmentVerdict =
  | { readonly enrolled: true; readonly credential: Enrolled }
  | { readonly enrolled: false; readonly reason: NotEnrolled };

/** A method that people add to their account: a pass adds one of each at most. */
export interface AddableMethod extends AuthenticationMethod {
  /** Whether the pass has added one. */
  addedThrough(work: Work, passId: string): Promise<boolean>;
}

/** A method people can register here. The same three parts as for verification. */
export interface EnrollableMethod<Candidate = unknown, Proof = unknown> extends AddableMethod {
  /** The options for the browser. `preferred` is a hint about where the person wants it to live. */
  beginEnrolment(work: Work, enrolment: Enrolment, preferred?: string): Promise<object>;
  readEnrolment(work: Work, enrolment: Enrolment, response: unknown): Promise<Candidate>;
  checkEnrolment(candidate: Candidate): Promise<Proof | null>;
  /** What a pass has added and nobody has used yet: after a false start the person goes on with that. */
  /** Whether policy lets this user have one, whoever registers it; absent: always, or the flow has asked. */
  mayHave?(work: Work, userId: string): Promise<boolean>;
  enrolledThrough(work: Work, passId: string): Promise<Enrolled | null>;
  keepEnrolment(work: Work, enrolment: Enrolment, candidate: Candidate, proof: Proof | null): Promise<EnrolmentVerdict>;
  /**
   * Takes back what a pass has added: it is removed, and the pass may add another unless it was used. False when this user has no
   * such credential. Absent where adding it is a use.
   */
  withdraw?(work: Work, userId: string, credentialId: string): Promise<boolean>;
}

/** A credential as its owner sees it. */
export interface ListedCredential {
  readonly id: string;
  readonly method: MethodId;
  readonly name: string;
  /** True when it never leaves the device it was made on. */
  readonly deviceBound: boolean;
  readonly createdAt: Date;
  readonly createdWith: string | null;
  readonly lastUsedAt: Date | null;
  readonly lastUsedWith: string | null;
  readonly suspended: boolean;
  /** Policy does not let its user sign in with it. */
  readonly refused: boolean;
  /** When and why it was suspended, where that is kept: `lost`, `administrator`, `not-me`, `counter_regress`. */
  readonly suspension?: { readonly at: Date; readonly reason: string | null } | null;
  /** The pass that added it; null or absent for none. */
  readonly passId?: string | null;
  /** What holds it, as it says itself; `model` is null for one that nobody here knows. Passkeys alone. */
  readonly authenticator?: {
    readonly aaguid: string;
    readonly model: string | null;
    /** WebAuthn's id of it, base64url. */
    readonly credentialId: string;
  };
}

/** Whether it can be signed in with, as far as it goes. */
export function works({ suspended, refused }: Pick<ListedCredential, 'suspended' | 'refused'>): boolean {
  return !suspended && !refused;
}

export interface ListableMethod extends AuthenticationMethod {
  listOf(work: Work, userId: string): Promise<readonly ListedCredential[]>;
  /** False when this user has no such credential of this method, or it has no name of its own. */
  rename(work: Work, userId: string, credentialId: string, name: string): Promise<boolean>;
  /** False when this user has no such credential of this method. Whether it may go is judged by the caller. */
  remove(work: Work, userId: string, credentialId: string): Promise<boolean>;
}

/** Why it is suspended: its owner lost it and said so in the window of a pass, or an administrator decided. */
export type Suspending =
  | { readonly reason: 'lost'; readonly passId: string; readonly containSince: Date }
  | { readonly reason: 'administrator' };

/** A method whose credentials can be put out of use without being removed. */
export interface SuspendableMethod extends ListableMethod {
  /** False when this user has no such credential, or nothing changed: an administrator's word stands above the owner's. */
  suspend(work: Work, userId: string, credentialId: string, why: Suspending): Promise<boolean>;
  /** False when it is not suspended, or `by` may not lift it: owners what they lost, nobody what may have been copied. */
  lift(work: Work, userId: string, credentialId: string, by: 'owner' | 'administrator'): Promise<boolean>;
}

/** A method whose credentials can take back what a pass did with them: called lost by somebody else. */
export interface ReclaimableMethod extends AuthenticationMethod {
  /** Whose it is, and since when something may have been added by somebody else; undefined once nothing can be taken back. */
  reclaimable(work: Work, credentialId: string): Promise<{ readonly userId: string; readonly since: Date } | undefined>;
  /** It works again. False when it could not be taken back any more. */
  reclaim(work: Work, userId: string, credentialId: string): Promise<boolean>;
}

/** How long a passkey that was called lost, or removed after a pass, opens "this was not me". */
export const reclaimHours = 72;

/** A method of many codes that are made at once and shown once, to be printed. */
export interface SheetMethod extends AddableMethod {
  /** Makes them in works of its own, since their hashes are slow; `demand` is asked in each of these before anything is done. */
  makeSheet(
    run: RunWork,
    who: { readonly actor: Actor; readonly origin: Origin },
    asked: {
      readonly userId: string;
      /** The pass that the session was born of: it makes one sheet. */
      readonly passId: string | null;
      readonly demand: (work: Work) => Promise<void>;
    },
  ): Promise<string[]>;
}

/** A method that can take from an intruder what may be theirs: the user said "this was not me". */
export interface ContainableMethod extends AuthenticationMethod {
  /**
   * Cancels what opens registration, and suspends credentials added since then but for those that are spared. The user is locked.
   * Returns their ids.
   */
  contain(work: Work, userId: string, since: Date, spared?: readonly string[]): Promise<readonly string[]>;
}

/** A method that may have something lying ready that signs somebody in: signing out everywhere cancels it. */
export interface CancellableMethod extends AuthenticationMethod {
  /** Cancels it; what was proved with it ends elsewhere. The user is locked. Returns the ids. */
  cancelLive(work: Work, userId: string): Promise<readonly string[]>;
}

/** Who somebody is elsewhere: no credential of ours, and a way in all the same. */
export interface LinkedSignIn {
  readonly id: string;
  readonly method: MethodId;
  /** Where that is, by its name for people. */
  readonly at: string;
  readonly linkedAt: Date;
  readonly lastUsedAt: Date | null;
  /** It signs its user in, as everything stands now. */
  readonly opens: boolean;
}

/** Where the people of a domain sign in: `elsewhere` they have passkeys of ours and no passwords, and `elsewhere-alone` neither. */
export type Home = 'here' | 'elsewhere' | 'elsewhere-alone';

/** A method of people who are known elsewhere. */
export interface LinkedMethod extends AuthenticationMethod {
  linksOf(
    work: Work,
    user: { readonly id: string; readonly userPrincipalName: string },
  ): Promise<readonly LinkedSignIn[]>;
  homeOf(work: Work, userName: string): Promise<Home>;
}

/** What a bootstrap opened and that still goes on. */
export interface Opened {
  /** It can be gone on with in no other browser. */
  readonly boundToBrowser: boolean;
}

/** A method that opens registration: it says whether that is still so, and is spent by the graduation. */
export interface BootstrapMethod extends AuthenticationMethod {
  /** Undefined once what it opened may not go on. */
  stillOpens(work: Work, credentialId: string): Promise<Opened | undefined>;
  /** The same, and user and bootstrap stay as they are until the work ends. */
  holdOpen(work: Work, credentialId: string): Promise<Opened | undefined>;
  /** Sessions born of it may go on, used up or not; and that stays so until the work ends. */
  holds(work: Work, credentialId: string): Promise<boolean>;
  /** It signed somebody in by itself: what may be used once is used up. */
  signedIn(work: Work, credentialId: string): Promise<void>;
  /** The registered method was used once: the bootstrap is spent. */
  graduate(work: Work, credentialId: string): Promise<void>;
}

/** The ways to sign in of this installation; the flow gets it as an argument. */
export interface MethodRegistry {
  /** In the order they are offered. */
  readonly all: readonly AuthenticationMethod[];
  get(id: string): AuthenticationMethod | undefined;
}

export function isAddable(method: AuthenticationMethod): method is AddableMethod {
  return 'addedThrough' in method;
}

export function isRemote(method: AuthenticationMethod): method is RemoteMethod {
  return 'readDeparture' in method;
}

export function isLinked(method: AuthenticationMethod): method is LinkedMethod {
  return 'linksOf' in method;
}

export function isSheet(method: AuthenticationMethod): method is SheetMethod {
  return 'makeSheet' in method;
}

export function isEnrollable(method: AuthenticationMethod): method is EnrollableMethod {
  return 'beginEnrolment' in method;
}

export function isListable(method: AuthenticationMethod): method is ListableMethod {
  return 'listOf' in method;
}

/** All that a user can be told of, of every method, in the order offered. */
export async function credentialsOf(work: Work, methods: MethodRegistry, userId: string): Promise<ListedCredential[]> {
  const credentials: ListedCredential[] = [];
  for (const method of methods.all.filter(isListable)) credentials.push(...(await method.listOf(work, userId)));
  return credentials;
}

export function isSuspendable(method: AuthenticationMethod): method is SuspendableMethod {
  return 'suspend' in method;
}

export function isReclaimable(method: AuthenticationMethod): method is ReclaimableMethod {
  return 'reclaim' in method;
}

export function isContainable(method: AuthenticationMethod): method is ContainableMethod {
  return 'contain' in method;
}

export function isCancellable(method: AuthenticationMethod): method is CancellableMethod {
  return 'cancelLive' in method;
}

export function isBootstrap(method: AuthenticationMethod): method is BootstrapMethod {
  return 'graduate' in method;
}
