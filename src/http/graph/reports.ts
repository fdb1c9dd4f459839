import type Router from '@koa/router';
import { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import {
  type Counted,
  countByFeature,
  countByMethod,
  countRegistrations,
  type Included,
  includedRoles,
  includedTypes,
  pageOfRegistrations,
  readRegistration,
  type Registration,
} from '../../reports/registration-report.ts';
import { type GraphParts, type Version, whoOf } from './api.ts';
import { parseFilter } from './filter.ts';
import { endpoints, ok, type Shown } from './endpoint.ts';
import { collection, listAsked, selecting } from './query.ts';
import { graphDate } from './resources.ts';
import { dateShape, entity, pageOf, selected } from './shape.ts';

// What there is none of here is false, none or empty.
const detailsShape = z
  .strictObject({
    id: z.guid(),
    userPrincipalName: z.string(),
    userDisplayName: z.string(),
    userType: z.literal('member'),
    isAdmin: z.boolean(),
    isSsprRegistered: z.literal(false),
    isSsprEnabled: z.literal(false),
    isSsprCapable: z.literal(false),
    isMfaRegistered: z.boolean(),
    isMfaCapable: z.boolean(),
    isPasswordlessCapable: z.boolean(),
    methodsRegistered: z.array(z.string()),
    isSystemPreferredAuthenticationMethodEnabled: z.literal(false),
    systemPreferredAuthenticationMethods: z.array(z.string()).max(0),
    userPreferredMethodForSecondaryAuthentication: z.literal('none'),
    lastUpdatedDateTime: dateShape,
  })
  .meta({ id: 'userRegistrationDetails' });

const summarised = {
  totalUserCount: z.int().min(0),
  userRoles: z.enum(includedRoles),
  userTypes: z.enum(includedTypes),
};

const methodSummaryShape = z.strictObject({
  ...summarised,
  userRegistrationMethodCounts: z.array(
    z.strictObject({ userRegistrationMethod: z.string(), userCount: z.int().min(0) }),
  ),
});

const featureSummaryShape = z.strictObject({
  ...summarised,
  userRegistrationFeatureCounts: z.array(z.strictObject({ feature: z.string(), userCount: z.int().min(0) })),
});

/** `reports/authenticationMethods`: who has registered what. Counted when it is asked for, so that it is never behind. */
export function reportRoutes(router: Router, { issuer, run }: GraphParts, version: Version): void {
  const route = endpoints(router, version, 'Reports');
  const reports = '/reports/authenticationMethods';
  const details = `${reports}/userRegistrationDetails`;
  const contextOf = (what: string) => `${issuer}/${version}/$metadata#${what}`;
  const selectingOf = ($select: string | undefined) =>
    selecting<ReturnType<typeof registrationResource>>($select, properties);

  route.get(
    details,
    {
      summary: 'List who has registered what',
      opens: ['reports.read'],
      query: ['$select', '$top', '$skiptoken', '$count', '$filter'],
      answer: ok(pageOf(selected(detailsShape))),
    },
    async (ctx, { options }) => {
      const asked = listAsked(options);
      const filter = options.$filter === undefined ? undefined : parseFilter(options.$filter);
      const select = selectingOf(options.$select);
      return await run(whoOf(ctx), async (work) => {
        const page = await pageOfRegistrations(work, { ...asked, filter });
        const count = asked.counted ? await countRegistrations(work, filter) : undefined;
        const context = contextOf(`reports/authenticationMethods/userRegistrationDetails${select.context}`);
        const shown = (one: Registration) => select.cut(registrationResource(one, work.now));
        return collection(`${issuer}/${version}${details}`, context, options, page, shown, count);
      });
    },
  );

  route.get(
    `${details}/:user`,
    {
      summary: 'Read what somebody has registered',
      opens: ['reports.read'],
      query: ['$select'],
      answer: ok(entity(selected(detailsShape))),
    },
    async (ctx, { options: { $select } }) => {
      const select = selectingOf($select);
      const resource = await run(whoOf(ctx), async (work) =>
        registrationResource(await readRegistration(work, ctx.params.user!), work.now),
      );
      return {
        '@odata.context': contextOf(`reports/authenticationMethods/userRegistrationDetails${select.context}/$entity`),
        ...select.cut(resource),
      };
    },
  );

  // Functions of Graph's, with their parameters in brackets, with empty ones, and without.
  for (const parameters of ['', ':parameters']) {
    const chosen = parameters && ', of some kinds of people';

    const byMethod = 'usersRegisteredByMethod';
    route.get(
      `${reports}/${byMethod}${parameters}`,
      {
        summary: `Count who has registered each method${chosen}`,
        opens: ['reports.read'],
        answer: ok(entity(methodSummaryShape)),
      },
      async (ctx) => {
        const included = includedIn(byMethod, ctx.params.parameters ?? '()');
        const counted = await run(whoOf(ctx), (work) => countByMethod(work, included));
        return {
          '@odata.context': contextOf('microsoft.graph.userRegistrationMethodSummary'),
          ...methodCountsResource(counted, included),
        };
      },
    );

    const byFeature = 'usersRegisteredByFeature';
    route.get(
      `${reports}/${byFeature}${parameters}`,
      {
        summary: `Count who can do what${chosen}`,
        opens: ['reports.read'],
        answer: ok(entity(featureSummaryShape)),
      },
      async (ctx) => {
        const included = includedIn(byFeature, ctx.params.parameters ?? '()');
        const counted = await run(whoOf(ctx), (work) => countByFeature(work, included));
        return {
          '@odata.context': contextOf('microsoft.graph.userRegistrationFeatureSummary'),
          ...featureCountsResource(counted, included),
        };
      },
    );
  }
}

/** `(includedUserTypes='all',includedUserRoles='admin')`, in any order; what is left out is `all`. Fails with `invalid_input`. */
function includedIn(name: string, parameters: string): Included {
  const given = new Map<string, string>();
  const inside = /^\((.*)\)$/s.exec(parameters)?.[1]?.trim();
  for (const part of inside === '' ? [] : (inside?.split(',') ?? ['?'])) {
    const [, parameter, value] = /^\s*(\w+)\s*=\s*'(\w+)'\s*$/.exec(part) ?? [];
    if (!parameter || !value || given.has(parameter)) throw wrong(name);
    given.set(parameter, value);
  }
  const types = includedTypes.find((one) => one === (given.get('includedUserTypes') ?? 'all'));
  const roles = includedRoles.find((one) => one === (given.get('includedUserRoles') ?? 'all'));
  const strangers = [...given.keys()].filter((one) => one !== 'includedUserTypes' && one !== 'includedUserRoles');
  if (!types || !roles || strangers.length > 0) throw wrong(name);
  return { types, roles };
}

function wrong(name: string): AppError {
  return new AppError(
    'invalid_input',
    `${name} takes includedUserTypes='…' (${includedTypes.join(', ')}) and includedUserRoles='…' (${includedRoles.join(', ')}), and nothing else.`,
  );
}

export function methodCountsResource({ total, counts }: Counted, included: Included) {
  return {
    totalUserCount: total,
    userRoles: included.roles,
    userTypes: included.types,
    userRegistrationMethodCounts: counts.map(({ name, users }) => ({ userRegistrationMethod: name, userCount: users })),
  };
}

export function featureCountsResource({ total, counts }: Counted, included: Included) {
  return {
    totalUserCount: total,
    userRoles: included.roles,
    userTypes: included.types,
    userRegistrationFeatureCounts: counts.map(({ name, users }) => ({ feature: name, userCount: users })),
  };
}

/** Every property that Graph's has; what there is none of here is false, none or empty. */
export function registrationResource(one: Registration, now: Date): Shown<z.output<typeof detailsShape>> {
  return {
    id: one.userId,
    userPrincipalName: one.userPrincipalName,
    userDisplayName: one.displayName,
    userType: 'member',
    isAdmin: one.isAdmin,
    isSsprRegistered: false,
    isSsprEnabled: false,
    isSsprCapable: false,
    isMfaRegistered: one.isMfaRegistered,
    isMfaCapable: one.isMfaCapable,
    isPasswordlessCapable: one.isPasswordlessCapable,
    methodsRegistered: one.methods,
    isSystemPreferredAuthenticationMethodEnabled: false,
    systemPreferredAuthenticationMethods: [],
    userPreferredMethodForSecondaryAuthentication: 'none',
    lastUpdatedDateTime: graphDate(now),
  };
}

const properties = detailsShape.keyof().options;
