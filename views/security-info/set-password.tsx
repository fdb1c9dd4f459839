import { href } from '../href.ts';
import { type Layout, Page } from '../layout.tsx';
import { messages } from '../messages.ts';
import { ErrorSummary } from '../parts/error-summary.tsx';
import { PasswordField } from '../parts/password-field.tsx';
import { PostForm } from '../parts/post-form.tsx';

export interface SetPasswordProps {
  readonly layout: Layout;
  readonly csrf: string;
  readonly userPrincipalName: string;
  /** There is one, which stops working. */
  readonly change: boolean;
  readonly error?: 'passwordWeak' | 'passwordsDiffer' | undefined;
}

export function SetPassword({ layout, csrf, userPrincipalName, change, error }: SetPasswordProps) {
  const say = messages.setPassword;
  const heading = change ? say.headingChange : say.heading;
  return (
    <Page layout={layout} step="set-password" title={heading} mistaken={error !== undefined} scripted>
      <ErrorSummary error={error} field={error === 'passwordsDiffer' ? 'repeat' : 'password'} />
      <h1>{heading}</h1>
      <p>{say.lead}</p>
      {change && <p>{say.others}</p>}
      <PostForm action="/security-info/password" csrf={csrf}>
        {/* By which a password manager knows whose it is. */}
        <input type="text" name="username" value={userPrincipalName} autocomplete="username" readOnly hidden />
        <PasswordField
          name="password"
          label={messages.enrolApp.passwordLabel}
          hint={messages.enrolApp.passwordHint}
          mistake={error === 'passwordWeak' ? messages.errors.passwordWeak : undefined}
          fresh
        />
        <PasswordField
          name="repeat"
          label={messages.enrolApp.repeatLabel}
          mistake={error === 'passwordsDiffer' ? messages.errors.passwordsDiffer : undefined}
          fresh
        />
        <button type="submit" id="save-password" class="primary">
          {say.submit}
        </button>
      </PostForm>
      <a id="back" class="button secondary" href={href('/security-info')}>
        {messages.securityInfo.back}
      </a>
    </Page>
  );
}
