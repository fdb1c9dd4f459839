import { href } from '../href.ts';
import { messages } from '../messages.ts';
import { DoneIcon } from './icons.tsx';

interface LostProps {
  readonly base: string;
  /** There are ways in from before, which the person may have lost. */
  readonly mayHaveLost: boolean | undefined;
}

/** The way to the page that asks; nobody has to take it. */
export function LostLink({ base, mayHaveLost }: LostProps) {
  if (!mayHaveLost) return null;
  return (
    <section class="other-ways" aria-labelledby="lost-heading">
      <h2 id="lost-heading">{messages.lost.ask}</h2>
      <p class="quiet">{messages.lost.askWhy}</p>
      <a id="lost" class="button secondary" href={href(`${base}/lost`)}>
        {messages.lost.open}
      </a>
    </section>
  );
}

/** Said once, on the page that goes on. */
export function LostSuspended({ lostSuspended }: { readonly lostSuspended: boolean | undefined }) {
  if (!lostSuspended) return null;
  return (
    <p class="done" role="status">
      <DoneIcon />
      <span>{messages.lost.suspended}</span>
    </p>
  );
}
