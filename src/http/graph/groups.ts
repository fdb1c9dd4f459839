import type Router from '@koa/router';
import { z } from 'zod';
import { type GroupFilter, groupOrders } from '../../groups/group.ts';
import {
  addMember,
  countGroups,
  countMembers,
  createGroup,
  deleteGroup,
  pageOfGroups,
  pageOfMembers,
  readGroup,
  removeMember,
  changeGroup,
} from '../../groups/manage-groups.ts';
import { limits, readJson } from '../parse.ts';
import { type GraphParts, parseProperties, referredUser, type Version, whoOf } from './api.ts';
import { parseFilter } from './filter.ts';
import { madeOnce } from './made-once.ts';
import { collection, listAsked, type QueryOption, queryOptions, selecting } from './query.ts';
import { groupProperties, groupResource, userProperties, userResource } from './resources.ts';
import { parseOrder, parseSearch } from './search.ts';

const readOnly = ['id', 'createdDateTime'];

// Graph demands these of a new group. Here there is one kind, so one value of each is taken.
const kind = {
  mailEnabled: z.literal(false).nullish(),
  securityEnabled: z.literal(true).nullish(),
  groupTypes: z.array(z.unknown()).max(0).nullish(),
  mailNickname: z.string().max(256).nullish(),
};

const newGroup = z.strictObject({ displayName: z.string(), ...kind });

const groupChanges = z.strictObject({ displayName: z.string().optional(), ...kind });

/** `groups` and who is in them. */
export function groupRoutes(router: Router, { issuer, run }: GraphParts, version: Version): void {
  const root = `${issuer}/${version}`;

  router.get('/groups', async (ctx) => {
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
    const filter = groupFilter(options);
    const order = parseOrder(options.$orderby, groupOrders);
    const select = selecting<ReturnType<typeof groupResource>>(options.$select, groupProperties);
    ctx.body = await run(whoOf(ctx), async (work) => {
      const page = await pageOfGroups(work, { ...asked, filter, order });
      const count = asked.counted ? await countGroups(work, filter) : undefined;
      const context = `${root}/$metadata#groups${select.context}`;
      return collection(`${root}/groups`, context, options, page, (group) => select.cut(groupResource(group)), count);
    });
  });

  router.post('/groups', async (ctx) => {
    queryOptions(ctx, version, []);
    const body = await readJson(ctx.req, limits.json);
    const asked = parseProperties(newGroup, readOnly, body);
    const group = await run(whoOf(ctx), (work) =>
      madeOnce(
        ctx,
        work,
        { route: 'POST /groups', body },
        () => createGroup(work, asked),
        (id) => readGroup(work, id),
      ),
    );
    ctx.status = 201;
    ctx.set('location', `${root}/groups/${group.id}`);
    ctx.body = { '@odata.context': `${root}/$metadata#groups/$entity`, ...groupResource(group) };
  });

  router.get('/groups/$count', async (ctx) => {
    const filter = groupFilter(queryOptions(ctx, version, ['$filter', '$search']));
    const count = await run(whoOf(ctx), (work) => countGroups(work, filter));
    ctx.type = 'text/plain';
    ctx.body = String(count);
  });

  router.get('/groups/:group', async (ctx) => {
    const { $select } = queryOptions(ctx, version, ['$select']);
    const select = selecting<ReturnType<typeof groupResource>>($select, groupProperties);
    const group = await run(whoOf(ctx), (work) => readGroup(work, ctx.params.group!));
    ctx.body = {
      '@odata.context': `${root}/$metadata#groups${select.context}/$entity`,
      ...select.cut(groupResource(group)),
    };
  });

  router.patch('/groups/:group', async (ctx) => {
    queryOptions(ctx, version, []);
    const { displayName } = parseProperties(groupChanges, readOnly, await readJson(ctx.req, limits.json));
    await run(whoOf(ctx), (work) => changeGroup(work, ctx.params.group!, { displayName }));
    ctx.status = 204;
  });

  router.delete('/groups/:group', async (ctx) => {
    queryOptions(ctx, version, []);
    await run(whoOf(ctx), (work) => deleteGroup(work, ctx.params.group!));
    ctx.status = 204;
  });

  router.get('/groups/:group/members/$count', async (ctx) => {
    queryOptions(ctx, version, []);
    const count = await run(whoOf(ctx), (work) => countMembers(work, ctx.params.group!));
    ctx.type = 'text/plain';
    ctx.body = String(count);
  });

  router.get('/groups/:group/members', async (ctx) => {
    const options = queryOptions(ctx, version, ['$select', '$top', '$skiptoken']);
    const asked = listAsked(options);
    const select = selecting<ReturnType<typeof userResource>>(options.$select, userProperties);
    const page = await run(whoOf(ctx), (work) => pageOfMembers(work, ctx.params.group!, asked));
    const address = `${root}/groups/${encodeURIComponent(ctx.params.group!)}/members`;
    ctx.body = collection(address, `${root}/$metadata#directoryObjects`, options, page, (user) => ({
      '@odata.type': '#microsoft.graph.user',
      ...select.cut(userResource(user)),
    }));
  });

  router.post('/groups/:group/members/$ref', async (ctx) => {
    queryOptions(ctx, version, []);
    const member = referredUser(await readJson(ctx.req, limits.json));
    await run(whoOf(ctx), (work) => addMember(work, ctx.params.group!, member));
    ctx.status = 204;
  });

  // Only with `$ref`: without it, Graph deletes the member and not the membership.
  router.delete('/groups/:group/members/:member/$ref', async (ctx) => {
    queryOptions(ctx, version, []);
    await run(whoOf(ctx), (work) => removeMember(work, ctx.params.group!, ctx.params.member!));
    ctx.status = 204;
  });
}

function groupFilter({ $filter, $search }: Partial<Record<QueryOption, string>>): GroupFilter | undefined {
  if ($filter === undefined && $search === undefined) return undefined;
  return {
    kind: 'asked',
    filter: $filter === undefined ? undefined : parseFilter($filter),
    search: parseSearch($search),
  };
}
