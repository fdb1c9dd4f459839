import { type Layout, Page } from '../layout.tsx';
import { messages } from '../messages.ts';
import { PostForm } from '../parts/post-form.tsx';

export interface ContinueLinkProps {
  readonly layout: Layout;
  readonly csrf: string;
}

/**
 * The link of a QR code, opened on the device that goes on. The script asks what the link leads to and says so; nothing is done
 * before the button. Nothing can be typed here: without script there would be no passkey either.
 */
export function ContinueLink({ layout, csrf }: ContinueLinkProps) {
  const say = messages.continueLink;
  const [before, after] = say.isFor.split('{user}');
  return (
    <Page layout={layout} step="continue" title={say.heading} script={layout.assets.continueScript}>
      <h1>{say.heading}</h1>
      <noscript>
        <p class="notice">{say.noScript}</p>
      </noscript>
      <PostForm
        class="stack"
        action="/continue"
        csrf={csrf}
        data-continue-form
        data-about-url="/continue/about"
        autocomplete="off"
        hidden
      >
        <input type="hidden" name="link" value="" />
        <p class="lead">
          {before}
          <bdi data-continue-user />
          {after}
        </p>
        <p class="notice">{say.warning}</p>
        <p>{say.next}</p>
        <button type="submit" id="continue" class="primary">
          {say.submit}
        </button>
        <p class="quiet">{say.notYou}</p>
      </PostForm>
      <p
        class="passkey-says"
        role="status"
        data-tone="calm"
        data-continue-says
        data-waiting={say.waiting}
        data-missing={say.missing}
        data-ended={say.ended}
        data-failed={say.failed}
      />
    </Page>
  );
}
