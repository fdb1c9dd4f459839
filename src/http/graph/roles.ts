import type Router from '@koa/router';
import { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import {
  type AssignmentFilter,
  grantRole,
  pageOfAssignments,
  readAssignment,
  removeAssignment,
  roleDefinition,
  roleDefinitions,
} from '../../roles/manage-roles.ts';
import { findRole } from '../../roles/role.ts';
import { limits, readJson } from '../parse.ts';
import { type GraphParts, parseProperties, type Version, whoOf } from './api.ts';
import { collection, listAsked, nameFilter, queryOptions } from './query.ts';
import { assignmentResource, roleResource } from './resources.ts';

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
  const root = `${issuer}/${version}`;
  const definitions = '/roleManagement/directory/roleDefinitions';
  const assignments = '/roleManagement/directory/roleAssignments';

  router.get(definitions, async (ctx) => {
    const { $filter } = queryOptions(ctx, version, ['$filter']);
    const asked = nameFilter($filter, { displayName: ['eq'], templateId: ['eq'], id: ['eq'] });
    const found = await run(whoOf(ctx), roleDefinitions);
    ctx.body = {
      '@odata.context': `${root}/$metadata#roleManagement/directory/roleDefinitions`,
      value: found.filter((role) => !asked || findRole(asked.value) === role).map(roleResource),
    };
  });

  router.get(`${definitions}/:role`, async (ctx) => {
    queryOptions(ctx, version, []);
    const role = await run(whoOf(ctx), (work) => roleDefinition(work, ctx.params.role!));
    ctx.body = {
      '@odata.context': `${root}/$metadata#roleManagement/directory/roleDefinitions/$entity`,
      ...roleResource(role),
    };
  });

  router.get(assignments, async (ctx) => {
    const options = queryOptions(ctx, version, ['$filter', '$top', '$skiptoken']);
    const asked = listAsked(options);
    const page = await run(whoOf(ctx), async (work) =>
      pageOfAssignments(work, { ...asked, filter: filterOf(options.$filter) }),
    );
    ctx.body = collection(
      `${root}${assignments}`,
      `${root}/$metadata#roleManagement/directory/roleAssignments`,
      options,
      page,
      assignmentResource,
    );
  });

  router.post(assignments, async (ctx) => {
    queryOptions(ctx, version, []);
    const asked = parseProperties(
      newAssignment,
      ['id', 'condition', 'conditionVersion'],
      await readJson(ctx.req, limits.json),
    );
    const assignment = await run(whoOf(ctx), async (work) => {
      const granted = await grantRole(work, asked.principalId, asked.roleDefinitionId, {
        groupId: asked.directoryScopeId?.split('/')[2]?.toLowerCase() ?? null,
        limits: {
          ...(asked.maximumLifetimeInMinutes != null && { maximumLifetimeMinutes: asked.maximumLifetimeInMinutes }),
          ...(asked.isUsableOnce != null && { oneTimeOnly: asked.isUsableOnce }),
        },
      });
      if (granted.assignment) return granted.assignment;
      throw new AppError('conflict', 'This user holds the role already.');
    });
    ctx.status = 201;
    ctx.set('location', `${root}${assignments}/${assignment.id}`);
    ctx.body = {
      '@odata.context': `${root}/$metadata#roleManagement/directory/roleAssignments/$entity`,
      ...assignmentResource(assignment),
    };
  });

  router.get(`${assignments}/:assignment`, async (ctx) => {
    queryOptions(ctx, version, []);
    const assignment = await run(whoOf(ctx), (work) => readAssignment(work, ctx.params.assignment!));
    ctx.body = {
      '@odata.context': `${root}/$metadata#roleManagement/directory/roleAssignments/$entity`,
      ...assignmentResource(assignment),
    };
  });

  router.delete(`${assignments}/:assignment`, async (ctx) => {
    queryOptions(ctx, version, []);
    await run(whoOf(ctx), (work) => removeAssignment(work, ctx.params.assignment!));
    ctx.status = 204;
  });
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

function filterOf($filter: string | undefined): AssignmentFilter {
  const asked = nameFilter($filter, { principalId: ['eq'], roleDefinitionId: ['eq'] });
  if (!asked) return {};
  if (!uuid.test(asked.value)) throw new AppError('invalid_input', `${asked.property} must be an object id.`);
  return asked.property === 'principalId' ? { userId: asked.value } : { templateId: asked.value };
}
