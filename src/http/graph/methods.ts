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
import { limits, readJson } from '../parse.ts';
import { type GraphParts, parseBody, type Version, whoOf } from './api.ts';
import { appResource, methodResources, passkeyResource, passwordResource } from './method-resources.ts';
import { queryOptions } from './query.ts';
import { graphDate } from './resources.ts';

// Clients send more than is read, `rawId` and `type` among it; what the answer holds is judged by the room of passkeys.
const newPasskey = z.looseObject({
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

const passwordAsked = z.looseObject({ newPassword: z.string().nullish() });

const methodChanges = z.looseObject({
  displayName: z.string().optional(),
  state: z.enum(['active', 'suspended']).optional(),
});

const containing = z.looseObject({
  since: z.iso.datetime({ offset: true }).nullish(),
  reason: z.string().max(500).nullish(),
});

/** Graph's, the same for everybody. */
const passwordId = '28c10230-6103-485e-b985-444c60001490';

interface KindOfMethod {
  readonly kind: 'passkey' | 'authenticator-app' | 'password';
  readonly address: string;
  readonly resource: (credential: ListedCredential) => object;
}

const kinds: readonly KindOfMethod[] = [
  { kind: 'passkey', address: 'fido2Methods', resource: passkeyResource },
  { kind: 'authenticator-app', address: 'softwareOathMethods', resource: appResource },
  { kind: 'password', address: 'passwordMethods', resource: passwordResource },
];

/** The ways in of others: all of them, and passkeys, authenticator apps and passwords each by themselves; and a look at one's own. */
export function methodRoutes(router: Router, { issuer, run, methods }: GraphParts, version: Version): void {
  const root = '/users/:user/authentication';
  const passkeys = `${root}/fido2Methods`;

  router.get(`${passkeys}/creationOptions`, async (ctx) => {
    queryOptions(ctx, version, []);
    await answerOptions(ctx, mostChallengeMinutes);
  });

  // As Graph writes a function's parameter: `creationOptions(challengeTimeoutInMinutes=5)`.
  router.get(`${passkeys}/creationOptions:parameters`, async (ctx) => {
    queryOptions(ctx, version, []);
    await answerOptions(ctx, minutesIn(ctx.params.parameters!));
  });

  router.post(passkeys, async (ctx) => {
    queryOptions(ctx, version, []);
    const asked = parseBody(newPasskey, (await readJson(ctx.req, limits.passkey)) ?? {});
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
    ctx.status = 201;
    ctx.body = {
      '@odata.context': `${contextOf(user.id, 'fido2Methods')}/$entity`,
      ...passkeyResource(credential),
    };
  });

  for (const kind of ['passkey', 'authenticator-app'] as const) {
    const address = kind === 'passkey' ? passkeys : `${root}/softwareOathMethods`;
    router.patch(`${address}/:method`, async (ctx) => {
      queryOptions(ctx, version, []);
      const { displayName, state } = parseBody(methodChanges, (await readJson(ctx.req, limits.json)) ?? {});
      const { user, method: id } = ctx.params as { user: string; method: string };
      await run(whoOf(ctx), (work) => changeMethodOf(work, { methods, user, kind, id, name: displayName, state }));
      ctx.status = 204;
    });
  }

  router.post(`${root}/contain`, async (ctx) => {
    queryOptions(ctx, version, []);
    const { since, reason } = parseBody(containing, (await readJson(ctx.req, limits.json)) ?? {});
    const done = await run(whoOf(ctx), (work) =>
      containUser(work, {
        methods,
        user: ctx.params.user!,
        since: since ? new Date(since) : undefined,
        reason: reason ?? undefined,
      }),
    );
    ctx.body = {
      '@odata.context': `${issuer}/${version}/$metadata#latchkey.containment`,
      since: graphDate(done.since),
      endedMethods: done.ended,
      endedSessions: done.sessions,
    };
  });

  router.delete(`${passkeys}/:method`, async (ctx) => {
    queryOptions(ctx, version, []);
    const { user, method } = ctx.params as { user: string; method: string };
    await run(whoOf(ctx), (work) => removePasskeyOf(work, { methods, user, passkeyId: method }));
    ctx.status = 204;
  });

  router.delete(`${root}/softwareOathMethods/:method`, async (ctx) => {
    queryOptions(ctx, version, []);
    const { user, method } = ctx.params as { user: string; method: string };
    await run(whoOf(ctx), (work) => removeAppOf(work, { methods, user, appId: method }));
    ctx.status = 204;
  });

  for (const { kind, address, resource } of kinds) {
    router.get(`${root}/${address}`, async (ctx) => {
      queryOptions(ctx, version, []);
      const found = await run(whoOf(ctx), (work) => credentialsOfKind(work, { methods, user: ctx.params.user!, kind }));
      ctx.body = { '@odata.context': contextOf(found.user.id, address), value: found.credentials.map(resource) };
    });

    router.get(`${root}/${address}/:method`, async (ctx) => {
      queryOptions(ctx, version, []);
      const found = await run(whoOf(ctx), (work) => credentialsOfKind(work, { methods, user: ctx.params.user!, kind }));
      const one = theOne(found.credentials, ctx.params.method!);
      ctx.body = { '@odata.context': `${contextOf(found.user.id, address)}/$entity`, ...resource(one) };
    });
  }

  router.post(`${root}/methods/:method/resetPassword`, async (ctx) => {
    queryOptions(ctx, version, []);
    const { user, method } = ctx.params as { user: string; method: string };
    if (method !== passwordId) throw new AppError('not_found', 'This authentication method is no password.');
    const { newPassword } = parseBody(passwordAsked, (await readJson(ctx.req, limits.json)) ?? {});
    const asked = { methods, user, newPassword: newPassword ?? undefined };
    const { userId, operationId, made } = await resetPassword(run, whoOf(ctx), asked);
    ctx.status = 202;
    ctx.set('Location', `${issuer}/${version}/users/${userId}/authentication/operations/${operationId}`);
    const context = `${issuer}/${version}/$metadata#microsoft.graph.passwordResetResponse`;
    ctx.body = made === null ? {} : { '@odata.context': context, newPassword: made };
  });

  router.get(`${root}/operations/:operation`, async (ctx) => {
    queryOptions(ctx, version, []);
    const { user: idOrName, operation } = ctx.params as { user: string; operation: string };
    const { user, doneAt } = await run(whoOf(ctx), (work) =>
      passwordResetOperation(work, { user: idOrName, operationId: operation }),
    );
    ctx.body = {
      '@odata.context': `${contextOf(user.id, 'operations')}/$entity`,
      id: operation,
      status: 'succeeded',
      statusDetail: null,
      createdDateTime: graphDate(doneAt),
      lastActionDateTime: graphDate(doneAt),
      resourceLocation: `${issuer}/${version}/users/${user.id}/authentication/methods/${passwordId}`,
    };
  });

  router.get(`${root}/methods`, async (ctx) => {
    queryOptions(ctx, version, []);
    const { userId, resources } = await all(ctx);
    ctx.body = { '@odata.context': contextOf(userId, 'methods'), value: resources };
  });

  router.get(`${root}/methods/:method`, async (ctx) => {
    queryOptions(ctx, version, []);
    const { userId, resources } = await all(ctx);
    const one = theOne(resources, ctx.params.method!);
    ctx.body = { '@odata.context': `${contextOf(userId, 'methods')}/$entity`, ...one };
  });

  router.get('/me/authentication/methods', async (ctx) => {
    queryOptions(ctx, version, []);
    const { userId, resources } = await own(ctx);
    ctx.body = { '@odata.context': contextOf(userId, 'methods'), value: resources };
  });

  router.get('/me/authentication/methods/:method', async (ctx) => {
    queryOptions(ctx, version, []);
    const { userId, resources } = await own(ctx);
    const one = theOne(resources, ctx.params.method!);
    ctx.body = { '@odata.context': `${contextOf(userId, 'methods')}/$entity`, ...one };
  });

  async function answerOptions(ctx: RouterContext, minutes: number): Promise<void> {
    const { options, expiresAt } = await run(whoOf(ctx), (work) =>
      passkeyCreationOptions(work, { methods, user: ctx.params.user!, minutes }),
    );
    ctx.body = {
      '@odata.context': `${issuer}/${version}/$metadata#microsoft.graph.webauthnCredentialCreationOptions`,
      challengeTimeoutDateTime: graphDate(expiresAt),
      publicKey: options,
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
