import { z } from 'zod';
import { reachableLevels } from '../assurance/levels.ts';
import { AppError } from '../core/errors.ts';
import { isLocalhost } from '../core/localhost.ts';
import { applicationPermissions, delegatedScopes } from '../roles/powers.ts';

/** Relying parties and API clients, in RFC 7591's words and a few of ours (`require_pkce`, `minimum_acr`, `first_party`, `app_roles`, `delegated_permissions`). */
export interface Client {
  /** A name that never changes, chosen here; apps are known by `clientId`. */
  readonly id: string;
  readonly clientId: string;
  readonly metadata: ClientMetadata;
  readonly appRoles: readonly string[];
  readonly createdAt: Date;
}

/** One of a client's secrets, without what is secret of it. */
export interface ClientSecret {
  readonly keyId: string;
  readonly displayName: string | null;
  /** Its first symbols; null for one that somebody made up. */
  readonly hint: string | null;
  readonly startsAt: Date;
  /** Null: until it is removed. */
  readonly expiresAt: Date | null;
}

/** Whether it proves who it is with a secret, also while it has none that is good. */
export function isConfidential({ metadata }: Pick<Client, 'metadata'>): boolean {
  return metadata.token_endpoint_auth_method !== 'none';
}

const url = z
  .string()
  .max(2048)
  .refine(isSafeUrl, 'must be an absolute URL that is not javascript:, data: or the like');

function isSafeUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  return !['javascript:', 'vbscript:', 'data:', 'blob:', 'file:', 'about:'].includes(new URL(value).protocol);
}

/** Where logout tokens go: https, or http to this machine (whether that is reached is judged when it is called). */
const logoutUrl = url.refine(
  isLogoutUrl,
  'must be an https URL without a fragment and without credentials; http is for localhost alone',
);

function isLogoutUrl(value: string): boolean {
  if (!URL.canParse(value)) return true; // said already
  const { protocol, hostname, hash, username, password } = new URL(value);
  if (hash !== '' || username !== '' || password !== '') return false;
  return (
    protocol === 'https:' ||
    (protocol === 'http:' && (isLocalhost(hostname) || ['127.0.0.1', '[::1]'].includes(hostname)))
  );
}

const metadataShape = {
  client_name: z.string().min(1).max(256).optional(),
  client_uri: url.optional(),
  initiate_login_uri: url.optional(),
  redirect_uris: z.array(url).max(100).optional(),
  post_logout_redirect_uris: z.array(url).max(100).optional(),
  grant_types: z.array(z.enum(['authorization_code', 'refresh_token', 'client_credentials'])).optional(),
  response_types: z.array(z.enum(['code', 'none'])).optional(),
  token_endpoint_auth_method: z.enum(['none', 'client_secret_basic', 'client_secret_post']).optional(),
  application_type: z.enum(['web', 'native']).optional(),
  scope: z.string().max(1024).optional(),
  delegated_permissions: z.array(z.enum(delegatedScopes as [string, ...string[]])).optional(),
  backchannel_logout_uri: logoutUrl.optional(),
  backchannel_logout_session_required: z.boolean().optional(),
  default_max_age: z.int().min(0).optional(),
  // As in `acr_values`: ones that nobody knows count for nothing.
  default_acr_values: z
    .array(z.string().regex(/^[\x21-\x7e]{1,256}$/, 'must be visible ASCII characters without spaces'))
    .max(20)
    .optional(),
  /** The client gets nothing for a weaker sign-in. */
  minimum_acr: z.enum(reachableLevels, 'must be 1f, 2f or phr: no sign-in reaches more yet').optional(),
  require_pkce: z.boolean().optional(),
} as const;

const ours = {
  app_roles: z.array(z.enum(applicationPermissions as [string, ...string[]])).optional(),
  owners: z.array(z.string()).optional(),
  first_party: z
    .boolean()
    .optional()
    .refine(
      (value) => value !== false,
      'cannot be false yet: the page that asks people for consent does not exist. Leave it out.',
    ),
} as const;

