import type Router from '@koa/router';
import type { Context } from 'koa';
import { AppError } from '../../core/errors.ts';
import type { Work } from '../../core/work.ts';
import {
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
import { collection, listAsked, queryOptions, selecting } from './query.ts';
import { graphDate } from './resources.ts';

/** `reports/authenticationMethods`: who has registered what. Counted when it is asked for, so that it is never behind. */
export function reportRoutes(router: Router, { issuer, run }: GraphParts, version: Version): void {
  const reports = '/reports/authenticationMethods';
  const details = `${reports}/userRegistrationDetails`;
  const contextOf = (what: string) => `${issuer}/${version}/$metadata#${what}`;
  const selectingOf = ($select: string | undefined) =>
    selecting<ReturnType<typeof detailsResource>>($select, properties);

  router.get(details, async (ctx) => {
    const options = queryOptions(ctx, version, ['$select', '$top', '$skiptoken', '$count', '$filter']);
    const asked = listAsked(options);
    const filter = options.$filter === undefined ? undefined : parseFilter(options.$filter);
    const select = selectingOf(options.$select);
    ctx.body = await run(whoOf(ctx), async (work) => {
      const page = await pageOfRegistrations(work, { ...asked, filter });
      const count = asked.counted ? await countRegistrations(work, filter) : undefined;
      const context = contextOf(`reports/authenticationMethods/userRegistrationDetails${select.context}`);
      const shown = (one: Registration) => select.cut(detailsResource(one, work.now));
      return collection(`${issuer}/${version}${details}`, context, options, page, shown, count);
    });
  });

  router.get(`${details}/:user`, async (ctx) => {
    const { $select } = queryOptions(ctx, version, ['$select']);
    const select = selectingOf($select);
    const resource = await run(whoOf(ctx), async (work) =>
      detailsResource(await readRegistration(work, ctx.params.user!), work.now),
    );
    ctx.body = {
      '@odata.context': contextOf(`reports/authenticationMethods/userRegistrationDetails${select.context}/$entity`),
      ...select.cut(resource),
    };
  });

  /** A function of Graph's, with its parameters in brackets, with empty ones, and without. */
  const summary = (name: string, answer: (work: Work, included: Included) => Promise<object>) => {
    const asked = async (ctx: Context) => {
      queryOptions(ctx, version, []);
      const included = includedIn(name, ctx.params.parameters ?? '()');
      ctx.body = await run(whoOf(ctx), (work) => answer(work, included));
    };
    router.get(`${reports}/${name}`, asked);
    router.get(`${reports}/${name}:parameters`, asked);
  };

  summary('usersRegisteredByMethod', async (work, included) => {
    const { total, counts } = await countByMethod(work, included);
    return {
      '@odata.context': contextOf('microsoft.graph.userRegistrationMethodSummary'),
      totalUserCount: total,
      userRoles: included.roles,
      userTypes: included.types,
      userRegistrationMethodCounts: counts.map(({ name, users }) => ({
        userRegistrationMethod: name,
        userCount: users,
      })),
    };
  });

  summary('usersRegisteredByFeature', async (work, included) => {
    const { total, counts } = await countByFeature(work, included);
    return {
      '@odata.context': contextOf('microsoft.graph.userRegistrationFeatureSummary'),
      totalUserCount: total,
      userRoles: included.roles,
      userTypes: included.types,
      userRegistrationFeatureCounts: counts.map(({ name, users }) => ({ feature: name, userCount: users })),
    };
  });
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

/** Every property that Graph's has; what there is none of here is false, none or empty. */
function detailsResource(one: Registration, now: Date) {
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

const properties = [
  'id',
  'userPrincipalName',
  'userDisplayName',
  'userType',
  'isAdmin',
  'isSsprRegistered',
  'isSsprEnabled',
  'isSsprCapable',
  'isMfaRegistered',
  'isMfaCapable',
  'isPasswordlessCapable',
  'methodsRegistered',
  'isSystemPreferredAuthenticationMethodEnabled',
  'systemPreferredAuthenticationMethods',
  'userPreferredMethodForSecondaryAuthentication',
  'lastUpdatedDateTime',
] as const satisfies readonly (keyof ReturnType<typeof detailsResource>)[];
