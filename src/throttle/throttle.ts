/**
 * How often anybody may guess. An attempt is counted before it is judged, and given back when it was right or was not judged;
 * the counters are rows, so that all nodes count together. Keys are keyed hashes: what is typed as a name may be a secret.
 */
import { BlockList, isIPv6 } from 'node:net';
import { addMinutes } from '../core/time.ts';
import type { Work } from '../core/work.ts';

/** How many guesses of one kind are let through to verification in a window. */
export interface Limit {
  readonly most: number;
  readonly windowMinutes: number;
}

/** A limit after which every further guess has to wait, each time twice as long, up to `longestWaitMinutes`. */
export interface GrowingLimit extends Limit {
  readonly firstWaitSeconds: number;
  readonly longestWaitMinutes: number;
}

/** All guesses of all people, a minute. */
export interface OrganisationLimit {
  readonly most: number;
  /** In place of `most` while passes of fewer than `shortCode` symbols are in use. */
  readonly mostWithShortPasses: number;
  /** Failures, judged or turned away, that administrators are told of. */
  readonly alertAt: number;
}

export interface ThrottleLimits {
  /** One source (IPv4 address, IPv6 /64) against one account. */
  readonly sourceAndAccount: Limit;
  /** One source, all accounts. */
  readonly source: Limit;
  /** Recovery codes: one source against one account, beside the limit of any guess. */
  readonly recoveryCode: Limit;
  /** One account, from all sources: what is short enough to be guessed. */
  readonly account: GrowingLimit;
  readonly organisation: OrganisationLimit;
  /** Passes that one person issues. */
  readonly issuing: Limit;
  /** Wrong guesses in a row that lock a short pass, a password or the authenticator apps of a user. */
  readonly mostInARow: number;
  /** Where many people share an address: `source` is ten times as much there. */
  readonly organisationNetworks: BlockList;
}

export const defaultLimits: ThrottleLimits = {
  sourceAndAccount: { most: 5, windowMinutes: 5 },
  source: { most: 30, windowMinutes: 15 },
  recoveryCode: { most: 5, windowMinutes: 15 },
  account: { most: 10, windowMinutes: 15, firstWaitSeconds: 30, longestWaitMinutes: 60 },
  organisation: { most: 600, mostWithShortPasses: 25, alertAt: 50 },
  issuing: { most: 20, windowMinutes: 60 },
  mostInARow: 100, // NIST SP 800-63B 3.2.2
  organisationNetworks: new BlockList(),
};

const timesInOrganisationNetworks = 10;

/** Passes of fewer symbols lower the organisation's ceiling: 45 bits are not many for whoever tries all accounts at once. */
export const shortCode = 10;

/** Which limits count a guess beside those that count every guess. */
export type OwnLimit = 'account' | 'recoveryCode';

export interface Guess {
  /** The address it comes from; null when that is not known. */
  readonly ip: string | null;
  readonly account: string;
  readonly own: readonly OwnLimit[];
  /** Passes of fewer than `shortCode` symbols are in use. */
  readonly shortPasses: boolean;
}

/**
 * An attempt that was counted before it is verified; given back when it succeeds or cannot be judged. `shed`: nothing is wrong
 * with this source or account, the organisation's ceiling is reached.
 */
export type Reservation =
  | { readonly granted: true; readonly counters: readonly Counter[] }
  | { readonly granted: false; readonly retryAt: Date; readonly shed: boolean };

interface Counter {
  readonly scope: Scope;
  readonly key: Buffer;
  readonly windowEndsAt: Date;
}

type Scope = 'source-account' | 'recovery-code' | 'source' | 'account' | 'organisation';

interface Counting {
  readonly scope: Scope;
  readonly key: Buffer;
  readonly limit: Limit | GrowingLimit;
}

/**
 * Counts the attempt in every scope, or in none when one of them is full. Unknown names count like known ones. Call it last in a
 * work: the organisation's counter is one row, which attempts hold from here to the commit.
 */
export function reserve(work: Work, limits: ThrottleLimits, guess: Guess): Promise<Reservation> {
  return raiseAll(work, countingsOf(work, limits, guess));
}

/** Always in this order: two attempts that share counters never wait for each other crosswise. The one that all share is last. */
function countingsOf(work: Work, limits: ThrottleLimits, { ip, account, own, shortPasses }: Guess): Counting[] {
  const keyOf = (...parts: string[]) => work.secrets.keyedHash('throttle', ...parts);
  const source = sourceOf(ip);
  const { organisation } = limits;
  const most = shortPasses ? Math.min(organisation.most, organisation.mostWithShortPasses) : organisation.most;
  return [
    { scope: 'source-account', key: keyOf(source, account), limit: limits.sourceAndAccount },
    ...(own.includes('recoveryCode')
      ? ([
          { scope: 'recovery-code', key: keyOf('recovery-code', source, account), limit: limits.recoveryCode },
        ] as const)
      : []),
    { scope: 'source', key: keyOf(source), limit: limitOfSource(limits, ip) },
    ...(own.includes('account')
      ? ([{ scope: 'account', key: keyOf('account', account), limit: limits.account }] as const)
      : []),
    { scope: 'organisation', key: keyOf('organisation'), limit: { most, windowMinutes: 1 } },
  ];
}

