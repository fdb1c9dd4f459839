import { href } from '../href.ts';
import { type Layout, Page } from '../layout.tsx';
import { messages } from '../messages.ts';
import { DoneIcon } from '../parts/icons.tsx';
import { Say } from '../parts/say.tsx';

export interface CompleteProps {
  readonly layout: Layout;
  readonly appName: string;
  /** The way on, normally the provider's own resume address. */
  readonly url: string;
}

/**
 * The end of a sign-in. It goes on by a refresh, not a redirect: Chromium holds a form's `form-action` against every
 * redirect that follows the post, and would stop the hop to the app (reference/ux.md, 1).
 */
export function Complete({ layout, appName, url }: CompleteProps) {
  const say = messages.complete;
  const app = { app: appName };
  return (
    <Page layout={layout} step="complete" title={say.heading} refreshTo={url}>
      <DoneIcon />
      <h1>{say.heading}</h1>
      <p>
        <Say text={say.going} values={app} />
      </p>
      <a id="continue" class="button secondary" href={href(url)}>
        <span>
          <Say text={say.submit} values={app} />
        </span>
      </a>
    </Page>
  );
}

export interface CompleteTooLateProps {
  readonly layout: Layout;
  readonly appName: string;
  /** The client's `initiate_login_uri`; without one the person opens the app by themselves. */
  readonly openAgainUrl?: string | undefined;
}

/** The end of a sign-in that the app no longer waits for: it has to begin again, and will be quick. */
export function CompleteTooLate({ layout, appName, openAgainUrl }: CompleteTooLateProps) {
  const say = messages.complete;
  const app = { app: appName };
  return (
    <Page layout={layout} step="complete" title={say.tooOldHeading}>
      <DoneIcon />
      <h1>{say.tooOldHeading}</h1>
      <p>
        <Say text={say.tooOld} values={app} />
      </p>
      {openAgainUrl !== undefined && (
        <a id="continue" class="button primary" href={href(openAgainUrl)}>
          <span>
            <Say text={say.openAgain} values={app} />
          </span>
        </a>
      )}
    </Page>
  );
}
