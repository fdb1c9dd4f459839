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
  /** Given when the app has waited so long that it may have forgotten the request: where it is opened anew. */
  readonly openAgainUrl?: string | undefined;
  /** The person wants to change how they sign in: where that is done. It needs the session, which comes with the way on. */
  readonly changeUrl?: string | undefined;
}

/**
 * The end of a sign-in. It goes on by a refresh, not a redirect: whatever a browser holds against redirects after a
 * post, it reaches the app. Where the app may have forgotten, or there is something to do after, the person goes on by hand.
 */
export function Complete({ layout, appName, url, openAgainUrl, changeUrl }: CompleteProps) {
  const say = messages.complete;
  const app = { app: appName };
  const tooOld = openAgainUrl !== undefined;
  const waits = tooOld || changeUrl !== undefined;
  return (
    <Page layout={layout} step="complete" title={say.heading} {...(!waits && { refreshTo: url })}>
      <DoneIcon />
      <h1>{say.heading}</h1>
      {!waits && (
        <p>
          <Say text={say.going} values={app} />
        </p>
      )}
      {changeUrl !== undefined && (
        <p>
          <Say text={say.toChange} values={app} />
        </p>
      )}
      <a id="continue" class={waits ? 'button primary' : 'button secondary'} href={href(url)}>
        <Say text={say.submit} values={app} />
      </a>
      {tooOld && (
        <p>
          <Say text={say.tooOld} values={app} />{' '}
          <a href={href(openAgainUrl)}>
            <Say text={say.openAgain} values={app} />
          </a>
        </p>
      )}
      {changeUrl !== undefined && (
        <a id="change-methods" class="button secondary" href={href(changeUrl)} target="_blank" rel="noopener">
          {say.change}
        </a>
      )}
    </Page>
  );
}
