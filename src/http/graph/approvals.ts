import type Router from '@koa/router';
import { decideApproval, pageOfApprovals } from '../../methods/temporary-access-pass/approvals/manage-approvals.ts';
import { type GraphParts, type Version, whoOf } from './api.ts';
import { collection, listAsked, queryOptions } from './query.ts';
import { approvalResource } from './resources.ts';

/** `passApprovals`: passes that a second administrator has to agree to. Ours; Graph has nothing like it. */
export function approvalRoutes(router: Router, { issuer, run }: GraphParts, version: Version): void {
  const root = `${issuer}/${version}`;
  const approvals = '/policies/passApprovals';

  router.get(approvals, async (ctx) => {
    const options = queryOptions(ctx, version, ['$top', '$skiptoken']);
    const asked = listAsked(options);
    ctx.body = await run(whoOf(ctx), async (work) => {
      const page = await pageOfApprovals(work, asked);
      const shown = (approval: (typeof page.items)[number]) => approvalResource(approval, work.now);
      return collection(`${root}${approvals}`, `${root}/$metadata#policies/passApprovals`, options, page, shown);
    });
  });

  for (const [verb, decision] of [
    ['approve', 'approved'],
    ['reject', 'rejected'],
  ] as const) {
    router.post(`${approvals}/:approval/${verb}`, async (ctx) => {
      queryOptions(ctx, version, []);
      const { decided, now } = await run(whoOf(ctx), async (work) => ({
        decided: await decideApproval(work, ctx.params.approval!, decision),
        now: work.now,
      }));
      ctx.body = {
        '@odata.context': `${root}/$metadata#policies/passApprovals/$entity`,
        ...approvalResource(decided, now),
      };
    });
  }
}
