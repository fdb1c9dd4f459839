import { messages } from '../messages.ts';
import { CodeField } from './code-field.tsx';
import { PasswordField } from './password-field.tsx';
import { QrCode } from './qr-code.tsx';

export interface AppFieldsProps {
  /** For whoever cannot scan: in groups of four. */
  readonly secret: string;
  /** What the QR code holds: an `otpauth:` address. */
  readonly uri: string;
  /** The app is a sign-in with a password only, so one is set in the same step. */
  readonly withPassword: boolean;
  readonly error?: 'appRefused' | 'passwordWeak' | 'passwordsDiffer' | 'tooManyApps' | 'onePerPass' | undefined;
}

/** Id of the field that a mistake is about; undefined when there is none to correct. */
export function appField(error: AppFieldsProps['error']): 'code' | 'repeat' | 'password' | undefined {
  const fields = { appRefused: 'code', passwordsDiffer: 'repeat', passwordWeak: 'password' } as const;
  return error === undefined || !(error in fields) ? undefined : fields[error as keyof typeof fields];
}

/** What is scanned, a password where one is missing, and the code that proves the app. */
export function AppFields({ secret, uri, withPassword, error }: AppFieldsProps) {
  const say = messages.enrolApp;
  const mistakeOf = (id: typeof error) => (error === id && id ? messages.errors[id] : undefined);
  return (
    <>
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
      <h2>{withPassword ? say.code : say.codeSecond}</h2>
      <CodeField label={say.codeLabel} hints={[say.codeHint]} mistake={mistakeOf('appRefused')} digits waits />
      <button type="submit" id="continue" class="primary">
        {say.submit}
      </button>
    </>
  );
}
