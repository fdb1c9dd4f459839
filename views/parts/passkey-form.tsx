import type { ComponentChildren } from 'preact';
import { messages } from '../messages.ts';
import { PostForm } from './post-form.tsx';

interface PasskeyFormProps {
  /** Which ceremony: `create` registers a passkey, `get` uses one. */
  readonly ceremony: 'create' | 'get';
  readonly action: string;
  readonly csrf: string;
  /** Where the script gets a challenge. */
  readonly optionsUrl: string;
  /** Offer passkeys in the name field as well. */
  readonly autofill?: boolean;
  /** The page that follows, whatever comes of it: then the script sends the answer itself. */
  readonly next?: string;
  readonly children: ComponentChildren;
}

/**
 * A form that `passkey.js` fills in and submits: any `button[data-passkey-start]` in it starts the ceremony, and the
 * answer goes into `response`. The script's sentences come along as attributes, so that it holds no words of its own.
 */
export function PasskeyForm({ ceremony, action, csrf, optionsUrl, autofill, next, children }: PasskeyFormProps) {
  const say = messages.passkeyScript;
  const creates = ceremony === 'create';
  return (
    <PostForm
      class="passkey"
      action={action}
      csrf={csrf}
      data-passkey={ceremony}
      data-options-url={optionsUrl}
      data-autofill={autofill ? 'on' : undefined}
      data-next={next}
    >
      <input type="hidden" name="response" value="" />
      <p
        role="alert"
        class="passkey-says"
        data-passkey-says
        data-not-started={creates ? say.notStartedToMake : say.notStarted}
        data-not-done={creates ? say.notMade : say.notUsed}
        data-no-pin={say.noPin}
        data-timed-out={say.timedOut}
        data-already={say.already}
        data-wrong-site={say.wrongSite}
        data-reference={messages.reference}
        data-unfit={say.unfit}
        data-offline={say.offline}
        data-failed={say.failed}
      />
      {children}
      <p role="status" class="passkey-waits" data-passkey-waits data-waiting={say.waiting} />
    </PostForm>
  );
}
