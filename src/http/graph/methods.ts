import type Router from '@koa/router';
import type { RouterContext } from '@koa/router';
import { z } from 'zod';
import { containUser } from '../../containment.ts';
import { AppError } from '../../core/errors.ts';
import type { ListedCredential } from '../../methods/method.ts';
import {
  credentialsOfKind,
  methodsOf,
  mostChallengeMinutes,
  ownMethods,
  passkeyCreationOptions,
  registerPasskeyFor,
  removeAppOf,
  changeMethodOf,
  removePasskeyOf,
} from '../../others-methods.ts';
import { passwordResetOperation, resetPassword } from '../../password-reset.ts';
import { limits } from '../parse.ts';
import { type GraphParts, type Version, whoOf } from './api.ts';
import { accepted, created, endpoints, nothing, ok, optionalProperties } from './endpoint.ts';
import {
  appResource,
  appShape,
  methodResources,
  methodShape,
  passkeyResource,
  passkeyShape,
  passwordResource,
  passwordShape,
} from './method-resources.ts';
import { graphDate, passShape } from './resources.ts';
import { contextShape, dateShape, entity, listOf } from './shape.ts';

// Clients send more than is read, `rawId` and `type` among it; what the answer holds is judged by the room of passkeys.
const newPasskey = z.strictObject({
  displayName: z.string().nullish(),
  publicKeyCredential: z.looseObject({
    id: z.string(),
    clientExtensionResults: z.record(z.string(), z.unknown()).nullish(),
    response: z.looseObject({
      clientDataJSON: z.string(),
      attestationObject: z.string(),
      transports: z.array(z.string()).nullish(),
    }),
  }),
});

const passwordAsked = z.strictObject({ newPassword: z.string().nullish() });

const methodChanges = z.strictObject({
  displayName: z.string().optional(),
  state: z.enum(['active', 'suspended']).optional(),
});

const containing = z.strictObject({
  since: z.iso.datetime({ offset: true }).nullish(),
  reason: z.string().max(500).nullish(),
});

/** What comes along when a client sends back what it read. */
function readOnlyOf({ shape }: z.ZodObject, changed: readonly string[]): string[] {
  return Object.keys(shape).filter((name) => !changed.includes(name));
}

/** Graph's, the same for everybody. */
const passwordId = '28c10230-6103-485e-b985-444c60001490';

/** What WebAuthn's `PublicKeyCredentialCreationOptionsJSON` says; browsers take it as it is. */
const optionsShape = z
  .strictObject({
    '@odata.context': contextShape,
    challengeTimeoutDateTime: dateShape,
    publicKey: z.looseObject({
      challenge: z.string(),
      rp: z.looseObject({ id: z.string(), name: z.string() }),
      user: z.looseObject({ id: z.string(), name: z.string(), displayName: z.string() }),
      pubKeyCredParams: z.array(z.looseObject({ type: z.literal('public-key'), alg: z.int() })),
    }),
  })
  .meta({ id: 'passkeyCreationOptions' });

const containedShape = z
  .strictObject({
    '@odata.context': contextShape,
    since: dateShape,
    endedMethods: z.array(z.string()),
    endedSessions: z.int(),
  })
  .meta({ id: 'containment' });

/** A password that was made here stands in this one answer. */
const resetShape = z
  .strictObject({ '@odata.context': contextShape.optional(), newPassword: z.string().optional() })
  .meta({ id: 'passwordReset' });

const operationShape = z
  .strictObject({
    id: z.string(),
    status: z.literal('succeeded'),
    statusDetail: z.null(),
    createdDateTime: dateShape,
    lastActionDateTime: dateShape,
    resourceLocation: z.string(),
  })
  .meta({ id: 'operation' });

const methodEntity = z.discriminatedUnion('@odata.type', [
  entity(passkeyShape),
  entity(appShape),
  entity(passwordShape),
  entity(passShape),
]);

