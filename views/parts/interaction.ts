import type { Layout } from '../layout.tsx';

/** What every page of a sign-in is given. */
export interface Interaction {
  readonly layout: Layout;
  /** The path of this sign-in, `/sign-in/:uid`. */
  readonly base: string;
  readonly csrf: string;
  /** What the person wants to get into. */
  readonly appName: string;
}
