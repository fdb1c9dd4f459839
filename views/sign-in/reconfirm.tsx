import { Page } from '../layout.tsx';
import { messages } from '../messages.ts';
import { KeyIcon, PassIcon, PhoneIcon } from '../parts/icons.tsx';
import type { Interaction } from '../parts/interaction.ts';
import { LastUse } from '../parts/last-use.tsx';
import { Cancel, PostForm } from '../parts/post-form.tsx';
import { Say } from '../parts/say.tsx';
import type { Moment } from '../security-info/dates.tsx';

export interface ConfirmableMethod {
  readonly id: string;
  readonly kind: keyof typeof messages.reconfirm.kinds;
  readonly name: string;
  /** Absent for one that was never used, and for recovery codes. */
  readonly lastUsed?: Moment | undefined;
  readonly lastUsedWith?: string | undefined;
}

export interface ReconfirmProps extends Interaction {
  readonly methods: readonly ConfirmableMethod[];
}

/** Asked once in so many days, after the strongest proof. Nothing is changed here. */
export function Reconfirm({ layout, base, csrf, appName, methods }: ReconfirmProps) {
  const say = messages.reconfirm;
  return (
    <Page layout={layout} step="reconfirm" title={say.heading} scripted>
      <h1>{say.heading}</h1>
      <p>{say.lead}</p>
      <ul class="cards" aria-label={say.legend}>
        {methods.map((method) => (
          <li key={method.id} class="card">
            <MethodIcon kind={method.kind} />
            <div>
              <bdi>{method.name}</bdi>
              <br />
              <small>
                {say.kinds[method.kind]}
                {method.kind !== 'recovery-code' && <LastUse of={method} />}
              </small>
            </div>
          </li>
        ))}
      </ul>
      <PostForm action={`${base}/confirm-methods`} csrf={csrf}>
        <button type="submit" id="still-mine" class="primary">
          {say.yes}
        </button>
      </PostForm>
      <PostForm action={`${base}/change-methods`} csrf={csrf}>
        <button type="submit" id="change-methods" class="secondary" aria-describedby="change-means">
          {say.change}
        </button>
      </PostForm>
      <p id="change-means" class="quiet">
        <Say text={say.changeMeans} values={{ app: appName }} />
      </p>
      <Cancel base={base} csrf={csrf} />
    </Page>
  );
}

function MethodIcon({ kind }: Pick<ConfirmableMethod, 'kind'>) {
  if (kind === 'recovery-code') return <PassIcon />;
  return kind === 'authenticator-app' ? <PhoneIcon /> : <KeyIcon />;
}
