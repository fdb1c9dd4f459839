/** Another OpenID provider that signs people in for us, and the domains whose people it is. */
import { z } from 'zod';

/** What an upstream may be believed to have proved at most. */
export const ceilings = ['1f', '2f', 'phr'] as const;

export type Ceiling = (typeof ceilings)[number];

/** Whose second factor counts for the people of a domain; the names are Graph's (`federatedIdpMfaBehavior`). */
export const mfaBehaviors = [
  'acceptIfMfaDoneByFederatedIdp',
  'enforceMfaByFederatedIdp',
  'rejectMfaByFederatedIdp',
] as const;

export type MfaBehavior = (typeof mfaBehaviors)[number];

/** How we show the upstream who asks: a secret it gave us, or a key made here whose public half it reads from us. */
export const clientAuthentications = ['client_secret_basic', 'client_secret_post', 'private_key_jwt'] as const;

export type ClientAuthentication = (typeof clientAuthentications)[number];

/** Algorithms that an upstream's tokens may be signed with: asymmetric ones alone, whatever its metadata lists. */
export const signingAlgorithms = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'] as const;

/** Which claim a property is taken from, and when: at each sign-in, or only when the user is made. */
const claimRule = z.strictObject({
  claim: z.string().min(1).max(100),
  refresh: z.enum(['always', 'creation']).default('always'),
});

export type ClaimRule = z.output<typeof claimRule>;

/** A rule that believes an upstream: what it says in `acr`, or one of the values of its `amr`, and what that is worth here. */
const assuranceRule = z
  .strictObject({
    acr: z.string().min(1).max(200).optional(),
    amr: z.string().min(1).max(100).optional(),
    level: z.enum(ceilings),
    /** What relying parties are told in `amr` besides that the sign-in was federated. */
    reports: z
      .array(z.string().regex(/^[a-z0-9._-]{1,40}$/))
      .max(5)
      .default([]),
  })
  .refine(({ acr, amr }) => (acr === undefined) !== (amr === undefined), 'Name acr or amr, and not both.');

export type AssuranceRule = z.output<typeof assuranceRule>;

export const providerSettings = z.strictObject({
  displayName: z.string().trim().min(1).max(100),
  /** Compared letter by letter with the metadata and with `iss`. https, or http on loopback where the issuer is local. */
  issuer: z.url({ protocol: /^https?$/ }).max(500),
  /** Hosts besides the issuer's, and those above and below it, that its endpoints may have: `keys.example.com`, `host:8443`. */
  endpointHosts: z
    .array(
      z
        .string()
        .regex(/^(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(?::\d{1,5})?$/)
        .max(260),
    )
    .max(10)
    .default([]),
  clientId: z.string().min(1).max(200),
  clientAuthentication: z.enum(clientAuthentications).default('client_secret_basic'),
  scopes: z
    .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/))
    .max(20)
    .default(['openid', 'profile', 'email'])
    .transform((scopes) => [...new Set(['openid', ...scopes])]),
  state: z.enum(['enabled', 'disabled']).default('enabled'),
  claims: z
    .strictObject({
      userPrincipalName: claimRule.default({ claim: 'preferred_username', refresh: 'creation' }),
      displayName: claimRule.default({ claim: 'name', refresh: 'always' }),
      mail: claimRule.default({ claim: 'email', refresh: 'always' }),
    })
    .prefault({}),
  /** The first that applies counts; without one the sign-in is worth a single factor. */
  assurance: z.array(assuranceRule).max(20).default([]),
  ceiling: z.enum(ceilings).default('1f'),
  /** Somebody of one of its domains whom nobody here knows is made a user, without roles. */
  createUsers: z.boolean().default(false),
  /** Signing out here ends the session there as well. */
  endsSessionThere: z.boolean().default(false),
});

export type ProviderSettings = z.output<typeof providerSettings>;

export interface Provider extends ProviderSettings {
  /** Chosen by administrators; part of the callback's address, and never changed. */
  readonly id: string;
}

/** Lower case letters, digits and dashes: it stands in addresses. */
export const providerId = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/);

export const domainSettings = z.strictObject({
  mfaBehavior: z.enum(mfaBehaviors).default('acceptIfMfaDoneByFederatedIdp'),
  /** Its people are sent on at once, without a page that offers other ways. */
  straight: z.boolean().default(false),
});

export interface FederatedDomain extends z.output<typeof domainSettings> {
  /** Lower case, in ASCII. */
  readonly name: string;
  readonly providerId: string;
}

/** What came of a sign-in there, checked: every claim that is required was there and was right. */
export interface UpstreamIdentity {
  readonly issuer: string;
  readonly sub: string;
  readonly acr: string | null;
  readonly amr: readonly string[];
  readonly authTime: Date | null;
  readonly sid: string | null;
  /** Of the ID token, and of the userinfo endpoint where its `sub` is the same. */
  readonly claims: Readonly<Record<string, unknown>>;
}
