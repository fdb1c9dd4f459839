import type Router from '@koa/router';
import { decideApproval, pageOfApprovals } from '../../methods/temporary-access-pass/approvals/manage-approvals.ts';
import { type GraphParts, type Version, whoOf } from './api.ts';
import { endpoints, ok } from './endpoint.ts';
import { collection, listAsked } from './query.ts';
import { approvalResource, approvalShape } from './resources.ts';
import { entity, pageOf } from './shape.ts';

/** A role that is for a group sees no list of everybody's. */
const everywhere = [
  'Global Administrator',
  'Privileged Authentication Administrator',
  'Authentication Administrator',
  'Global Reader',
] as const;

/** `passApprovals`: passes that a second administrator has to agree to. Ours; Graph has nothing like it. */
export function approvalRoutes(router: Router, { issuer, run }: GraphParts, version: Version): void {
  const route = endpoints(router, version, 'Temporary Access Passes');
  const root = `${issuer}/${version}`;
  const approvals = '/policies/passApprovals';

  route.get(
    approvals,
    {
      summary: 'List passes that a second administrator has to agree to',
      opens: ['passes.read'],
      onlyRoles: everywhere,
      query: ['$top', '$skiptoken'],
      answer: ok(pageOf(approvalShape)),
    },
    async (ctx, { options }) => {
      const asked = listAsked(options);
      return await run(whoOf(ctx), async (work) => {
        const page = await pageOfApprovals(work, asked);
        const shown = (approval: (typeof page.items)[number]) => approvalResource(approval, work.now);
        return collection(`${root}${approvals}`, `${root}/$metadata#policies/passApprovals`, options, page, shown);
      });
    },
  );

  for (const [verb, decision] of [
    ['approve', 'approved'],
    ['reject', 'rejected'],
  ] as const) {
    route.post(
      `${approvals}/:approval/${verb}`,
      {
        summary: `${verb === 'approve' ? 'Agree to' : 'Turn down'} a pass of another administrator`,
        opens: ['passes.write'],
        onlyPeople: true,
        answer: ok(entity(approvalShape)),
      },
      async (ctx) => {
        const { decided, now } = await run(whoOf(ctx), async (work) => ({
          decided: await decideApproval(work, ctx.params.approval!, decision),
          now: work.now,
        }));
        return {
          '@odata.context': `${root}/$metadata#policies/passApprovals/$entity`,
          ...approvalResource(decided, now),
        };
      },
    );
  }
}