function limitOfSource({ source, organisationNetworks }: ThrottleLimits, ip: string | null): Limit {
  const address = ip?.split('%')[0];
  const isOwn = address !== undefined && organisationNetworks.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
  return isOwn ? { ...source, most: source.most * timesInOrganisationNetworks } : source;
}

/** One statement. Counters that are seen to be full are not locked: a flood that is turned away does not queue for them. */
async function raiseAll(work: Work, countings: readonly Counting[]): Promise<Reservation> {
  const growing = ({ limit }: Counting) => ('firstWaitSeconds' in limit ? limit : undefined);
  const values = {
    now: work.now,
    scopes: countings.map(({ scope }) => scope),
    keys: countings.map(({ key }) => key),
    mosts: countings.map(({ limit }) => limit.most),
    windows: countings.map(({ limit }) => limit.windowMinutes),
    firstWaits: countings.map((counting) => growing(counting)?.firstWaitSeconds ?? null),
    longestWaits: countings.map((counting) => growing(counting)?.longestWaitMinutes ?? null),
  };
  // The row of a growing limit is kept a window longer than its wait, so that the count is remembered while the wait grows.
  const { rows } = await work.tx.raw<{ rows: { scope: Scope; counted: boolean; at: Date }[] }>(
    `with asked as (
       select *, window_minutes * interval '1 minute' as lasts
         from unnest(:scopes::text[], :keys::bytea[], :mosts::integer[], :windows::float8[], :firstWaits::float8[], :longestWaits::float8[])
         with ordinality as a (scope, key_hash, most, window_minutes, first_wait_seconds, longest_wait_minutes, place)),
     filled as (
       select a.scope, c.window_ends_at - case when a.first_wait_seconds is null then interval '0' else a.lasts end as retry_at
         from asked a join throttle_counters c on c.scope = a.scope and c.key_hash = a.key_hash
        where c.window_ends_at > :now and c.count >= a.most
          and (a.first_wait_seconds is null or c.window_ends_at - a.lasts > :now)),
     counted as (
       insert into throttle_counters as c (scope, key_hash, count, window_ends_at)
       select scope, key_hash, 1, :now::timestamptz + lasts from asked
        where not exists (select 1 from filled) order by place
       on conflict (scope, key_hash) do update
         set count = case when c.window_ends_at <= :now then 1 else c.count + 1 end,
             window_ends_at = case
               when c.window_ends_at <= :now then excluded.window_ends_at
               else (select case
                   when a.first_wait_seconds is null or c.count + 1 < a.most then c.window_ends_at
                   else excluded.window_ends_at + least(a.longest_wait_minutes * interval '1 minute',
                     a.first_wait_seconds * power(2, least(c.count + 1 - a.most, 20)) * interval '1 second') end
                 from asked a where a.scope = c.scope) end
         where c.window_ends_at <= :now
            or (select c.count < a.most or (a.first_wait_seconds is not null and c.window_ends_at - a.lasts <= :now)
                  from asked a where a.scope = c.scope)
       returning scope, key_hash, window_ends_at)
     select scope, true as counted, window_ends_at as at from counted
     union all
     select scope, false, retry_at from filled`,
    values as never,
  );
  const reached = new Map(rows.filter(({ counted }) => counted).map(({ scope, at }) => [scope, at]));
  const counters = countings.flatMap(({ scope, key }) => {
    const windowEndsAt = reached.get(scope);
    return windowEndsAt ? [{ scope, key, windowEndsAt }] : [];
  });
  if (counters.length === countings.length) return { granted: true, counters };
  // What was counted beside one that others filled at this very moment.
  if (counters.length > 0) await giveBack(work, counters);
  const seen = rows.filter(({ counted }) => !counted);
  const refusing = countings.filter(({ scope }) =>
    seen.length > 0 ? seen.some((row) => row.scope === scope) : !reached.has(scope),
  );
  // Of what others filled since the statement began, it cannot see the end.
  const ends = seen.length > 0 ? seen.map(({ at }) => at) : refusing.map(({ limit }) => soonestEnd(work, limit));
  const retryAt = new Date(Math.max(...ends.map((at) => at.getTime())));
  return { granted: false, retryAt, shed: refusing.every(({ scope }) => scope === 'organisation') };
}

