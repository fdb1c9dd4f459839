import { href } from '../href.ts';
import { type Layout, Page } from '../layout.tsx';
import { messages } from '../messages.ts';
import { DoneIcon } from '../parts/icons.tsx';
import { Say, saying } from '../parts/say.tsx';

export interface LoggedOutProps {
  readonly layout: Layout;
  /** Given when only this app was left and the session here goes on. */
  readonly leftAppName?: string | undefined;
  /** Where one can sign in again, or see that one still is. */
  readonly homeUrl?: string | undefined;
}

export function LoggedOut({ layout, leftAppName, homeUrl }: LoggedOutProps) {
  const say = messages.loggedOut;
  const app = { app: leftAppName ?? '' };
  const heading = leftAppName ? say.headingOfApp : say.heading;
  return (
    <Page layout={layout} step="logged-out" title={saying(heading, app)}>
      <DoneIcon />
      <h1>
        <Say text={heading} values={app} />
      </h1>
      <p>{leftAppName ? say.leadOfApp : say.lead}</p>
      {homeUrl !== undefined && (
        <a id="continue" class="button secondary" href={href(homeUrl)}>
          {leftAppName ? say.securityInfo : say.signIn}
        </a>
      )}
    </Page>
  );
}
