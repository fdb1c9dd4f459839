import { Page } from '../layout.tsx';
import { messages } from '../messages.ts';
import { CarriedFor, StopHere } from '../parts/carried-for.tsx';
import { ErrorSummary } from '../parts/error-summary.tsx';
import { DoneIcon, KeyIcon } from '../parts/icons.tsx';
import type { Interaction } from '../parts/interaction.ts';
import { NoPasskeys } from '../parts/no-passkeys.tsx';
import { PasskeyForm } from '../parts/passkey-form.tsx';
import { Cancel } from '../parts/post-form.tsx';
import { Say } from '../parts/say.tsx';
import { type WindowEnd, WindowEnds } from '../parts/window-end.tsx';

export interface ConfirmProps extends Interaction {
  /** Null where no pass limits the time. */
  readonly ends: WindowEnd | null;
  /** Its name and place, as in "iCloud Keychain" or "Passkey on Chrome, Linux". */
  readonly passkeyName: string;
  readonly error?:
    | 'notConfirmed'
    | 'passkeyUnknown'
    | 'userUnverified'
    | 'passkeyOfOther'
    | 'passkeySuspended'
    | 'passkeyNotAllowed'
    | undefined;
  readonly reference?: string;
  /** On the device that the registration was carried on to: whose account it is for. */
  readonly carriedFor?: string | undefined;
}

/** Registering a passkey raises nothing; using it does. So it is used once, at once. */
export function Confirm(props: ConfirmProps) {
  const { layout, base, csrf, appName, ends, passkeyName, error, reference, carriedFor } = props;
  const elsewhere = carriedFor !== undefined;
  const say = messages.confirm;
  return (
    <Page layout={layout} step="confirm" title={say.heading} mistaken={error !== undefined} scripted>
      <ErrorSummary error={error} reference={reference} />
      <p class="step">{messages.steps.second}</p>
      <h1>{say.heading}</h1>
      <CarriedFor user={carriedFor} />
      <p class="done">
        <DoneIcon />
        <span>
          <Say text={say.saved} values={{ passkey: passkeyName }} />
        </span>
      </p>
      <p>
        <Say text={elsewhere ? messages.continueLink.confirmLead : say.lead} values={{ app: appName }} />
      </p>
      <PasskeyForm
        ceremony="get"
        action={`${base}/verify/passkey`}
        csrf={csrf}
        next={base}
        optionsUrl={`${base}/challenge/passkey`}
      >
        <button type="button" id="use-passkey" class="primary" data-passkey-start hidden>
          <KeyIcon />
          {say.submit}
        </button>
      </PasskeyForm>
      <NoPasskeys noScript={say.noScript}>
        <p>{say.noPasskeys}</p>
      </NoPasskeys>
      <p class="quiet">{elsewhere ? messages.continueLink.trouble : say.trouble}</p>
      {ends && <WindowEnds ends={ends} base={base} />}
      {elsewhere ? <StopHere base={base} csrf={csrf} /> : <Cancel base={base} csrf={csrf} />}
    </Page>
  );
}
