import { href } from '../href.ts';
import { Page } from '../layout.tsx';
import { type MethodId, messages } from '../messages.ts';
import { CodeField } from '../parts/code-field.tsx';
import { ErrorSummary } from '../parts/error-summary.tsx';
import { KeyIcon, PassIcon, PersonIcon } from '../parts/icons.tsx';
import type { Interaction } from '../parts/interaction.ts';
import { NoPasskeys } from '../parts/no-passkeys.tsx';
import { PasskeyForm } from '../parts/passkey-form.tsx';
import { PasswordField } from '../parts/password-field.tsx';
import { Cancel, PostForm } from '../parts/post-form.tsx';
import { Say, saying } from '../parts/say.tsx';

export interface VerifyProps extends Interaction {
  /** As it was typed; empty where the app named a domain alone. Nothing else on this page may depend on who it is. */
  readonly userName: string;
  /** What the organisation allows, in the order offered. */
  readonly methods: readonly MethodId[];
  readonly chosen: MethodId;
  /** The person is signed in with a pass and is known to have none. */
  readonly withoutPasskey?: boolean;
  /** What was shown before is less than the app asks for. */
  readonly forTheApp?: true | undefined;
  readonly error?:
    | 'refused'
    | 'wrongPassword'
    | 'passkeyRefused'
    | 'passkeyUnknown'
    | 'userUnverified'
    | 'passkeyOfOther'
    | 'passkeySuspended'
    | 'passkeyNotAllowed'
    | 'upstreamUnreachable'
    | 'upstreamCancelled'
    | 'upstreamRefused'
    | undefined;
  readonly reference?: string;
  /** Where the people of this domain sign in, as it is called; absent: here. */
  readonly provider?: string | undefined;
}

/** Show that it is you: one way big, the others below it. */
export function Verify(props: VerifyProps) {
  const { layout, base, csrf, appName, userName, methods, chosen, error, reference, provider = '' } = props;
  const method = messages.methods[chosen];
  const others = methods.filter((other) => other !== chosen);
  const missing = method.kind === 'passkey' && props.withoutPasskey === true;
  const values = { provider, app: appName };
  const heading = missing ? messages.verify.noneYet : method.heading;
  const wrongCode = error === 'refused' && method.kind === 'code';
  const field = wrongCode ? 'code' : error === 'wrongPassword' ? 'password' : undefined;
  return (
    <Page layout={layout} step="verify" title={saying(heading, values)} mistaken={error !== undefined} scripted>
      <ErrorSummary error={error} {...(field && { field })} reference={reference} />
      <h1>
        <Say text={heading} values={values} />
      </h1>
      <Person userName={userName} base={base} csrf={csrf} />
      {props.forTheApp && (
        <p id="for-the-app">
          <Say text={messages.verify.forTheApp} values={{ app: appName }} />
        </p>
      )}
      {missing && <AddOne appName={appName} />}
      {method.kind === 'passkey' && !missing && (
        <>
          <p>{method.lead}</p>
          <PasskeyForm
            ceremony="get"
            action={`${base}/verify/${chosen}`}
            csrf={csrf}
            next={base}
            optionsUrl={`${base}/challenge/passkey`}
          >
            <button type="button" id={method.hook} class="primary" data-passkey-start hidden>
              <KeyIcon />
              {method.submit}
            </button>
          </PasskeyForm>
          <NoPasskeys noScript={messages.verify.noScript}>
            <p>{messages.verify.noPasskeys}</p>
          </NoPasskeys>
        </>
      )}
      {method.kind === 'redirect' && (
        <PostForm action={`${base}/verify/${chosen}`} csrf={csrf}>
          <p>
            <Say text={method.lead} values={values} />
          </p>
          <button type="submit" id={method.hook} class="primary">
            <span>
              <Say text={method.submit} values={values} />
            </span>
          </button>
        </PostForm>
      )}
      {method.kind === 'password' && (
        <PostForm action={`${base}/verify/${chosen}`} csrf={csrf}>
          <PasswordField
            name="password"
            label={method.label}
            mistake={error === 'wrongPassword' ? messages.errors.wrongPassword : undefined}
            autofocus={error === undefined}
          />
          <button type="submit" id="continue" class="primary">
            {messages.verify.submit}
          </button>
        </PostForm>
      )}
      {method.kind === 'code' && (
        <PostForm action={`${base}/verify/${chosen}`} csrf={csrf}>
          <CodeField
            label={method.label}
            hints={[method.hint, method.tries]}
            mistake={wrongCode ? messages.errors.refused : undefined}
            digits={chosen === 'authenticator-app'}
          />
          <button type="submit" id="continue" class="primary">
            {messages.verify.submit}
          </button>
        </PostForm>
      )}
      {others.length > 0 && <OtherWays base={base} csrf={csrf} methods={others} provider={provider} />}
      <Cancel base={base} csrf={csrf} />
    </Page>
  );
}

function Person({ userName, base, csrf }: Pick<VerifyProps, 'userName' | 'base' | 'csrf'>) {
  return (
    <PostForm class="person" action={`${base}/back`} csrf={csrf}>
      <PersonIcon />
      {userName !== '' && <bdi>{userName}</bdi>}
      <button type="submit" id="not-you" class="link">
        {userName === '' ? messages.verify.byName : messages.verify.notYou}
      </button>
    </PostForm>
  );
}

/** Nothing to show a passkey with: where to make one, and the way back. */
function AddOne({ appName }: Pick<VerifyProps, 'appName'>) {
  return (
    <>
      <p>
        <Say text={messages.verify.asksForPasskey} values={{ app: appName }} />
      </p>
      <p>
        <Say text={messages.verify.addOneFirst} values={{ app: appName }} />
      </p>
      <a id="add-passkey" class="button primary" href={href('/security-info')}>
        {messages.verify.addOne}
      </a>
    </>
  );
}

/** Always in sight: whoever needs another way is the one with the least patience left. */
function OtherWays({
  base,
  csrf,
  methods,
  provider = '',
}: Pick<VerifyProps, 'base' | 'csrf' | 'methods' | 'provider'>) {
  return (
    <PostForm class="other-ways" action={`${base}/choose`} csrf={csrf} aria-labelledby="other-ways">
      <h2 id="other-ways">{messages.verify.otherWays}</h2>
      {methods.map((id) => (
        <button key={id} type="submit" id={messages.methods[id].hook} class="secondary" name="method" value={id}>
          {id === 'upstream' ? <PersonIcon /> : messages.methods[id].kind === 'passkey' ? <KeyIcon /> : <PassIcon />}
          <span>
            <Say text={messages.methods[id].choose} values={{ provider }} />
          </span>
        </button>
      ))}
    </PostForm>
  );
}
