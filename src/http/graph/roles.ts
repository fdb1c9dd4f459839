import type Router from '@koa/router';
import { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import { giveRole } from '../../others-identities.ts';
import {
  type AssignmentFilter,
  pageOfAssignments,
  readAssignment,
  removeAssignment,
  roleDefinition,
  roleDefinitions,
} from '../../roles/manage-roles.ts';
import { findRole } from '../../roles/role.ts';
import { type GraphParts, type Version, whoOf } from './api.ts';
import { created, endpoints, nothing, ok, properties } from './endpoint.ts';
import { collection, listAsked, nameFilter, selecting } from './query.ts';
import {
  assignmentProperties,
  assignmentResource,
  assignmentShape,
  roleProperties,
  roleResource,
  roleShape,
} from './resources.ts';
import { entity, listOf, pageOf, selected } from './shape.ts';

const newAssignment = z.strictObject({
  principalId: z.uuid(),
  roleDefinitionId: z.string(),
  // `/` is everybody; a Pass Issuer is for a group.
  directoryScopeId: z
    .string()
    .regex(/^\/(groups\/[0-9a-f-]{36})?$/i, 'must be "/" or "/groups/{id}"')
    .nullish(),
  maximumLifetimeInMinutes: z.int().min(10).max(43_200).nullish(),
  isUsableOnce: z.boolean().nullish(),
});

/** `roleManagement/directory`: the roles there are, and who holds them. */
export function roleRoutes(router: Router, { issuer, run }: GraphParts, version: Version): void {
  const route = endpoints(router, version, 'Roles');
  const root = `${issuer}/${version}`;
  const definitions = '/roleManagement/directory/roleDefinitions';
  const assignments = '/roleManagement/directory/roleAssignments';
  const selectingOf = ($select: string | undefined) =>
    selecting<ReturnType<typeof assignmentResource>>($select, assignmentProperties);

  route.get(
    definitions,
    {
      summary: 'List the roles there are',
      opens: ['roles.read'],
      query: ['$select', '$filter'],
      answer: ok(listOf(selected(roleShape))),
    },
    async (ctx, { options: { $filter, $select } }) => {
      const select = selecting<ReturnType<typeof roleResource>>($select, roleProperties);
      const asked = nameFilter($filter, { displayName: ['eq'], templateId: ['eq'], id: ['eq'] });
      const found = await run(whoOf(ctx), roleDefinitions);
      return {
        '@odata.context': `${root}/$metadata#roleManagement/directory/roleDefinitions${select.context}`,
        value: found
          .filter((role) => !asked || findRole(asked.value) === role)
          .map((role) => select.cut(roleResource(role))),
      };
    },
  );

  route.get(
    `${definitions}/:role`,
    { summary: 'Read a role', opens: ['roles.read'], query: ['$select'], answer: ok(entity(selected(roleShape))) },
    async (ctx, { options: { $select } }) => {
      const select = selecting<ReturnType<typeof roleResource>>($select, roleProperties);
      const role = await run(whoOf(ctx), (work) => roleDefinition(work, ctx.params.role!));
      return {
        '@odata.context': `${root}/$metadata#roleManagement/directory/roleDefinitions${select.context}/$entity`,
        ...select.cut(roleResource(role)),
      };
    },
  );

  route.get(
    assignments,
    {
      summary: 'List who holds a role',
      opens: ['roles.read'],
      query: ['$select', '$filter', '$top', '$skiptoken'],
      answer: ok(pageOf(selected(assignmentShape))),
    },
    async (ctx, { options }) => {
      const select = selectingOf(options.$select);
      const asked = listAsked(options);
      const page = await run(whoOf(ctx), async (work) =>
        pageOfAssignments(work, { ...asked, filter: filterOf(options.$filter) }),
      );
      return collection(
        `${root}${assignments}`,
        `${root}/$metadata#roleManagement/directory/roleAssignments${select.context}`,
        options,
        page,
        (assignment) => select.cut(assignmentResource(assignment)),
      );
    },
  );

  route.post(
    assignments,
    {
      summary: 'Give a user a role',
      opens: ['roles.write'],
      body: properties(newAssignment, ['id', 'condition', 'conditionVersion']),
      answer: created(entity(assignmentShape), { located: true }),
    },
    async (ctx, { body: asked }) => {
      const assignment = await run(whoOf(ctx), async (work) => {
        const granted = await giveRole(work, asked.principalId, asked.roleDefinitionId, {
          groupId: asked.directoryScopeId?.split('/')[2]?.toLowerCase() ?? null,
          limits: {
            ...(asked.maximumLifetimeInMinutes != null && { maximumLifetimeMinutes: asked.maximumLifetimeInMinutes }),
            ...(asked.isUsableOnce != null && { oneTimeOnly: asked.isUsableOnce }),
          },
        });
        if (granted.assignment) return granted.assignment;
        throw new AppError('conflict', 'This user holds the role already.');
      });
      ctx.set('location', `${root}${assignments}/${assignment.id}`);
      return {
        '@odata.context': `${root}/$metadata#roleManagement/directory/roleAssignments/$entity`,
        ...assignmentResource(assignment),
      };
    },
  );

  route.get(
    `${assignments}/:assignment`,
    {
      summary: 'Read a user’s role',
      opens: ['roles.read'],
      query: ['$select'],
      answer: ok(entity(selected(assignmentShape))),
    },
    async (ctx, { options: { $select } }) => {
      const select = selectingOf($select);
      const assignment = await run(whoOf(ctx), (work) => readAssignment(work, ctx.params.assignment!));
      return {
        '@odata.context': `${root}/$metadata#roleManagement/directory/roleAssignments${select.context}/$entity`,
        ...select.cut(assignmentResource(assignment)),
      };
    },
  );

  route.delete(
    `${assignments}/:assignment`,
    { summary: 'Take a role from a user', opens: ['roles.write'], answer: nothing },
    async (ctx) => {
      await run(whoOf(ctx), (work) => removeAssignment(work, ctx.params.assignment!));
    },
  );
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

function filterOf($filter: string | undefined): AssignmentFilter {
  const asked = nameFilter($filter, { principalId: ['eq'], roleDefinitionId: ['eq'] });
  if (!asked) return {};
  if (!uuid.test(asked.value)) throw new AppError('invalid_input', `${asked.property} must be an object id.`);
  return asked.property === 'principalId' ? { userId: asked.value } : { templateId: asked.value };
}
