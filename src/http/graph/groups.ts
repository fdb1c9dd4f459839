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
import type { User } from '../../users/user.ts';
import { type GraphParts, type Version, whoOf } from './api.ts';
import { created, endpoints, nothing, ok, properties, reference, text } from './endpoint.ts';
import { parseFilter } from './filter.ts';
import { madeOnce } from './made-once.ts';
import { collection, listAsked, type QueryOption, selecting } from './query.ts';
import { groupProperties, groupResource, groupShape, userProperties, userResource, userShape } from './resources.ts';
import { parseOrder, parseSearch } from './search.ts';
import { entity, pageOf, selected, typed } from './shape.ts';

const readOnly = ['id', 'createdDateTime'];

// Graph demands these of a new group. Here there is one kind, so one value of each is taken.
const kind = {
  mailEnabled: z.literal(false).nullish(),
  securityEnabled: z.literal(true).nullish(),
  groupTypes: z.array(z.unknown()).max(0).nullish(),
  mailNickname: z.string().max(256).nullish(),
};

const newGroup = z.strictObject({ displayName: z.string(), ...kind }).meta({ examples: [{ displayName: 'Sales' }] });

const groupChanges = z.strictObject({ displayName: z.string().optional(), ...kind });

/** `groups` and who is in them. */
export function groupRoutes(router: Router, { issuer, run }: GraphParts, version: Version): void {
  const route = endpoints(router, version, 'Groups');
  const root = `${issuer}/${version}`;

  route.get(
    '/groups',
    {
      summary: 'List groups',
      opens: ['groups.read'],
      query: ['$select', '$top', '$skiptoken', '$count', '$filter', '$search', '$orderby'],
      answer: ok(pageOf(selected(groupShape))),
    },
    async (ctx, { options }) => {
      const asked = listAsked(options);
      const filter = groupFilter(options);
      const order = parseOrder(options.$orderby, groupOrders);
      const select = selecting<ReturnType<typeof groupResource>>(options.$select, groupProperties);
      return await run(whoOf(ctx), async (work) => {
        const page = await pageOfGroups(work, { ...asked, filter, order });
        const count = asked.counted ? await countGroups(work, filter) : undefined;
        const context = `${root}/$metadata#groups${select.context}`;
        return collection(`${root}/groups`, context, options, page, (group) => select.cut(groupResource(group)), count);
      });
    },
  );

  route.post(
    '/groups',
    {
      summary: 'Make a group',
      opens: ['groups.write'],
      body: properties(newGroup, readOnly),
      repeatable: true,
      answer: created(entity(groupShape), { located: true }),
    },
    async (ctx, { body: asked, sent: body }) => {
      const group = await run(whoOf(ctx), (work) =>
        madeOnce(
          ctx,
          work,
          { route: 'POST /groups', body },
          () => createGroup(work, asked),
          (id) => readGroup(work, id),
        ),
      );
      ctx.set('location', `${root}/groups/${group.id}`);
      return { '@odata.context': `${root}/$metadata#groups/$entity`, ...groupResource(group) };
    },
  );

  route.get(
    '/groups/$count',
    { summary: 'Count groups', opens: ['groups.read'], query: ['$filter', '$search'], answer: text },
    async (ctx, { options }) => {
      const filter = groupFilter(options);
      return String(await run(whoOf(ctx), (work) => countGroups(work, filter)));
    },
  );

  route.get(
    '/groups/:group',
    { summary: 'Read a group', opens: ['groups.read'], query: ['$select'], answer: ok(entity(selected(groupShape))) },
    async (ctx, { options: { $select } }) => {
      const select = selecting<ReturnType<typeof groupResource>>($select, groupProperties);
      const group = await run(whoOf(ctx), (work) => readGroup(work, ctx.params.group!));
      return {
        '@odata.context': `${root}/$metadata#groups${select.context}/$entity`,
        ...select.cut(groupResource(group)),
      };
    },
  );

  route.patch(
    '/groups/:group',
    { summary: 'Change a group', opens: ['groups.write'], body: properties(groupChanges, readOnly), answer: nothing },
    async (ctx, { body: { displayName } }) => {
      await run(whoOf(ctx), (work) => changeGroup(work, ctx.params.group!, { displayName }));
    },
  );

  route.delete(
    '/groups/:group',
    { summary: 'Delete a group', opens: ['groups.write'], answer: nothing },
    async (ctx) => {
      await run(whoOf(ctx), (work) => deleteGroup(work, ctx.params.group!));
    },
  );

  route.get(
    '/groups/:group/members/$count',
    { summary: 'Count the members of a group', opens: ['users.read', 'groups.read'], answer: text },
    async (ctx) => String(await run(whoOf(ctx), (work) => countMembers(work, ctx.params.group!))),
  );

  route.get(
    '/groups/:group/members',
    {
      summary: 'List the members of a group',
      opens: ['users.read', 'groups.read'],
      query: ['$select', '$top', '$skiptoken', '$count'],
      answer: ok(pageOf(typed(selected(userShape), '#microsoft.graph.user'))),
    },
    async (ctx, { options }) => {
      const asked = listAsked(options);
      const select = selecting<ReturnType<typeof userResource>>(options.$select, userProperties);
      const { page, count } = await run(whoOf(ctx), async (work) => ({
        page: await pageOfMembers(work, ctx.params.group!, asked),
        count: asked.counted ? await countMembers(work, ctx.params.group!) : undefined,
      }));
      const address = `${root}/groups/${encodeURIComponent(ctx.params.group!)}/members`;
      const shown = (user: User) => ({
        '@odata.type': '#microsoft.graph.user' as const,
        ...select.cut(userResource(user)),
      });
      return collection(address, `${root}/$metadata#directoryObjects`, options, page, shown, count);
    },
  );

  route.post(
    '/groups/:group/members/$ref',
    { summary: 'Add a member to a group', opens: ['groups.write'], body: reference, answer: nothing },
    async (ctx, { body: member }) => {
      await run(whoOf(ctx), (work) => addMember(work, ctx.params.group!, member));
    },
  );

  // Only with `$ref`: without it, Graph deletes the member and not the membership.
  route.delete(
    '/groups/:group/members/:member/$ref',
    { summary: 'Take a member out of a group', opens: ['groups.write'], answer: nothing },
    async (ctx) => {
      await run(whoOf(ctx), (work) => removeMember(work, ctx.params.group!, ctx.params.member!));
    },
  );
}

function groupFilter({ $filter, $search }: Partial<Record<QueryOption, string>>): GroupFilter | undefined {
  if ($filter === undefined && $search === undefined) return undefined;
  return {
    kind: 'asked',
    filter: $filter === undefined ? undefined : parseFilter($filter),
    search: parseSearch($search),
  };
}
