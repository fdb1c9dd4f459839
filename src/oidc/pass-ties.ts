import Provider from 'oidc-provider';

/** What a session or grant that was born of a pass hangs on. It is good for nothing when the pass holds no more. */
export interface PassTie {
  readonly passId: string;
  /** Epoch seconds; the end that the pass had when it was entered, or sooner. */
  readonly notAfter: number;
}

/** The columns of a row that make a tie. */
export interface TiedRow {
  readonly pass_id: string | null;
  /** Epoch seconds. */
  readonly not_after: number | null;
}

// The library's models keep their own fields only, so what the rows said beside them is noted with the request.
const noted = new WeakMap<object, Map<string, PassTie>>();

/** Takes note of a row that was read for the request under way; `key` is the session's uid or the grant's id. */
export function noteTie(key: string, { pass_id: passId, not_after: notAfter }: TiedRow): void {
  const ctx = Provider.ctx;
  if (!ctx || passId === null || notAfter === null) return;
  const ties = noted.get(ctx) ?? new Map<string, PassTie>();
  noted.set(ctx, ties.set(key, { passId, notAfter }));
}

/** The tie of a session or grant that this request has read; undefined when it hangs on no pass. */
export function notedTie(key: string | undefined): PassTie | undefined {
  const ctx = Provider.ctx;
  return ctx && key !== undefined ? noted.get(ctx)?.get(key) : undefined;
}

/** The tie of the session of this request: of the sign-in that it applies, or else as the session was read. */
export function sessionTie(): PassTie | undefined {
  const oidc = Provider.ctx?.oidc;
  const login = oidc?.result?.login as Partial<PassTie> | undefined;
  if (!login) return notedTie(oidc?.session?.uid);
  const { passId, notAfter } = login;
  return passId !== undefined && notAfter !== undefined ? { passId, notAfter } : undefined;
}

/** SQL: the row hangs on no pass, or on one that holds. Asked wherever a row is read, so that nothing has to be told of its end. */
export const passHolds =
  '(pass_id is null or exists (select from pass_standing where pass_standing.id = pass_id and holds))';
