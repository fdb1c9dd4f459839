import { href } from '../href.ts';
import { type Layout, Page } from '../layout.tsx';
import { messages } from '../messages.ts';
import { PostForm } from '../parts/post-form.tsx';

interface RecoveryCodesProps {
  readonly layout: Layout;
  readonly csrf: string;
  /** There are some, which stop working. */
  readonly replacing: boolean;
}

/** Says what the button does. Only the button acts. */
export function RecoveryCodes({ layout, csrf, replacing }: RecoveryCodesProps) {
  const say = messages.recoveryCodes;
  return (
    <Page layout={layout} step="recovery-codes" title={say.heading}>
      <h1>{say.heading}</h1>
      <p>{say.lead}</p>
      {replacing && <p class="notice">{say.replacing}</p>}
      <PostForm action="/security-info/recovery-codes" csrf={csrf}>
        <button type="submit" id="make-codes" class="primary">
          {say.submit}
        </button>
      </PostForm>
      <a id="back" class="button secondary" href={href('/security-info')}>
        {messages.securityInfo.back}
      </a>
    </Page>
  );
}

interface NewRecoveryCodesProps {
  readonly layout: Layout;
  readonly userPrincipalName: string;
  /** In groups of four. */
  readonly codes: readonly string[];
}

/** The only time they are seen: a sheet to print. */
export function NewRecoveryCodes({ layout, userPrincipalName, codes }: NewRecoveryCodesProps) {
  const say = messages.recoveryCodes;
  return (
    <Page layout={layout} step="new-recovery-codes" title={say.headingNew}>
      <h1>{say.headingNew}</h1>
      <p>
        <bdi class="strong">{userPrincipalName}</bdi>
      </p>
      <p>{say.keep}</p>
      <ol id="codes" class="codes">
        {codes.map((code) => (
          <li key={code}>
            <code dir="ltr">{code}</code>
          </li>
        ))}
      </ol>
      <p>{say.use}</p>
      <a id="done" class="button primary unprinted" href={href('/security-info')}>
        {say.done}
      </a>
    </Page>
  );
}
