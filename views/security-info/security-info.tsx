import { href } from '../href.ts';
import { type Layout, Page } from '../layout.tsx';
import { messages } from '../messages.ts';
import { ErrorSummary } from '../parts/error-summary.tsx';
import { DoneIcon, KeyIcon } from '../parts/icons.tsx';
import { NoPasskeys } from '../parts/no-passkeys.tsx';
import { PasskeyForm } from '../parts/passkey-form.tsx';
import { LinkedSignIns, type LinkedSignInsProps } from './linked-sign-ins.tsx';
import { type MethodSummary, OtherMethods } from './other-methods.tsx';
import { PasskeyCard, type PasskeySummary } from './passkey-card.tsx';
import { SessionCard, type SessionSummary } from './session-card.tsx';

export interface SecurityInfoProps {
  readonly layout: Layout;
  readonly csrf: string;
  readonly displayName: string;
  readonly userPrincipalName: string;
  readonly signOutUrl: string;
  readonly passkeys: readonly PasskeySummary[];
  /** What there is beside passkeys, and what of that can be added. */
  readonly others?: readonly MethodSummary[];
  readonly mayAdd?: readonly MethodSummary['kind'][];
  /** Where else they can sign in; absent without a proof that is fresh enough to change it. */
  readonly links?: Omit<LinkedSignInsProps, 'csrf'>;
  /** Where the person is signed in; absent without a proof that is fresh enough to see it. */
  readonly sessions?: readonly SessionSummary[] | undefined;
  /** What the browser is told of the passkeys that are registered here; absent without a proof that is fresh enough to change them. */
  readonly signals?: {
    readonly rpId: string;
    /** The user handle, base64url, as are the credentials' ids. */
    readonly userId: string;
    readonly credentialIds: readonly string[];
  };
  /** Signed in with a pass: it may add a passkey at most, and the rest wants that passkey used. */
  readonly withPass?: { readonly proveUrl: string } | undefined;
  /** False where the pass has added one, or policy lets them add none. */
  readonly mayAddPasskey?: boolean;
  readonly notice?:
    | 'contained'
    | 'added'
    | 'renamed'
    | 'sessionEnded'
    | 'removed'
    | 'appAdded'
    | 'passwordSaved'
    | 'usedAgain'
    | 'linked'
    | 'unlinked'
    | undefined;
  readonly error?:
    | 'userUnverified'
    | 'notCreated'
    | 'alreadyRegistered'
    | 'tooManyPasskeys'
    | 'passkeysNotAllowed'
    | 'modelNotAllowed'
    | 'noMethodName'
    | 'longMethodName'
    | 'lastWayIn'
    | 'onePerPass'
    | 'linkTaken'
    | 'linkHasOther'
    | 'linkCancelled'
    | 'linkUnreachable'
    | 'linkRefused'
    | undefined;
  /** The method whose name was refused. */
  readonly errorMethodId?: string | undefined;
  readonly reference?: string;
  /** The name that was refused. */
  readonly typedName?: string;
}

/** What a person has registered, and one more passkey. */
export function SecurityInfo(props: SecurityInfoProps) {
  const { layout, csrf, displayName, userPrincipalName, signOutUrl, passkeys, notice, error, errorMethodId } = props;
  const { withPass, mayAddPasskey = true, links, sessions, signals, others = [], mayAdd = [] } = props;
  const say = messages.securityInfo;
  const signOut = (
    <a id="sign-out" class="aside" href={href(signOutUrl)}>
      {say.signOut}
    </a>
  );
  return (
    <Page
      layout={layout}
      step="security-info"
      title={say.heading}
      mistaken={error !== undefined}
      scripted
      wide
      aside={signOut}
    >
      <ErrorSummary
        error={error}
        {...(errorMethodId !== undefined && { field: `name-${errorMethodId}` })}
        reference={props.reference}
      />
      {notice && (
        <p class="done" role="status">
          <DoneIcon />
          <span>{say.notices[notice]}</span>
        </p>
      )}
      <h1>{say.heading}</h1>
      <p class="lead">
        {say.signedInAs} <bdi class="strong">{displayName}</bdi> <bdi class="quiet">{userPrincipalName}</bdi>
      </p>
      {signals && (
        <p
          hidden
          data-signal-rp={signals.rpId}
          data-signal-user={signals.userId}
          data-signal-accepted={signals.credentialIds.join(' ')}
          data-signal-name={userPrincipalName}
          data-signal-display-name={displayName}
        />
      )}
      <section aria-labelledby="passkeys">
        <h2 id="passkeys">{say.passkeys}</h2>
        <p class="about">{say.passkeysLead}</p>
        {passkeys.length > 0 && (
          <ul class="cards">
            {passkeys.map((passkey) => (
              <PasskeyCard
                key={passkey.id}
                passkey={passkey}
                csrf={csrf}
                fixed={withPass !== undefined}
                mistake={errorMethodId === passkey.id && error ? messages.errors[error] : undefined}
                typed={props.typedName}
              />
            ))}
          </ul>
        )}
        {withPass && (passkeys.length > 0 || others.length > 0) && (
          <p>
            {say.withPass}{' '}
            <a id="prove" href={href(withPass.proveUrl)}>
              {say.prove}
            </a>
          </p>
        )}
        {mayAddPasskey && (
          <div class={passkeys.length < 2 ? 'add nudge' : 'add'}>
            {passkeys.length < 2 && (
              <>
                <h3>{passkeys.length === 0 ? say.empty : say.onlyOne}</h3>
                <p>{passkeys.length === 0 ? say.emptyText : say.onlyOneText}</p>
              </>
            )}
            <PasskeyForm
              ceremony="create"
              action="/security-info/passkeys"
              csrf={csrf}
              optionsUrl="/security-info/passkeys/options"
            >
              <button
                type="button"
                id="create-passkey"
                class={passkeys.length < 2 ? 'primary' : 'secondary'}
                data-passkey-start
                hidden
              >
                <KeyIcon />
                {passkeys.length === 0 ? say.create : say.add}
              </button>
            </PasskeyForm>
            <NoPasskeys noScript={say.noScript}>
              <p>{say.noPasskeys}</p>
            </NoPasskeys>
          </div>
        )}
      </section>
      <OtherMethods
        methods={others}
        mayAdd={mayAdd}
        csrf={csrf}
        fixed={withPass !== undefined}
        mistaken={
          errorMethodId !== undefined && error
            ? { id: errorMethodId, mistake: messages.errors[error], typed: props.typedName }
            : undefined
        }
      />
      {links && <LinkedSignIns {...links} csrf={csrf} />}
      {sessions && (
        <section aria-labelledby="sessions">
          <h2 id="sessions">{say.sessions}</h2>
          <p class="about">{say.sessionsLead}</p>
          <ul class="cards">
            {sessions.map((session) => (
              <SessionCard key={session.id} session={session} csrf={csrf} />
            ))}
          </ul>
          <a id="sign-out-everywhere" class="button secondary" href={href('/security-info/sign-out-everywhere')}>
            {say.everywhere}
          </a>
        </section>
      )}
      {sessions && (
        <section aria-labelledby="activity">
          <h2 id="activity">{say.activity}</h2>
          <p class="about">{say.activityLead}</p>
          <a id="show-activity" class="button secondary" href={href('/security-info/activity')}>
            {say.showActivity}
          </a>
        </section>
      )}
    </Page>
  );
}
