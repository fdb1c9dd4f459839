import type Router from '@koa/router';
import { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import { changeIdentityProvider, deleteIdentityProvider } from '../../identity-providers.ts';
import { addProviderKey, removeProviderKey, useProviderKey } from '../../methods/upstream/manage-keys.ts';
import { createProvider, listProviders, readProvider } from '../../methods/upstream/manage-providers.ts';
import { type Provider, providerSettings } from '../../methods/upstream/provider.ts';
import { clientSecret, type ProviderChange, providerChange } from '../../methods/upstream/provider-change.ts';
import { limits } from '../parse.ts';
import { type GraphParts, parseBody, parseProperties, type Version, whoOf } from './api.ts';
import {
  identityProviderResource,
  identityProviderShape,
  keyAuthentication,
  publicKeyShape,
  secretAuthentication,
  wellKnownOf,
} from './federation-resources.ts';
import { type Body, created, endpoints, nothing, ok, properties } from './endpoint.ts';
import { entity, listOf } from './shape.ts';

const readOnly = ['createdDateTime', 'lastModifiedDateTime', 'signingKeyId'];

const keyNamed = z.strictObject({ keyId: z.string() });

const madeKeyShape = z.strictObject({ keyId: z.string(), key: publicKeyShape });

const claimName = z.string().min(1).max(100);
const asNamed = (name: string) => z.literal(name).nullish();

/** Graph's own words for what is kept otherwise here, or fixed. */
const graphOnly = {
  wellKnownEndpoint: z.string().nullish(),
  responseType: z.literal('code').nullish(),
  scope: z
    .string()
    .max(2000)
    .regex(/^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/, 'must be names with one space between them')
    .optional(),
  clientAuthentication: z
    .discriminatedUnion('@odata.type', [
      z.strictObject({
        '@odata.type': z.enum([secretAuthentication, secretAuthentication.slice(1)]),
        // Null is what was read, sent back: the secret stays.
        clientSecret: clientSecret.nullish(),
        method: z.enum(['client_secret_basic', 'client_secret_post']).optional(),
      }),
      z.strictObject({
        '@odata.type': z.enum([keyAuthentication, keyAuthentication.slice(1)]),
        jwks: z.unknown().optional(),
      }),
    ])
    .optional(),
  // Claims that nothing is taken from here may stand under their own names.
  inboundClaimMapping: z
    .strictObject({
      '@odata.type': z.string().optional(),
      sub: asNamed('sub'),
      name: claimName.nullish(),
      email: claimName.nullish(),
      email_verified: asNamed('email_verified'),
      family_name: asNamed('family_name'),
      given_name: asNamed('given_name'),
      phone_number: asNamed('phone_number'),
      phone_number_verified: asNamed('phone_number_verified'),
      address: z.unknown().optional(),
    })
    .nullish(),
};

const sentProvider = z.looseObject(graphOnly);
const ours = [
  'displayName',
  'clientId',
  'issuer',
  'endpointHosts',
  'state',
  'claims',
  'assurance',
  'ceiling',
  'createUsers',
  'endsSessionThere',
];

interface Sent {
  readonly changes: ProviderChange;
  readonly graph: z.output<typeof sentProvider>;
  readonly id: string | undefined;
}

/** As it is read in two parts: what is Graph's alone, and what is ours. */
const providerChangeBody: Body<Sent> = {
  schema: z.strictObject({ id: z.string().optional(), ...oursShape(), ...graphOnly }),
  readOnly,
  required: true,
  mostBytes: limits.json,
  read: sentIn,
};

/** These a new one needs; whether they are there is judged with everything else. */
const { displayName, issuer: theirIssuer, clientId } = providerSettings.shape;
const newProviderBody: Body<Sent> = {
  ...providerChangeBody,
  schema: z.strictObject({
    id: z.string().optional(),
    ...oursShape(),
    ...graphOnly,
    displayName,
    issuer: theirIssuer,
    clientId,
  }),
};

/** Without the defaults: they are a new provider's, and a change does not bring them back. */
function oursShape(): Record<string, z.ZodType> {
  const shape: Readonly<Record<string, z.ZodType>> = providerSettings.shape;
  const plain = (one: z.ZodType) => (one instanceof z.ZodDefault || one instanceof z.ZodPrefault ? one.unwrap() : one);
  return Object.fromEntries(ours.map((name) => [name, (plain(shape[name]!) as z.ZodType).optional()]));
}

/** `identity/identityProviders`: other OpenID providers that sign people in. For Global Administrators. */
export function identityProviderRoutes(router: Router, { issuer, run }: GraphParts, version: Version): void {
  const route = endpoints(router, version, 'Federation');
  const path = '/identity/identityProviders';
  const root = `${issuer}/${version}`;
  const context = `${root}/$metadata#identity/identityProviders`;

  route.get(
    path,
    { summary: 'List identity providers', opens: ['upstreams.read'], answer: ok(listOf(identityProviderShape)) },
    async (ctx) => {
      const found = await run(whoOf(ctx), listProviders);
      return { '@odata.context': context, value: found.map(identityProviderResource) };
    },
  );

  route.get(
    `${path}/:provider`,
    { summary: 'Read an identity provider', opens: ['upstreams.read'], answer: ok(entity(identityProviderShape)) },
    async (ctx) => {
      const found = await run(whoOf(ctx), (work) => readProvider(work, ctx.params.provider!));
      return { '@odata.context': `${context}/$entity`, ...identityProviderResource(found) };
    },
  );

  route.post(
    path,
    {
      summary: 'Add an identity provider',
      opens: ['upstreams.write'],
      body: newProviderBody,
      answer: created(entity(identityProviderShape), { located: true }),
    },
    async (ctx, { body: sent }) => {
      const changes = changesFrom(sent, undefined);
      const id = sent.id ?? slugOf(changes.displayName);
      const asked = { id, changes, clientSecret: secretIn(sent), ourIssuer: issuer };
      const made = await run(whoOf(ctx), (work) => createProvider(work, asked));
      ctx.set('location', `${root}${path}/${id}`);
      return { '@odata.context': `${context}/$entity`, ...identityProviderResource(made) };
    },
  );

  route.patch(
    `${path}/:provider`,
    { summary: 'Change an identity provider', opens: ['upstreams.write'], body: providerChangeBody, answer: nothing },
    async (ctx, { body: sent }) => {
      const id = ctx.params.provider!;
      if (sent.id !== undefined && sent.id !== id) throw new AppError('invalid_input', 'id: cannot be changed.');
      await run(whoOf(ctx), async (work) => {
        const { provider } = await readProvider(work, id);
        const changes = changesFrom(sent, provider);
        await changeIdentityProvider(work, { id, changes, clientSecret: secretIn(sent), ourIssuer: issuer });
      });
    },
  );

  route.delete(
    `${path}/:provider`,
    {
      summary: 'Take an identity provider away',
      opens: ['upstreams.write'],
      parameters: { unlink: z.enum(['true', 'false'], 'must be true or false').optional() },
      answer: nothing,
    },
    async (ctx, { parameters: { unlink } }) => {
      await run(whoOf(ctx), (work) =>
        deleteIdentityProvider(work, { id: ctx.params.provider!, unlinks: unlink === 'true' }),
      );
    },
  );

  route.post(
    `${path}/:provider/addKey`,
    {
      summary: 'Make a second key for an identity provider; it is published, and does not sign yet',
      opens: ['upstreams.write'],
      answer: ok(entity(madeKeyShape)),
    },
    async (ctx) => {
      const key = await run(whoOf(ctx), (work) => addProviderKey(work, ctx.params.provider!));
      return { '@odata.context': `${context}/$entity/addKey`, keyId: key.kid, key };
    },
  );

  route.post(
    `${path}/:provider/useKey`,
    {
      summary: 'Sign with this key of an identity provider from now on; the one before stays published',
      opens: ['upstreams.write'],
      body: properties(keyNamed, []),
      answer: nothing,
    },
    async (ctx, { body: { keyId } }) => {
      await run(whoOf(ctx), (work) => useProviderKey(work, { id: ctx.params.provider!, keyId }));
    },
  );

  route.post(
    `${path}/:provider/removeKey`,
    {
      summary: 'Take a key of an identity provider away that does not sign',
      opens: ['upstreams.write'],
      body: properties(keyNamed, []),
      answer: nothing,
    },
    async (ctx, { body: { keyId } }) => {
      await run(whoOf(ctx), (work) => removeProviderKey(work, { id: ctx.params.provider!, keyId }));
    },
  );
}

function sentIn(sent: unknown): Sent {
  const body = parseProperties(sentProvider, readOnly, sent);
  const { id, ...rest } = body;
  if (id !== undefined && typeof id !== 'string') throw new AppError('invalid_input', 'id: must be a text.');
  const stranger = Object.keys(rest).find((name) => !ours.includes(name) && !Object.hasOwn(graphOnly, name));
  if (stranger !== undefined)
    throw new AppError('invalid_input', `There is no property "${stranger.slice(0, 64)}" here.`);
  const named = Object.entries(rest).filter(([name]) => ours.includes(name));
  return { graph: body, id, changes: parseBody(providerChange, Object.fromEntries(named)) };
}

function changesFrom({ changes, graph }: Sent, before: Provider | undefined): ProviderChange {
  const { scope, clientAuthentication: shown, wellKnownEndpoint } = graph;
  const issuer = changes.issuer ?? before?.issuer;
  if (wellKnownEndpoint != null && issuer !== undefined && wellKnownEndpoint !== wellKnownOf(issuer)) {
    throw new AppError('invalid_input', `wellKnownEndpoint: is ${wellKnownOf(issuer)} for this issuer. Leave it out.`);
  }
  const claims = claimsFrom({ changes, graph }, before);
  return {
    ...changes,
    ...(claims && { claims }),
    ...(scope !== undefined && { scopes: [...new Set(['openid', ...scope.split(' ')])] }),
    ...(shown && { clientAuthentication: authenticationFrom(shown, before) }),
  };
}

function authenticationFrom(
  shown: NonNullable<Sent['graph']['clientAuthentication']>,
  before: Provider | undefined,
): Provider['clientAuthentication'] {
  if (!('clientSecret' in shown || 'method' in shown) && shown['@odata.type'].endsWith(keyAuthentication.slice(1))) {
    return 'private_key_jwt';
  }
  if ('method' in shown && shown.method) return shown.method;
  return before?.clientAuthentication === 'client_secret_post' ? 'client_secret_post' : 'client_secret_basic';
}

/** Graph's two claims over ours. Both may be sent, as they were read; then they have to agree. */
function claimsFrom(
  { changes, graph }: Pick<Sent, 'changes' | 'graph'>,
  before: Provider | undefined,
): Provider['claims'] | undefined {
  const { name, email } = graph.inboundClaimMapping ?? {};
  if (name == null && email == null) return changes.claims;
  const { claims } = changes;
  if (
    claims &&
    ((name != null && claims.displayName.claim !== name) || (email != null && claims.mail.claim !== email))
  ) {
    throw new AppError('invalid_input', 'inboundClaimMapping: says otherwise than claims. Send one of the two.');
  }
  const base = claims ?? before?.claims ?? providerSettings.shape.claims.parse(undefined);
  return {
    ...base,
    ...(name != null && { displayName: { ...base.displayName, claim: name } }),
    ...(email != null && { mail: { ...base.mail, claim: email } }),
  };
}

function secretIn({ graph: { clientAuthentication: shown } }: Sent): string | undefined {
  return shown && 'clientSecret' in shown ? (shown.clientSecret ?? undefined) : undefined;
}

/** Graph gives ids out by itself; ours stand in addresses, so a good one says whose it is. */
function slugOf(displayName: string | undefined): string {
  return (displayName ?? '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 64)
    .replace(/^-+|-+$/g, '');
}