/** The ways in of others: all of them, and passkeys, authenticator apps and passwords each by themselves; and a look at one's own. */
export function methodRoutes(router: Router, { issuer, run, methods }: GraphParts, version: Version): void {
  const route = endpoints(router, version, 'Sign-in methods');
  const root = '/users/:user/authentication';
  const passkeys = `${root}/fido2Methods`;

  route.get(
    `${passkeys}/creationOptions`,
    { summary: 'Get options to make a passkey for a user with', opens: ['passkeys.write'], answer: ok(optionsShape) },
    async (ctx) => {
      return answerOptions(ctx, mostChallengeMinutes);
    },
  );

  // As Graph writes a function's parameter: `creationOptions(challengeTimeoutInMinutes=5)`.
  route.get(
    `${passkeys}/creationOptions:parameters`,
    { summary: 'The same, with a challenge that lives less long', opens: ['passkeys.write'], answer: ok(optionsShape) },
    async (ctx) => {
      return answerOptions(ctx, minutesIn(ctx.params.parameters!));
    },
  );

  route.post(
    passkeys,
    {
      summary: 'Register a passkey for a user',
      opens: ['passkeys.write'],
      body: optionalProperties(newPasskey, readOnlyOf(passkeyShape, ['displayName']), limits.passkey),
      answer: created(entity(passkeyShape)),
    },
    async (ctx, { body: asked }) => {
      const { id, clientExtensionResults, response } = asked.publicKeyCredential;
      const { clientDataJSON, attestationObject, transports } = response;
      const { user, credential } = await registerPasskeyFor(run, whoOf(ctx), {
        methods,
        user: ctx.params.user!,
        name: asked.displayName ?? undefined,
        answer: {
          id,
          rawId: id,
          type: 'public-key',
          clientExtensionResults: clientExtensionResults ?? {},
          response: { clientDataJSON, attestationObject, ...(transports && { transports }) },
        },
      });
      return {
        '@odata.context': `${contextOf(user.id, 'fido2Methods')}/$entity`,
        ...passkeyResource(credential),
      };
    },
  );

  for (const kind of ['passkey', 'authenticator-app'] as const) {
    const [address, shape] = kind === 'passkey' ? [passkeys, passkeyShape] : [`${root}/softwareOathMethods`, appShape];
    route.patch(
      `${address}/:method`,
      {
        summary: `Rename, suspend or lift ${kind === 'passkey' ? 'a passkey' : 'an authenticator app'}`,
        opens: [kind === 'passkey' ? 'passkeys.write' : 'methods.write'],
        body: optionalProperties(methodChanges, readOnlyOf(shape, ['displayName', 'state'])),
        answer: nothing,
      },
      async (ctx, { body: { displayName, state } }) => {
        const { user, method: id } = ctx.params as { user: string; method: string };
        await run(whoOf(ctx), (work) => changeMethodOf(work, { methods, user, kind, id, name: displayName, state }));
      },
    );
  }

  route.post(
    `${root}/contain`,
    {
      summary: 'Secure an account: end what opens it',
      opens: ['methods.write'],
      body: optionalProperties(containing, []),
      answer: ok(containedShape),
    },
    async (ctx, { body: { since, reason } }) => {
      const done = await run(whoOf(ctx), (work) =>
        containUser(work, {
          methods,
          user: ctx.params.user!,
          since: since ? new Date(since) : undefined,
          reason: reason ?? undefined,
        }),
      );
      return {
        '@odata.context': `${issuer}/${version}/$metadata#latchkey.containment`,
        since: graphDate(done.since),
        endedMethods: done.ended,
        endedSessions: done.sessions,
      };
    },
  );

  route.delete(
    `${passkeys}/:method`,
    { summary: 'Take a passkey away', opens: ['passkeys.write'], answer: nothing },
    async (ctx) => {
      const { user, method } = ctx.params as { user: string; method: string };
      await run(whoOf(ctx), (work) => removePasskeyOf(work, { methods, user, passkeyId: method }));
    },
  );

  route.delete(
    `${root}/softwareOathMethods/:method`,
    { summary: 'Take an authenticator app away', opens: ['methods.write'], answer: nothing },
    async (ctx) => {
      const { user, method } = ctx.params as { user: string; method: string };
      await run(whoOf(ctx), (work) => removeAppOf(work, { methods, user, appId: method }));
    },
  );

  listed('passkey', 'fido2Methods', 'passkeys', passkeyShape, passkeyResource);
  listed('authenticator-app', 'softwareOathMethods', 'authenticator apps', appShape, appResource);
  listed('password', 'passwordMethods', 'password', passwordShape, passwordResource);

  /** All of one kind, and one of them. */
  function listed(
    kind: 'passkey' | 'authenticator-app' | 'password',
    address: string,
    words: string,
    shape: z.ZodObject,
    resource: (credential: ListedCredential) => Readonly<Record<string, unknown>>,
  ): void {
    const opens = [kind === 'passkey' ? 'passkeys.read' : 'methods.read'] as const;
    route.get(
      `${root}/${address}`,
      { summary: `List a user’s ${words}`, opens, answer: ok(listOf(shape)) },
      async (ctx) => {
        const found = await run(whoOf(ctx), (work) =>
          credentialsOfKind(work, { methods, user: ctx.params.user!, kind }),
        );
        return { '@odata.context': contextOf(found.user.id, address), value: found.credentials.map(resource) };
      },
    );

    route.get(
      `${root}/${address}/:method`,
      { summary: `Read one of a user’s ${words}`, opens, answer: ok(entity(shape)) },
      async (ctx) => {
        const found = await run(whoOf(ctx), (work) =>
          credentialsOfKind(work, { methods, user: ctx.params.user!, kind }),
        );
        const one = theOne(found.credentials, ctx.params.method!);
        return { '@odata.context': `${contextOf(found.user.id, address)}/$entity`, ...resource(one) };
      },
    );
  }

  route.post(
    `${root}/methods/:method/resetPassword`,
    {
      summary: 'Set a password for a user',
      opens: ['methods.write'],
      body: optionalProperties(passwordAsked, []),
      answer: accepted(resetShape),
    },
    async (ctx, { body: { newPassword } }) => {
      const { user, method } = ctx.params as { user: string; method: string };
      if (method !== passwordId) throw new AppError('not_found', 'This authentication method is no password.');
      const asked = { methods, user, newPassword: newPassword ?? undefined };
      const { userId, operationId, made } = await resetPassword(run, whoOf(ctx), asked);
      ctx.set('Location', `${issuer}/${version}/users/${userId}/authentication/operations/${operationId}`);
      const context = `${issuer}/${version}/$metadata#microsoft.graph.passwordResetResponse`;
      return made === null ? {} : { '@odata.context': context, newPassword: made };
    },
  );

  route.get(
    `${root}/operations/:operation`,
    { summary: 'Read what came of setting a password', opens: ['methods.read'], answer: ok(entity(operationShape)) },
    async (ctx) => {
      const { user: idOrName, operation } = ctx.params as { user: string; operation: string };
      const { user, doneAt } = await run(whoOf(ctx), (work) =>
        passwordResetOperation(work, { user: idOrName, operationId: operation }),
      );
      return {
        '@odata.context': `${contextOf(user.id, 'operations')}/$entity`,
        id: operation,
        status: 'succeeded' as const,
        statusDetail: null,
        createdDateTime: graphDate(doneAt),
        lastActionDateTime: graphDate(doneAt),
        resourceLocation: `${issuer}/${version}/users/${user.id}/authentication/methods/${passwordId}`,
      };
    },
  );

  route.get(
    `${root}/methods`,
    { summary: 'List a user’s sign-in methods', opens: ['methods.read'], answer: ok(listOf(methodShape)) },
    async (ctx) => {
      const { userId, resources } = await all(ctx);
      return { '@odata.context': contextOf(userId, 'methods'), value: resources };
    },
  );

  route.get(
    `${root}/methods/:method`,
    { summary: 'Read one of a user’s sign-in methods', opens: ['methods.read'], answer: ok(methodEntity) },
    async (ctx) => {
      const { userId, resources } = await all(ctx);
      const one = theOne(resources, ctx.params.method!);
      return { '@odata.context': `${contextOf(userId, 'methods')}/$entity`, ...one };
    },
  );

  route.get(
    '/me/authentication/methods',
    { summary: 'List one’s own sign-in methods', opens: ['own methods.read'], answer: ok(listOf(methodShape)) },
    async (ctx) => {
      const { userId, resources } = await own(ctx);
      return { '@odata.context': contextOf(userId, 'methods'), value: resources };
    },
  );

  route.get(
    '/me/authentication/methods/:method',
    { summary: 'Read one of one’s own sign-in methods', opens: ['own methods.read'], answer: ok(methodEntity) },
    async (ctx) => {
      const { userId, resources } = await own(ctx);
      const one = theOne(resources, ctx.params.method!);
      return { '@odata.context': `${contextOf(userId, 'methods')}/$entity`, ...one };
    },
  );

  async function answerOptions(ctx: RouterContext, minutes: number): Promise<z.output<typeof optionsShape>> {
    const { options, expiresAt } = await run(whoOf(ctx), (work) =>
      passkeyCreationOptions(work, { methods, user: ctx.params.user!, minutes }),
    );
    return {
      '@odata.context': `${issuer}/${version}/$metadata#microsoft.graph.webauthnCredentialCreationOptions`,
      challengeTimeoutDateTime: graphDate(expiresAt),
      publicKey: options as z.output<typeof optionsShape>['publicKey'],
    };
  }

  function all(ctx: RouterContext) {
    return run(whoOf(ctx), async (work) => {
      const found = await methodsOf(work, { methods, user: ctx.params.user! });
      return { userId: found.user.id, resources: methodResources(found, work.now) };
    });
  }

  function own(ctx: RouterContext) {
    return run(whoOf(ctx), async (work) => {
      const found = await ownMethods(work, methods);
      return { userId: found.user.id, resources: methodResources(found, work.now) };
    });
  }

  function contextOf(userId: string, of: string): string {
    return `${issuer}/${version}/$metadata#users('${userId}')/authentication/${of}`;
  }
}

function minutesIn(parameters: string): number {
  const minutes = Number(/^\(\s*challengeTimeoutInMinutes\s*=\s*(\d{1,3})\s*\)$/.exec(parameters)?.[1]);
  if (minutes >= 1 && minutes <= mostChallengeMinutes) return minutes;
  throw new AppError(
    'invalid_input',
    `creationOptions takes challengeTimeoutInMinutes, a whole number from 1 to ${mostChallengeMinutes}, and nothing else.`,
  );
}

function theOne<One extends { readonly id: string }>(those: readonly One[], id: string): One {
  const one = those.find((each) => each.id === id);
  if (!one) throw new AppError('not_found', 'There is no such authentication method.');
  return one;
}
