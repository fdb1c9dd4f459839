/** What an administrator is told of a provider before people are sent there. Holds no secret, and no word of the other side's. */
import { type Fetch, type Metadata, readKeys, readMetadata } from './metadata.ts';
import type { Provider } from './provider.ts';
import { orRefusal, type Refusal, type RefusalReason } from './refusal.ts';

export const trialChecks = [
  'discovery',
  'issuer',
  'endpoints',
  'algorithms',
  'keys',
  'pkce',
  'issInResponse',
  'client',
] as const;

export interface TrialCheck {
  readonly check: (typeof trialChecks)[number];
  /** `warning`: it works, and less is protected than could be. `skipped`: an earlier check has to succeed first. */
  readonly result: 'ok' | 'warning' | 'failed' | 'skipped';
  readonly words: string;
}

export interface TrialReport {
  /** Nothing failed and nothing was skipped. */
  readonly isUsable: boolean;
  readonly checks: readonly TrialCheck[];
}

interface Parts {
  readonly fetch: Fetch;
  readonly local: boolean;
  /** Exchanges a code that nobody was given. Fails as `collect` does. */
  readonly knowsUs: (metadata: Metadata) => Promise<void>;
}

export async function tryProvider(provider: Provider, { fetch, local, knowsUs }: Parts): Promise<TrialReport> {
  const metadata = await orRefusal(() => readMetadata(fetch, provider, local));
  if ('kind' in metadata) return reportOf(fromRefusal(metadata));
  const keys = await orRefusal(() => readKeys(fetch, metadata));
  const asked = await orRefusal(async () => {
    await knowsUs(metadata);
    return { kind: 'answered' as const };
  });
  return reportOf([
    ok('discovery', 'The metadata was read, and its certificate is trusted.'),
    ok('issuer', 'The issuer in the metadata is the one you entered.'),
    ok('endpoints', 'All addresses are https, on the issuer’s host or one that you listed.'),
    ok('algorithms', `Tokens may be signed with ${metadata.id_token_signing_alg_values_supported.join(', ')}.`),
    'kind' in keys
      ? failed('keys', wordsOf(keys))
      : ok('keys', keys.count === 1 ? 'There is one signing key.' : `There are ${keys.count} keys.`),
    metadata.code_challenge_methods_supported.includes('S256')
      ? ok('pkce', 'PKCE with S256 is supported.')
      : warning(
          'pkce',
          'The metadata does not mention PKCE with S256. It is sent; whether it is checked is not known.',
        ),
    metadata.authorization_response_iss_parameter_supported
      ? ok('issInResponse', 'Responses say which provider they come from (RFC 9207).')
      : warning(
          'issInResponse',
          'Responses do not say which provider they come from (RFC 9207). Its own callback address tells them apart.',
        ),
    clientCheck(asked),
  ]);
}

/** An answer to a code that nobody was given: that the code is wrong is said only to a client that is known. */
function clientCheck(asked: { readonly kind: 'answered' } | Refusal): TrialCheck {
  if (asked.kind === 'answered') return failed('client', 'The token endpoint accepted a code that it never gave out.');
  if (asked.reason === 'code_refused' && asked.error === 'invalid_grant') {
    return ok('client', 'The token endpoint knows our client ID and how we show who we are.');
  }
  return failed('client', wordsOf(asked));
}

function fromRefusal(refusal: Refusal): TrialCheck[] {
  const check = checkOf[refusal.reason] ?? 'discovery';
  const at = trialChecks.indexOf(check);
  return trialChecks.map((one, index) => {
    if (index === at) return failed(one, wordsOf(refusal));
    return index < at ? ok(one, 'This far it is right.') : { check: one, result: 'skipped', words: 'Not tried.' };
  });
}

const checkOf: Partial<Record<RefusalReason, TrialCheck['check']>> = {
  issuer_mismatch: 'issuer',
  endpoint_refused: 'endpoints',
  algorithms_refused: 'algorithms',
};

const words: Partial<Record<RefusalReason, string>> = {
  address_refused:
    'The address is not one that we connect to: not https, private, or written in a way that hides where it leads.',
  unreachable: 'There was no answer that could be read',
  metadata_invalid: 'The metadata is not an OpenID provider’s, or lacks the code flow with answers in the query.',
  issuer_mismatch:
    'The issuer in the metadata differs from the one you entered. They have to be equal letter by letter.',
  endpoint_refused:
    'An address in the metadata is not https, or on a host that is neither the issuer’s nor listed by you',
  algorithms_refused: 'It signs tokens with no algorithm that is accepted here.',
  keys_invalid: 'The keys cannot be used: none, too many, unreadable, or with a private half among them.',
  client_refused: 'The token endpoint does not know our client ID, or not how we show who we are.',
  code_refused: 'The token endpoint answered a wrong code with another error than invalid_grant',
  token_answer_invalid: 'The token endpoint answered in no way that the standard knows.',
};

function wordsOf({ reason, error }: Refusal): string {
  const sentence = words[reason] ?? 'The answer was refused.';
  if (sentence.endsWith('.')) return sentence;
  return error === null ? `${sentence}.` : `${sentence}: ${error}.`;
}

function reportOf(checks: readonly TrialCheck[]): TrialReport {
  return { isUsable: checks.every(({ result }) => result === 'ok' || result === 'warning'), checks };
}

function ok(check: TrialCheck['check'], words: string): TrialCheck {
  return { check, result: 'ok', words };
}

function warning(check: TrialCheck['check'], words: string): TrialCheck {
  return { check, result: 'warning', words };
}

function failed(check: TrialCheck['check'], words: string): TrialCheck {
  return { check, result: 'failed', words };
}
