import { Page } from '../layout.tsx';
import { messages } from '../messages.ts';
import { CarriedFor, StopHere } from '../parts/carried-for.tsx';
import { ContinueElsewhere } from '../parts/continue-elsewhere.tsx';
import { type Demanded, NotNow, WhyAsked } from '../parts/demanded.tsx';
import { EnrolWays } from '../parts/enrol-ways.tsx';
import { LostLink, LostSuspended } from '../parts/lost-link.tsx';
import { ErrorSummary } from '../parts/error-summary.tsx';
import { KeyIcon, PasskeyPicture, PhoneIcon, SecurityKeyIcon } from '../parts/icons.tsx';
import type { Interaction } from '../parts/interaction.ts';
import { NoPasskeys } from '../parts/no-passkeys.tsx';
import { PasskeyForm } from '../parts/passkey-form.tsx';
import { Cancel, PostForm } from '../parts/post-form.tsx';
import { Say } from '../parts/say.tsx';
import { type WindowEnd, WindowEnds } from '../parts/window-end.tsx';

export interface EnrolProps extends Interaction {
  /** Null where no pass limits the time. */
  readonly ends: WindowEnd | null;
  /** The organisation asks for it; absent where a pass opened the registration. */
  readonly demanded?: Demanded | undefined;
  /** Other things that can be registered here. */
  readonly others: readonly ('passkey' | 'authenticator-app')[];
  /** There are ways in from before the pass, which the person may have lost. */
  readonly mayHaveLost?: boolean | undefined;
  /** They have just said so. */
  readonly lostSuspended?: boolean | undefined;
  /** The pass is bound to this browser; a reusable one works in another. */
  readonly oneTime: boolean;
  readonly error?:
    | 'notCreated'
    | 'userUnverified'
    | 'alreadyRegistered'
    | 'tooManyPasskeys'
    | 'passkeysNotAllowed'
    | 'modelNotAllowed'
    | undefined;
  readonly reference?: string;
  /** On the device that the registration was carried on to: whose account it is for. */
  readonly carriedFor?: string | undefined;
}

/** The passkey is made here, and nothing else can be done before it is. */
export function Enrol(props: EnrolProps) {
  const { layout, base, csrf, appName, ends, demanded, others, oneTime, error, reference, carriedFor } = props;
  const say = messages.enrol;
  const app = { app: appName };
  const elsewhere = carriedFor !== undefined;
  const withPass = oneTime ? say.noPasskeysOneTime : say.noPasskeysReusable;
  const noPasskeys = elsewhere ? [messages.continueLink.noPasskeys] : ends ? withPass : say.noPasskeysSignedIn;
  return (
    <Page layout={layout} step="enrol" title={say.heading} mistaken={error !== undefined} scripted>
      <ErrorSummary error={error} reference={reference} />
      <LostSuspended lostSuspended={props.lostSuspended} />
      <p class="step">{messages.steps.first}</p>
      <h1>{say.heading}</h1>
      <CarriedFor user={carriedFor} />
      <WhyAsked demanded={demanded} appName={appName} />
      <PasskeyPicture />
      <p>{say.lead}</p>
      <PasskeyForm
        ceremony="create"
        action={`${base}/enrol/passkey`}
        csrf={csrf}
        next={base}
        optionsUrl={`${base}/enrol/passkey/options`}
      >
        {!elsewhere && (
          <button
            type="submit"
            class="secondary"
            form="restart"
            data-when-already
            hidden={error !== 'alreadyRegistered'}
          >
            <KeyIcon />
            {say.signInInstead}
          </button>
        )}
        <button type="button" id="create-passkey" class="primary" data-passkey-start hidden>
          <KeyIcon />
          {say.create}
        </button>
        <p class="next">
          <Say text={elsewhere ? messages.continueLink.afterwards : say.next} values={app} />
        </p>
        {!elsewhere && (
          <fieldset data-needs-passkeys hidden>
            <legend>{say.elsewhere}</legend>
            <button type="button" class="choice" data-passkey-start data-authenticator="remoteDevice" hidden>
              <PhoneIcon />
              <span>
                {say.phone}
                <small>{say.phoneHint}</small>
              </span>
            </button>
            <button type="button" class="choice" data-passkey-start data-authenticator="securityKey" hidden>
              <SecurityKeyIcon />
              <span>
                {say.securityKey}
                <small>{say.securityKeyHint}</small>
              </span>
            </button>
          </fieldset>
        )}
      </PasskeyForm>
      {!elsewhere && <PostForm id="restart" action={`${base}/restart`} csrf={csrf} hidden />}
      <NoPasskeys noScript={say.noScript}>
        <h2>{say.noPasskeys}</h2>
        {noPasskeys.map((sentence) => (
          <p key={sentence}>
            <Say text={sentence} values={app} />
          </p>
        ))}
      </NoPasskeys>
      {ends && !elsewhere && <ContinueElsewhere base={base} csrf={csrf} />}
      <EnrolWays base={base} csrf={csrf} others={others} />
      <LostLink base={base} mayHaveLost={props.mayHaveLost} />
      <NotNow demanded={demanded} base={base} csrf={csrf} />
      {ends && <WindowEnds ends={ends} base={base} />}
      {elsewhere ? <StopHere base={base} csrf={csrf} /> : <Cancel base={base} csrf={csrf} />}
    </Page>
  );
}
