import type Router from '@koa/router';
import { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import type { Group } from '../../groups/group.ts';
import { countGroupsOf, pageOfGroupsOf } from '../../groups/manage-groups.ts';
import { changePerson, deletePerson } from '../../people.ts';
import {
  countUsers,
  createUser,
  pageOfUsers,
  readManager,
  readUser,
  removeManager,
  setManager,
} from '../../users/manage-users.ts';
import { type UserFilter, userNameKey, userOrders } from '../../users/user.ts';
import { type GraphParts, type Version, whoOf } from './api.ts';
import { created, endpoints, nothing, ok, properties, reference, text } from './endpoint.ts';
import { parseFilter } from './filter.ts';
import { madeOnce } from './made-once.ts';
import { collection, listAsked, type QueryOption, selecting } from './query.ts';
import { groupProperties, groupResource, groupShape, userProperties, userResource, userShape } from './resources.ts';
import { parseOrder, parseSearch } from './search.ts';
import { entity, pageOf, selected, typed } from './shape.ts';

const readOnly = ['id', 'createdDateTime'];

// What Graph's scripts send along and Latchkey does not keep. A password is neither needed nor stored, whatever it says.
const unkept = { mailNickname: z.string().max(256).nullish(), passwordProfile: z.unknown().optional() };

const newUser = z
  .strictObject({
    userPrincipalName: z.string(),
    displayName: z.string(),
    mail: z.string().nullish(),
    accountEnabled: z.boolean().nullish(),
    ...unkept,
  })
  .meta({ examples: [{ userPrincipalName: 'joiner@example.com', displayName: 'Jo Iner' }] });

const userChanges = z.strictObject({
  userPrincipalName: z.string().optional(),
  displayName: z.string().optional(),
  mail: z.string().nullable().optional(),
  accountEnabled: z.boolean().optional(),
  ...unkept,
});

/** `users`: who they are, their manager and the groups they are in. */
export function userRoutes(router: Router, { issuer, run }: GraphParts, version: Version): void {
  const route = endpoints(router, version, 'Users');
  const root = `${issuer}/${version}`;

  route.get(
    '/users',
    {
      summary: 'List users',
      opens: ['users.read'],
      query: ['$select', '$top', '$skiptoken', '$count', '$filter', '$search', '$orderby'],
      answer: ok(pageOf(selected(userShape))),
    },
    async (ctx, { options }) => {
      const asked = listAsked(options);
      const filter = userFilter(options);
      const order = parseOrder(options.$orderby, userOrders);
      const select = selecting<ReturnType<typeof userResource>>(options.$select, userProperties);
      return await run(whoOf(ctx), async (work) => {
        const page = await pageOfUsers(work, { ...asked, filter, order });
        const count = asked.counted ? await countUsers(work, filter) : undefined;
        const context = `${root}/$metadata#users${select.context}`;
        return collection(`${root}/users`, context, options, page, (user) => select.cut(userResource(user)), count);
      });
    },
  );

  route.get(
    '/users/$count',
    { summary: 'Count users', opens: ['users.read'], query: ['$filter', '$search'], answer: text },
    async (ctx, { options }) => {
      const filter = userFilter(options);
      return String(await run(whoOf(ctx), (work) => countUsers(work, filter)));
    },
  );

  route.post(
    '/users',
    {
      summary: 'Make a user',
      opens: ['users.write'],
      body: properties(newUser, readOnly),
      repeatable: true,
      answer: created(entity(userShape), { located: true }),
    },
    async (ctx, { body: asked, sent: body }) => {
      const user = await run(whoOf(ctx), (work) =>
        madeOnce(
          ctx,
          work,
          { route: 'POST /users', body },
          () => createUser(work, { ...asked, enabled: asked.accountEnabled ?? undefined }),
          (id) => readUser(work, id),
        ),
      );
      ctx.set('location', `${root}/users/${user.id}`);
      return { '@odata.context': `${root}/$metadata#users/$entity`, ...userResource(user) };
    },
  );

  route.get(
    '/users/:user',
    { summary: 'Read a user', opens: ['users.read'], query: ['$select'], answer: ok(entity(selected(userShape))) },
    async (ctx, { options: { $select } }) => {
      const select = selecting<ReturnType<typeof userResource>>($select, userProperties);
      const user = await run(whoOf(ctx), (work) => readUser(work, ctx.params.user!));
      return {
        '@odata.context': `${root}/$metadata#users${select.context}/$entity`,
        ...select.cut(userResource(user)),
      };
    },
  );

  route.patch(
    '/users/:user',
    { summary: 'Change a user', opens: ['users.write'], body: properties(userChanges, readOnly), answer: nothing },
    async (ctx, { body: asked }) => {
      const { userPrincipalName, displayName, mail, accountEnabled } = asked;
      await run(whoOf(ctx), async (work) => {
        const user = await changePerson(work, ctx.params.user!, {
          ...(displayName !== undefined && { displayName }),
          ...(mail !== undefined && { mail }),
          ...(accountEnabled !== undefined && { enabled: accountEnabled }),
        });
        if (userPrincipalName !== undefined && userNameKey(userPrincipalName) !== userNameKey(user.userPrincipalName)) {
          throw new AppError('invalid_input', 'userPrincipalName cannot be changed.');
        }
      });
    },
  );

  route.delete('/users/:user', { summary: 'Delete a user', opens: ['users.write'], answer: nothing }, async (ctx) => {
    await run(whoOf(ctx), (work) => deletePerson(work, ctx.params.user!));
  });

  route.get(
    '/users/:user/manager',
    {
      summary: 'Read a user’s manager',
      opens: ['users.read'],
      query: ['$select'],
      answer: ok(entity(typed(selected(userShape), '#microsoft.graph.user'))),
    },
    async (ctx, { options: { $select } }) => {
      const select = selecting<ReturnType<typeof userResource>>($select, userProperties);
      const manager = await run(whoOf(ctx), (work) => readManager(work, ctx.params.user!));
      return {
        '@odata.context': `${root}/$metadata#directoryObjects/$entity`,
        '@odata.type': '#microsoft.graph.user' as const,
        ...select.cut(userResource(manager)),
      };
    },
  );

  route.put(
    '/users/:user/manager/$ref',
    { summary: 'Set a user’s manager', opens: ['users.write'], body: reference, answer: nothing },
    async (ctx, { body: manager }) => {
      await run(whoOf(ctx), (work) => setManager(work, ctx.params.user!, manager));
    },
  );

  route.delete(
    '/users/:user/manager/$ref',
    { summary: 'Take a user’s manager away', opens: ['users.write'], answer: nothing },
    async (ctx) => {
      await run(whoOf(ctx), (work) => removeManager(work, ctx.params.user!));
    },
  );

  route.get(
    '/users/:user/memberOf/$count',
    { summary: 'Count the groups of a user', opens: ['users.read', 'groups.read'], answer: text },
    async (ctx) => String(await run(whoOf(ctx), (work) => countGroupsOf(work, ctx.params.user!))),
  );

  route.get(
    '/users/:user/memberOf',
    {
      summary: 'List the groups of a user',
      opens: ['users.read', 'groups.read'],
      query: ['$select', '$top', '$skiptoken', '$count'],
      answer: ok(pageOf(typed(selected(groupShape), '#microsoft.graph.group'))),
    },
    async (ctx, { options }) => {
      const asked = listAsked(options);
      const select = selecting<ReturnType<typeof groupResource>>(options.$select, groupProperties);
      const { page, count } = await run(whoOf(ctx), async (work) => ({
        page: await pageOfGroupsOf(work, ctx.params.user!, asked),
        count: asked.counted ? await countGroupsOf(work, ctx.params.user!) : undefined,
      }));
      const address = `${root}/users/${encodeURIComponent(ctx.params.user!)}/memberOf`;
      const shown = (group: Group) => ({
        '@odata.type': '#microsoft.graph.group' as const,
        ...select.cut(groupResource(group)),
      });
      return collection(address, `${root}/$metadata#directoryObjects`, options, page, shown, count);
    },
  );
}

function userFilter({ $filter, $search }: Partial<Record<QueryOption, string>>): UserFilter | undefined {
  if ($filter === undefined && $search === undefined) return undefined;
  return {
    kind: 'asked',
    filter: $filter === undefined ? undefined : parseFilter($filter),
    search: parseSearch($search),
  };
}
