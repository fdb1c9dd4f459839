import { href } from '../href.ts';
import { type Layout, Page } from '../layout.tsx';
import { messages } from '../messages.ts';
import { DoneIcon } from '../parts/icons.tsx';
import { Say } from '../parts/say.tsx';

export interface StoppedProps {
  readonly layout: Layout;
  /** When it was stopped. */
  readonly at: string;
  /** The button was pressed again. */
  readonly already?: boolean;
}

/** What "this was not me" has done, for as long as its link is known. */
export function Stopped({ layout, at, already }: StoppedProps) {
  const say = messages.stopped;
  return (
    <Page layout={layout} step="stopped" title={say.heading}>
      <DoneIcon />
      <h1>{say.heading}</h1>
      {already && <p class="notice">{say.already}</p>}
      <p>
        <Say text={say.lead} values={{ at }} />
      </p>
      <p>{say.next}</p>
      <a id="continue" class="button secondary" href={href('/security-info')}>
        {say.signIn}
      </a>
    </Page>
  );
}
