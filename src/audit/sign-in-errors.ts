/** How a sign-in ended, as a number: Entra's where it means the same thing, from 2,000,001 on where it has none. */
interface SignInError {
  readonly code: number;
  readonly words: string;
}

const invalid: SignInError = { code: 50126, words: 'Invalid credentials: the answer could not be verified.' };

const ended: Readonly<Record<string, SignInError>> = {
  'sign-in.completed': { code: 0, words: 'Other.' },
  'sign-in.throttled': { code: 50053, words: 'Sign-in was blocked: too many attempts.' },
  'sign-in.cancelled': { code: 2_000_001, words: 'The person cancelled the sign-in.' },
};

/** By the reason of `sign-in.refused`; any other reason is `invalid`. */
const refused: Readonly<Record<string, SignInError>> = {
  unknown_user: { code: 50034, words: 'The user account does not exist.' },
  user_disabled: { code: 50057, words: 'The user account is disabled.' },
  wrong_code: { code: 130503, words: 'The Temporary Access Pass is incorrect.' },
  locked: { code: 50053, words: 'The method is locked: too many wrong answers in a row.' },
  expired: { code: 130504, words: 'The Temporary Access Pass has expired.' },
  no_pass: { code: 2_000_002, words: 'The user has no Temporary Access Pass.' },
  not_yet_valid: { code: 2_000_003, words: 'The Temporary Access Pass is not valid yet.' },
  already_used: { code: 2_000_004, words: 'The Temporary Access Pass was used already.' },
  other_browser: { code: 2_000_005, words: 'The one-time Temporary Access Pass is in use in another browser.' },
  policy: { code: 2_000_006, words: 'Temporary Access Pass sign in was blocked due to User Credential Policy.' },
  issuer_not_allowed: {
    code: 2_000_007,
    words: 'Who issued the Temporary Access Pass may no longer act on this user.',
  },
  signed_in_as_other: { code: 2_000_008, words: 'Somebody else is signed in in this browser.' },
  challenge_unknown: { code: 2_000_009, words: 'The passkey ceremony is unknown or took too long.' },
  credential_unknown: { code: 2_000_010, words: 'The passkey is not registered here.' },
  credential_suspended: { code: 2_000_011, words: 'The sign-in method is suspended.' },
  credential_of_other: { code: 2_000_012, words: 'The passkey belongs to another account.' },
  counter_regress: { code: 2_000_013, words: 'The counter of the passkey went back: it may have been copied.' },
  home_realm: { code: 2_000_014, words: 'People of this domain sign in at their own identity provider.' },
  upstream_unreachable: { code: 2_000_015, words: 'The identity provider could not be reached, or not be read.' },
  upstream_cancelled: { code: 2_000_016, words: 'The person did not finish signing in at the identity provider.' },
  upstream_refused: { code: 2_000_017, words: 'What the identity provider answered was not believed.' },
  identity_unknown: { code: 2_000_018, words: 'Nobody here is linked with that identity.' },
  name_taken: { code: 2_000_019, words: 'The identity is not linked, and a user of that name exists.' },
  role_held: { code: 2_000_020, words: 'The user holds a role, and the link was not allowed for that.' },
};

export function signInError(type: string, reason: string | null): SignInError {
  return ended[type] ?? (Object.hasOwn(refused, reason ?? '') ? refused[reason!]! : invalid);
}

/** The same as an expression over a row of `audit_events`. It is made of the constants above alone. */
export const signInErrorSql = `case ${cases('e.type', ended)} else case ${cases('e.reason', refused)} else ${invalid.code} end end`;

function cases(of: string, errors: Readonly<Record<string, SignInError>>): string {
  return Object.entries(errors)
    .map(([name, { code }]) => `when ${of} = '${name}' then ${code}`)
    .join(' ');
}
