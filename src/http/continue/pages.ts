import type { Layout } from '../../../views/layout.tsx';
import { ContinueLink } from '../../../views/continue/continue-link.tsx';
import { Done } from '../../../views/continue/done.tsx';
import { messages } from '../../../views/messages.ts';
import { renderView } from '../../../views/render.ts';
import type { Elsewhere } from '../../sign-in/steps.ts';
import { type Around, pageOf } from '../sign-in/pages.ts';

export function linkPage(layout: Layout, csrf: string): string {
  return renderView(ContinueLink, { layout, csrf });
}

/** The page for the device that a registration was carried on to; undefined when it is over there. */
export function pageElsewhere(
  { standing, account, registered }: Elsewhere,
  { layout, base, csrf, secret }: Pick<Around, 'layout' | 'base' | 'csrf' | 'secret'>,
): string | undefined {
  const { kind } = standing.step;
  if (kind === 'done') {
    const { name, deviceBound } = registered ?? {};
    return renderView(Done, { layout, account, name, deviceBound: deviceBound ?? null });
  }
  if (kind !== 'enrol' && kind !== 'confirm') return undefined;
  return pageOf(standing, {
    layout,
    base,
    csrf,
    secret,
    carriedFor: account,
    // What it goes on to is shown where it began, and there alone.
    app: { name: messages.product, initiateLoginUri: undefined, homeUri: undefined },
    asksForMore: false,
    loginHint: '',
    signOutUrl: '',
  });
}