/** What a seed file or a person writes; unknown keys are refused by name. */
export const clientInput = z
  .strictObject({
    client_id: z.string().regex(/^[\x21-\x7e]{1,128}$/, 'must be 1 to 128 visible ASCII characters without spaces'),
    client_secret: z.string().min(1).max(512).optional(),
    ...ours,
    ...metadataShape,
  })
  .superRefine((client, context) => {
    for (const { name, message } of contradictions(client, client.client_secret !== undefined)) {
      context.addIssue({ code: 'custom', path: [name], message });
    }
  });

/** Properties to change; null takes one away. Its name and its secret stay what they are. */
export const clientChange = z.strictObject(nullable({ ...ours, ...metadataShape }));

export type ClientChange = z.output<typeof clientChange>;

const { owners: _notHere, ...oursByApi } = ours;

/** What the API takes of a new client: its name is chosen here, secrets and owners are added one by one. */
export const newClient = z.strictObject({ ...oursByApi, ...metadataShape });

export type NewClient = z.output<typeof newClient>;

/** The same, of a client there is. */
export const clientChangeByApi = z.strictObject(nullable({ ...oursByApi, ...metadataShape }));

function nullable<Shape extends Record<string, z.ZodType>>(shape: Shape) {
  return Object.fromEntries(Object.entries(shape).map(([name, type]) => [name, type.nullable()])) as {
    [Name in keyof Shape]: z.ZodNullable<Shape[Name]>;
  };
}

/** What does not go together, whoever wrote it: each by the property to change. */
export function contradictions(
  { token_endpoint_auth_method: method, grant_types, redirect_uris }: Partial<ClientMetadata>,
  hasSecret: boolean,
): { readonly name: string; readonly message: string }[] {
  const grants = grant_types ?? ['authorization_code'];
  const needsSecret = method !== undefined && method !== 'none' && !hasSecret;
  return [
    method === 'none' &&
      hasSecret &&
      (['client_secret', 'does not go with token_endpoint_auth_method "none"'] as const),
    needsSecret && (['client_secret', `is needed for ${method}`] as const),
    grants.includes('authorization_code') &&
      !redirect_uris?.length &&
      (['redirect_uris', 'needs at least one address for authorization_code'] as const),
    grants.includes('client_credentials') &&
      !hasSecret &&
      (['client_secret', 'is needed for client_credentials'] as const),
  ]
    .filter((found) => found !== false)
    .map(([name, message]) => ({ name, message }));
}

export type ClientInput = z.output<typeof clientInput>;
export type ClientMetadata = Omit<ClientInput, 'client_id' | 'client_secret' | 'app_roles' | 'owners'>;

/** Fills in what RFC 7591 leaves open; without `authorization_code` there is nothing to redirect to. */
export function toMetadata(input: ClientInput): ClientMetadata {
  const { client_id: _id, client_secret, app_roles: _roles, owners: _owners, ...given } = input;
  const grants = given.grant_types ?? ['authorization_code', 'refresh_token'];
  const redirects = grants.includes('authorization_code');
  return {
    ...given,
    grant_types: grants,
    response_types: given.response_types ?? (redirects ? ['code'] : []),
    redirect_uris: given.redirect_uris ?? [],
    token_endpoint_auth_method:
      given.token_endpoint_auth_method ?? (client_secret === undefined ? 'none' : 'client_secret_basic'),
    first_party: true,
  };
}

/** The metadata with the changes in it. Fails with `invalid_input` where they do not go with the rest. */
export function withChanges(client: Client, changes: ClientChange): ClientMetadata {
  const { clientId, metadata } = client;
  const hasSecret = isConfidential(client);
  const { app_roles: _roles, owners: _owners, ...named } = changes;
  // Which answers there can be follows from the grants, unless it is said.
  const follows = named.grant_types !== undefined && named.response_types === undefined;
  const merged = { ...metadata, ...(follows && { response_types: undefined }), ...named };
  const kept = Object.fromEntries(
    Object.entries(merged).filter(([, value]) => value !== null && value !== undefined),
  ) as ClientMetadata;
  const full = toMetadata({ ...kept, client_id: clientId, ...(hasSecret && { client_secret: 'kept' }) });
  const [mistake] = contradictions(full, hasSecret);
  if (mistake) throw new AppError('invalid_input', `${mistake.name} ${mistake.message}.`);
  return full;
}
