import Router from '@koa/router';
import { ClaimValue } from '../../../views/claim-values/claim-value.tsx';
import { messages } from '../../../views/messages.ts';
import { renderView } from '../../../views/render.ts';
import { acrOf, amrOf, levels } from '../../assurance/levels.ts';
import type { Show } from '../show.ts';

export interface ClaimValueParts {
  readonly issuer: string;
  readonly show: Show;
}

/** Values of `acr` and `amr` that are addresses of ours: each explains itself. Those of the standards have no page here. */
export function claimValueRoutes({ issuer, show }: ClaimValueParts): Router {
  const router = new Router();
  const words = {
    ...Object.fromEntries(levels.map((level) => [acrOf(level, issuer), wordsOf(`acr/${level}`)])),
    [amrOf('pass', issuer)]: wordsOf('amr/pass'),
    [amrOf('federated', issuer)]: wordsOf('amr/federated'),
  };
  for (const [value, explained] of Object.entries(words)) {
    if (!value.startsWith(`${issuer}/`) || !explained) continue;
    router.get(value.slice(issuer.length), (ctx) =>
      show.page(ctx, renderView(ClaimValue, { layout: show.layout, value, words: explained })),
    );
  }
  return router;
}

function wordsOf(path: string) {
  return path in messages.claimValues ? messages.claimValues[path as keyof typeof messages.claimValues] : undefined;
}
