import { Page } from '../layout.tsx';
import { messages } from '../messages.ts';
import { CodeField } from '../parts/code-field.tsx';
import { type Demanded, NotNow, WhyAsked } from '../parts/demanded.tsx';
import { EnrolWays } from '../parts/enrol-ways.tsx';
import { ErrorSummary } from '../parts/error-summary.tsx';
import type { Interaction } from '../parts/interaction.ts';
import { PasswordField } from '../parts/password-field.tsx';
import { Cancel, PostForm } from '../parts/post-form.tsx';
import { QrCode } from '../parts/qr-code.tsx';
import { Say } from '../parts/say.tsx';
import { type WindowEnd, WindowEnds } from '../parts/window-end.tsx';

export interface EnrolAppProps extends Interaction {
  /** Null where no pass limits the time. */
  readonly ends: WindowEnd | null;
  /** The organisation asks for it; absent where a pass opened the registration. */
  readonly demanded?: Demanded | undefined;
  /** Other things that can be registered here. */
  readonly others: readonly ('passkey' | 'authenticator-app')[];
  /** For whoever cannot scan: in groups of four. */
  readonly secret: string;
  /** What the QR code holds: an `otpauth:` address. */
  readonly uri: string;
  /** The app is a sign-in with a password only, so one is set in the same step. */
  readonly withPassword: boolean;
  readonly error?: 'appRefused' | 'passwordWeak' | 'passwordsDiffer' | 'tooManyApps' | undefined;
}

/** The authenticator app is connected here, proved with one code, and set together with a password. */
export function EnrolApp(props: EnrolAppProps) {
  const { layout, base, csrf, appName, ends, demanded, others, secret, uri, withPassword, error } = props;
  const say = messages.enrolApp;
  const field = error === 'appRefused' ? 'code' : error === 'passwordsDiffer' ? 'repeat' : 'password';
  const mistakeOf = (id: typeof error) => (error === id && id ? messages.errors[id] : undefined);
  return (
    <Page layout={layout} step="enrol" title={say.heading} mistaken={error !== undefined} scripted>
      <ErrorSummary error={error} {...(error !== 'tooManyApps' && { field })} />
      <h1>{say.heading}</h1>
      <WhyAsked demanded={demanded} appName={appName} />
      <p>{say.lead}</p>
      <PostForm action={`${base}/enrol/authenticator-app`} csrf={csrf}>
        <h2>{say.scan}</h2>
        <QrCode text={uri} label={say.qrLabel} />
        <details>
          <summary>{say.byHand}</summary>
          <p>{say.byHandHow}</p>
          <p>
            <code class="secret" dir="ltr">
              {secret}
            </code>
          </p>
        </details>
        {withPassword && (
          <>
            <h2>{say.password}</h2>
            <PasswordField
              name="password"
              label={say.passwordLabel}
              hint={say.passwordHint}
              mistake={mistakeOf('passwordWeak')}
              fresh
            />
            <PasswordField name="repeat" label={say.repeatLabel} mistake={mistakeOf('passwordsDiffer')} fresh />
          </>
        )}
        <h2>{say.code}</h2>
        <CodeField label={say.codeLabel} hints={[say.codeHint]} mistake={mistakeOf('appRefused')} digits waits />
        <button type="submit" id="continue" class="primary">
          {say.submit}
        </button>
        <p class="next">
          <Say text={say.next} values={{ app: appName }} />
        </p>
      </PostForm>
      <EnrolWays base={base} csrf={csrf} others={others} />
      <NotNow demanded={demanded} base={base} csrf={csrf} />
      {ends && <WindowEnds ends={ends} base={base} />}
      <Cancel base={base} csrf={csrf} />
    </Page>
  );
}
