/** Why an upstream was not believed: for the audit log and administrators. A page has one sentence for all of them. */
export type RefusalReason =
  // it was not asked, or did not answer as one does
  | 'address_refused'
  | 'unreachable'
  | 'answer_invalid'
  // what it says of itself
  | 'metadata_invalid'
  | 'issuer_mismatch'
  | 'endpoint_refused'
  | 'algorithms_refused'
  | 'keys_invalid'
  // what came back with the browser
  | 'response_invalid'
  | 'response_issuer'
  | 'state_mismatch'
  | 'upstream_error'
  // what the code was exchanged for
  | 'client_refused'
  | 'code_refused'
  | 'token_answer_invalid'
  | 'id_token_missing'
  // what a token of it says
  | 'token_malformed'
  | 'token_encrypted'
  | 'token_type'
  | 'algorithm'
  | 'header_refused'
  | 'key_unknown'
  | 'signature'
  | 'issuer'
  | 'audience'
  | 'authorized_party'
  | 'expired'
  | 'not_yet_valid'
  | 'issued_at'
  | 'nonce'
  | 'access_token_hash'
  | 'auth_time'
  | 'subject'
  | 'claims_invalid'
  | 'logout_event'
  | 'logout_subject'
  | 'token_id'
  // what it adds to the ID token
  | 'userinfo_invalid'
  | 'userinfo_subject'
  // an objection of a library's to what we had found nothing wrong with
  | 'protocol';

export interface Refusal {
  readonly kind: 'refused';
  readonly reason: RefusalReason;
  /** The upstream's `error`, or the code of what failed on the way there, where it is one that is known. Never its own words. */
  readonly error: string | null;
}

/** Thrown inside the room; everything it exports returns the refusal. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly reason: RefusalReason;
  readonly error: string | null;
  constructor(reason: RefusalReason, error: string | null = null) {
    super(reason);
    this.reason = reason;
    this.error = error;
  }
}

export async function orRefusal<T>(act: () => Promise<T>): Promise<T | Refusal> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof Refused) return { kind: 'refused', reason: error.reason, error: error.error };
    throw error;
  }
}

const knownErrors = [
  // RFC 6749 sections 4.1.2.1 and 5.2
  ...['invalid_request', 'invalid_client', 'invalid_grant', 'unauthorized_client', 'unsupported_grant_type'],
  ...['access_denied', 'unsupported_response_type', 'invalid_scope', 'server_error', 'temporarily_unavailable'],
  // OpenID Connect Core section 3.1.2.6, and Unmet Authentication Requirements 1.0
  ...['interaction_required', 'login_required', 'account_selection_required', 'consent_required'],
  ...['invalid_request_uri', 'invalid_request_object', 'request_not_supported', 'request_uri_not_supported'],
  ...['registration_not_supported', 'unmet_authentication_requirements'],
];

export function knownError(error: unknown): string | null {
  return typeof error === 'string' && knownErrors.includes(error) ? error : null;
}
