import { Page } from '../layout.tsx';
import { messages } from '../messages.ts';
import { CarriedFor, StopHere } from '../parts/carried-for.tsx';
import { ContinueElsewhere } from '../parts/continue-elsewhere.tsx';
import { AppFields, type AppFieldsProps, appField } from '../parts/app-fields.tsx';
import { type Demanded, NotNow, WhyAsked } from '../parts/demanded.tsx';
import { EnrolWays } from '../parts/enrol-ways.tsx';
import { LostLink, LostSuspended } from '../parts/lost-link.tsx';
import { ErrorSummary } from '../parts/error-summary.tsx';
import type { Interaction } from '../parts/interaction.ts';
import { Cancel, PostForm } from '../parts/post-form.tsx';
import { Say } from '../parts/say.tsx';
import { type WindowEnd, WindowEnds } from '../parts/window-end.tsx';

export interface EnrolAppProps extends Interaction, AppFieldsProps {
  /** Null where no pass limits the time. */
  readonly ends: WindowEnd | null;
  /** The organisation asks for it; absent where a pass opened the registration. */
  readonly demanded?: Demanded | undefined;
  /** Other things that can be registered here. */
  readonly others: readonly ('passkey' | 'authenticator-app')[];
  /** On the device that the registration was carried on to: whose account it is for. */
  readonly carriedFor?: string | undefined;
  /** There are ways in from before the pass, which the person may have lost. */
  readonly mayHaveLost?: boolean | undefined;
  /** They have just said so. */
  readonly lostSuspended?: boolean | undefined;
}

/** The authenticator app is connected here, proved with one code, and set together with a password. */
export function EnrolApp(props: EnrolAppProps) {
  const { layout, base, csrf, appName, ends, demanded, others, secret, uri, withPassword, error, carriedFor } = props;
  const elsewhere = carriedFor !== undefined;
  const say = messages.enrolApp;
  const field = appField(error);
  return (
    <Page layout={layout} step="enrol" title={say.heading} mistaken={error !== undefined} scripted>
      <ErrorSummary error={error} {...(field !== undefined && { field })} />
      <LostSuspended lostSuspended={props.lostSuspended} />
      <h1>{say.heading}</h1>
      <CarriedFor user={carriedFor} />
      <WhyAsked demanded={demanded} appName={appName} />
      <p>{say.lead}</p>
      <PostForm action={`${base}/enrol/authenticator-app`} csrf={csrf}>
        <AppFields secret={secret} uri={uri} withPassword={withPassword} error={error} />
        <p class="next">
          <Say text={elsewhere ? messages.continueLink.afterwardsApp : say.next} values={{ app: appName }} />
        </p>
      </PostForm>
      {ends && !elsewhere && <ContinueElsewhere base={base} csrf={csrf} />}
      <EnrolWays base={base} csrf={csrf} others={others} />
      <LostLink base={base} mayHaveLost={props.mayHaveLost} />
      <NotNow demanded={demanded} base={base} csrf={csrf} />
      {ends && <WindowEnds ends={ends} base={base} />}
      {elsewhere ? <StopHere base={base} csrf={csrf} /> : <Cancel base={base} csrf={csrf} />}
    </Page>
  );
}
