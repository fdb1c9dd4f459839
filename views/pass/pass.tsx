import { href } from '../href.ts';
import { type Layout, Page } from '../layout.tsx';
import { messages } from '../messages.ts';

export interface PassLinkProps {
  readonly layout: Layout;
  /** Where the script starts the sign-in that takes the pass. */
  readonly signInUrl: string;
}

/** A hand-over link, opened. The script fills in whose pass it is; without script, or without a pass, it says where to go. */
export function PassLink({ layout, signInUrl }: PassLinkProps) {
  const say = messages.passLink;
  const [before, after] = say.isFor.split('{user}');
  return (
    <Page layout={layout} step="pass" title={say.heading} script={layout.assets.passScript}>
      <h1>{say.heading}</h1>
      <div class="stack" data-pass-given data-sign-in-url={href(signInUrl)} hidden>
        <p class="lead">
          {before}
          <bdi data-pass-user />
          {after}
        </p>
        <p>{say.next}</p>
        <button type="button" id="continue" class="primary">
          {say.submit}
        </button>
        <p
          class="passkey-says"
          role="status"
          data-tone="problem"
          data-pass-says
          data-waiting={say.waiting}
          data-failed={say.failed}
        />
        <p class="quiet">{say.notYou}</p>
      </div>
      <div class="stack" data-pass-missing>
        <noscript>
          <p class="notice">{say.noScript}</p>
        </noscript>
        <p>{say.byHand}</p>
        <a id="sign-in" class="button secondary" href={href('/security-info')}>
          {say.signIn}
        </a>
      </div>
    </Page>
  );
}