function soonestEnd({ now }: Work, limit: Limit | GrowingLimit): Date {
  return 'firstWaitSeconds' in limit
    ? new Date(now.getTime() + limit.firstWaitSeconds * 1_000)
    : addMinutes(now, limit.windowMinutes);
}

/**
 * Takes the attempt out of the windows it was counted in; where another has begun since, nothing is due. It does not shorten a
 * wait that has begun; after a window with no guess all is forgotten.
 */
export async function giveBack(work: Work, counters: readonly Counter[]): Promise<void> {
  if (counters.length === 0) return;
  await work.tx.raw(
    `with given as (
       select c.scope, c.key_hash
         from unnest(:scopes::text[], :keys::bytea[], :ends::timestamptz[]) with ordinality as a (scope, key_hash, ends_at, place)
         join throttle_counters c on c.scope = a.scope and c.key_hash = a.key_hash
        where c.count > 0 and c.window_ends_at < a.ends_at + interval '1 millisecond' -- as exact as dates are here
        order by a.place for update of c)
     update throttle_counters c set count = c.count - 1
       from given where c.scope = given.scope and c.key_hash = given.key_hash`,
    {
      scopes: counters.map(({ scope }) => scope),
      keys: counters.map(({ key }) => key),
      ends: counters.map(({ windowEndsAt }) => windowEndsAt),
    } as never,
  );
}

/**
 * Counts a guess that was wrong or turned away. `alert` for the one that makes this a minute to tell administrators of, `mail` for
 * the first of an hour: an attack of a night is not to be hundreds of mails.
 */
export async function countFailure(
  work: Work,
  { organisation }: ThrottleLimits,
): Promise<{ readonly alert: boolean; readonly mail: boolean }> {
  const key = work.secrets.keyedHash('throttle', 'failures');
  const limit = { most: organisation.alertAt, windowMinutes: 1 };
  const raised = await raise(work, 'failures', key, limit);
  if (!raised.counted || raised.count < limit.most) return { alert: false, mail: false };
  const mailed = await raise(work, 'failures-mailed', key, { most: 1, windowMinutes: 60 });
  return { alert: true, mail: mailed.counted };
}

/** Counts one more of what somebody does; null when it is within the limit, else when the next one is. */
export async function countAgainst(work: Work, limit: Limit, who: string): Promise<Date | null> {
  const raised = await raise(work, 'issued', work.secrets.keyedHash('throttle', 'issued', who), limit);
  return raised.counted ? null : raised.retryAt;
}

type Raised = { readonly counted: true; readonly count: number } | { readonly counted: false; readonly retryAt: Date };

/** One conditional statement, so a full counter never rises; one that is seen to be full is not locked. */
async function raise(work: Work, scope: string, key: Buffer, limit: Limit): Promise<Raised> {
  const values = { scope, key, now: work.now, most: limit.most, minutes: limit.windowMinutes };
  const { rows } = await work.tx.raw<{ rows: { window_ends_at: Date; count: number | null }[] }>(
    `with filled as (
       select window_ends_at from throttle_counters
        where scope = :scope and key_hash = :key and count >= :most and window_ends_at > :now),
     counted as (
       insert into throttle_counters as c (scope, key_hash, count, window_ends_at)
       select :scope, :key::bytea, 1, :now::timestamptz + :minutes * interval '1 minute' where not exists (select 1 from filled)
       on conflict (scope, key_hash) do update
         set count = case when c.window_ends_at <= :now then 1 else c.count + 1 end,
             window_ends_at = case when c.window_ends_at <= :now then excluded.window_ends_at else c.window_ends_at end
         where c.window_ends_at <= :now or c.count < :most
       returning window_ends_at, count)
     select window_ends_at, count from counted
     union all
     select window_ends_at, null from filled`,
    values as never,
  );
  const row = rows[0];
  if (row && row.count !== null) return { counted: true, count: row.count };
  // Others made the counter, or began its window anew, and filled it since this statement began: it cannot see that window's end.
  return { counted: false, retryAt: row?.window_ends_at ?? addMinutes(work.now, limit.windowMinutes) };
}

export async function deleteEndedWindows(work: Work): Promise<number> {
  return work.tx('throttle_counters').where('window_ends_at', '<', work.now).delete();
}

/** What throttles count as one source: an IPv4 address, or the /64 an IPv6 address lies in. */
export function sourceOf(ip: string | null): string {
  if (!ip || !isIPv6(ip)) return ip ?? 'unknown';
  const [head = '', tail] = ip.split('%')[0]!.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0');
  const groups = [...left, ...zeros, ...right].slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${groups.join(':')}::/64`;
}
