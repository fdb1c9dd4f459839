import { Page } from '../layout.tsx';
import { messages } from '../messages.ts';
import { ErrorSummary } from '../parts/error-summary.tsx';
import { KeyIcon } from '../parts/icons.tsx';
import type { Interaction } from '../parts/interaction.ts';
import { PasskeyForm } from '../parts/passkey-form.tsx';
import { Cancel, PostForm } from '../parts/post-form.tsx';
import { Say } from '../parts/say.tsx';

export interface IdentifyProps extends Interaction {
  /** `login_hint`, or what was typed before. */
  readonly userName?: string;
  /** The person said they have a pass, and only the name is missing: keep that in mind. */
  readonly withPass?: boolean;
  /** Nobody signs in with a passkey here. */
  readonly withoutPasskeys?: boolean;
  readonly error?:
    | 'emptyName'
    | 'passkeyRefused'
    | 'passkeyUnknown'
    | 'userUnverified'
    | 'passkeyOfOther'
    | 'passkeySuspended'
    | 'passkeyNotAllowed'
    | 'signsInElsewhere'
    | undefined;
  readonly reference?: string;
}

/** Who are you? The same for everybody. */
export function Identify(props: IdentifyProps) {
  const { layout, base, csrf, appName, userName, withPass, withoutPasskeys, error, reference } = props;
  const say = messages.identify;
  const nameIsMissing = error === 'emptyName';
  return (
    <Page layout={layout} step="identify" title={say.heading} mistaken={error !== undefined} scripted>
      <ErrorSummary error={error} {...(nameIsMissing && { field: 'username' })} reference={reference} />
      <h1>{say.heading}</h1>
      <p class="lead">
        <Say text={say.toContinue} values={{ app: appName }} />
      </p>
      <PostForm id="identify" action={`${base}/identify`} csrf={csrf}>
        {withPass && <input type="hidden" name="with" value="temporary-access-pass" />}
        <div class="field">
          <label for="username">{say.name}</label>
          {withPass && (
            <p class="hint" id="username-hint">
              {say.nameWithPass}
            </p>
          )}
          {nameIsMissing && (
            <p class="mistake" id="username-mistake">
              {messages.errors.emptyName}
            </p>
          )}
          <input
            type="text"
            id="username"
            name="username"
            value={userName ?? ''}
            autocomplete={withoutPasskeys ? 'username' : 'username webauthn'}
            autocapitalize="none"
            autocorrect="off"
            spellcheck={false}
            dir="auto"
            autofocus={error === undefined}
            aria-invalid={nameIsMissing ? 'true' : undefined}
            aria-describedby={described(nameIsMissing && 'username-mistake', withPass && 'username-hint')}
          />
        </div>
        <button type="submit" id="continue" class="primary">
          {say.submit}
        </button>
      </PostForm>
      {!withoutPasskeys && (
        <>
          <p class="or" data-needs-passkeys hidden={withPass}>
            {messages.or}
          </p>
          <PasskeyForm
            ceremony="get"
            action={`${base}/verify/passkey`}
            csrf={csrf}
            next={base}
            optionsUrl={`${base}/challenge/passkey`}
            autofill
          >
            <button type="button" id="use-passkey" class="secondary" data-passkey-start hidden>
              <KeyIcon />
              {say.usePasskey}
            </button>
          </PasskeyForm>
        </>
      )}
      {!withPass && (
        <button type="submit" id="use-pass" class="link" form="identify" name="with" value="temporary-access-pass">
          {say.usePass}
        </button>
      )}
      <Cancel base={base} csrf={csrf} />
    </Page>
  );
}

function described(...ids: readonly (string | false | undefined)[]): string | undefined {
  return ids.filter(Boolean).join(' ') || undefined;
}
