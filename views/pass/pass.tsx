import { href } from '../href.ts';
import { type Layout, Page } from '../layout.tsx';
import { messages } from '../messages.ts';
import { CodeField } from '../parts/code-field.tsx';
import { PostForm } from '../parts/post-form.tsx';

export interface PassLinkProps {
  readonly layout: Layout;
  readonly csrf: string;
  /** Where the script starts the sign-in that takes the pass. */
  readonly signInUrl: string;
}

/**
 * A hand-over link, opened. The script puts the link's pass in the place of the two fields; without script, or without a pass,
 * they are there to be filled in.
 */
export function PassLink({ layout, csrf, signInUrl }: PassLinkProps) {
  const say = messages.passLink;
  const { label, hint, tries } = messages.methods['temporary-access-pass'];
  const [before, after] = say.isFor.split('{user}');
  return (
    <Page layout={layout} step="pass" title={say.heading} script={layout.assets.passScript}>
      <h1>{say.heading}</h1>
      <PostForm class="stack" action="/pass" csrf={csrf} data-pass-form data-sign-in-url={href(signInUrl)}>
        <p class="lead" data-pass-given hidden>
          {before}
          <bdi data-pass-user />
          {after}
        </p>
        <p>{say.next}</p>
        <div class="stack" data-pass-missing>
          <noscript>
            <p class="notice">{say.noScript}</p>
          </noscript>
          <div class="field">
            <label for="username">{messages.identify.name}</label>
            <input
              type="text"
              id="username"
              name="username"
              autocomplete="username"
              autocapitalize="none"
              autocorrect="off"
              spellcheck={false}
              dir="auto"
            />
          </div>
          <CodeField label={label} hints={[hint, tries]} waits />
        </div>
        <button type="submit" id="continue" class="primary">
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
      </PostForm>
      <p class="quiet" data-pass-given hidden>
        {say.notYou}
      </p>
      <p class="quiet" data-pass-missing>
        {say.otherwise}{' '}
        <a id="sign-in" href={href('/security-info')}>
          {say.signIn}
        </a>
      </p>
    </Page>
  );
}
