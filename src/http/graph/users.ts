import type Router from '@koa/router';
import { z } from 'zod';
import { AppError } from '../../core/errors.ts';
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
import { limits, readJson } from '../parse.ts';
import { type GraphParts, parseProperties, referredUser, type Version, whoOf } from './api.ts';
import { parseFilter } from './filter.ts';
import { madeOnce } from './made-once.ts';
import { collection, listAsked, type QueryOption, queryOptions, selecting } from './query.ts';
import { groupProperties, groupResource, userProperties, userResource } from './resources.ts';
import { parseOrder, parseSearch } from './search.ts';

const readOnly = ['id', 'createdDateTime'];

// What Graph's scripts send along and Latchkey does not keep. A password is neither needed nor stored, whatever it says.
const unkept = { mailNickname: z.string().max(256).nullish(), passwordProfile: z.unknown().optional() };

const newUser = z.strictObject({
  userPrincipalName: z.string(),
  displayName: z.string(),
  mail: z.string().nullish(),
  accountEnabled: z.boolean().nullish(),
  ...unkept,
});

const userChanges = z.strictObject({
  userPrincipalName: z.string().optional(),
  displayName: z.string().optional(),
  mail: z.string().nullable().optional(),
  accountEnabled: z.boolean().optional(),
  ...unkept,
});

/** `users`: who they are, their manager and the groups they are in. */
export function userRoutes(router: Router, { issuer, run }: GraphParts, version: Version): void {
  const root = `${issuer}/${version}`;

  router.get('/users', async (ctx) => {
    const options = queryOptions(ctx, version, [
      '$select',
      '$top',
      '$skiptoken',
      '$count',
      '$filter',
      '$search',
      '$orderby',
    ]);
    const asked = listAsked(options);
    const filter = userFilter(options);
    const order = parseOrder(options.$orderby, userOrders);
    const select = selecting<ReturnType<typeof userResource>>(options.$select, userProperties);
    ctx.body = await run(whoOf(ctx), async (work) => {
      const page = await pageOfUsers(work, { ...asked, filter, order });
      const count = asked.counted ? await countUsers(work, filter) : undefined;
      const context = `${root}/$metadata#users${select.context}`;
      return collection(`${root}/users`, context, options, page, (user) => select.cut(userResource(user)), count);
    });
  });

  router.get('/users/$count', async (ctx) => {
    const filter = userFilter(queryOptions(ctx, version, ['$filter', '$search']));
    const count = await run(whoOf(ctx), (work) => countUsers(work, filter));
    ctx.type = 'text/plain';
    ctx.body = String(count);
  });

  router.post('/users', async (ctx) => {
    queryOptions(ctx, version, []);
    const body = await readJson(ctx.req, limits.json);
    const asked = parseProperties(newUser, readOnly, body);
    const user = await run(whoOf(ctx), (work) =>
      madeOnce(
        ctx,
        work,
        { route: 'POST /users', body },
        () => createUser(work, { ...asked, enabled: asked.accountEnabled ?? undefined }),
        (id) => readUser(work, id),
      ),
    );
    ctx.status = 201;
    ctx.set('location', `${root}/users/${user.id}`);
    ctx.body = { '@odata.context': `${root}/$metadata#users/$entity`, ...userResource(user) };
  });

  router.get('/users/:user', async (ctx) => {
    const { $select } = queryOptions(ctx, version, ['$select']);
    const select = selecting<ReturnType<typeof userResource>>($select, userProperties);
    const user = await run(whoOf(ctx), (work) => readUser(work, ctx.params.user!));
    ctx.body = {
      '@odata.context': `${root}/$metadata#users${select.context}/$entity`,
      ...select.cut(userResource(user)),
    };
  });

  router.patch('/users/:user', async (ctx) => {
    queryOptions(ctx, version, []);
    const asked = parseProperties(userChanges, readOnly, await readJson(ctx.req, limits.json));
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
    ctx.status = 204;
  });

  router.delete('/users/:user', async (ctx) => {
    queryOptions(ctx, version, []);
    await run(whoOf(ctx), (work) => deletePerson(work, ctx.params.user!));
    ctx.status = 204;
  });

  router.get('/users/:user/manager', async (ctx) => {
    const { $select } = queryOptions(ctx, version, ['$select']);
    const select = selecting<ReturnType<typeof userResource>>($select, userProperties);
    const manager = await run(whoOf(ctx), (work) => readManager(work, ctx.params.user!));
    ctx.body = {
      '@odata.context': `${root}/$metadata#directoryObjects/$entity`,
      '@odata.type': '#microsoft.graph.user',
      ...select.cut(userResource(manager)),
    };
  });

  router.put('/users/:user/manager/$ref', async (ctx) => {
    queryOptions(ctx, version, []);
    const manager = referredUser(await readJson(ctx.req, limits.json));
    await run(whoOf(ctx), (work) => setManager(work, ctx.params.user!, manager));
    ctx.status = 204;
  });

  router.delete('/users/:user/manager/$ref', async (ctx) => {
    queryOptions(ctx, version, []);
    await run(whoOf(ctx), (work) => removeManager(work, ctx.params.user!));
    ctx.status = 204;
  });

  router.get('/users/:user/memberOf/$count', async (ctx) => {
    queryOptions(ctx, version, []);
    const count = await run(whoOf(ctx), (work) => countGroupsOf(work, ctx.params.user!));
    ctx.type = 'text/plain';
    ctx.body = String(count);
  });

  router.get('/users/:user/memberOf', async (ctx) => {
    const options = queryOptions(ctx, version, ['$select', '$top', '$skiptoken']);
    const asked = listAsked(options);
    const select = selecting<ReturnType<typeof groupResource>>(options.$select, groupProperties);
    const page = await run(whoOf(ctx), (work) => pageOfGroupsOf(work, ctx.params.user!, asked));
    const address = `${root}/users/${encodeURIComponent(ctx.params.user!)}/memberOf`;
    ctx.body = collection(address, `${root}/$metadata#directoryObjects`, options, page, (group) => ({
      '@odata.type': '#microsoft.graph.group',
      ...select.cut(groupResource(group)),
    }));
  });
}

function userFilter({ $filter, $search }: Partial<Record<QueryOption, string>>): UserFilter | undefined {
  if ($filter === undefined && $search === undefined) return undefined;
  return {
    kind: 'asked',
    filter: $filter === undefined ? undefined : parseFilter($filter),
    search: parseSearch($search),
  };
}
