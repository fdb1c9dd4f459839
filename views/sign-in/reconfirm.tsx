import { Page } from '../layout.tsx';
import { messages } from '../messages.ts';
import { KeyIcon, PassIcon, PersonIcon, PhoneIcon } from '../parts/icons.tsx';
import type { Interaction } from '../parts/interaction.ts';
import { LastUse } from '../parts/last-use.tsx';
import { Cancel, PostForm } from '../parts/post-form.tsx';
import { Say, saying } from '../parts/say.tsx';
import type { Moment } from '../security-info/dates.tsx';

export interface ConfirmableMethod {
  readonly id: string;
  readonly kind: keyof typeof messages.reconfirm.kinds;
  readonly name: string;
  /** Absent for one that was never used, and for recovery codes. */
  readonly lastUsed?: Moment | undefined;
  readonly lastUsedWith?: string | undefined;
}

/** A sign-in at another organisation. */
export interface ConfirmableLink {
  readonly id: string;
  /** Of the organisation. */
  readonly name: string;
  readonly linked: Moment;
  readonly lastUsed?: Moment | undefined;
  /** It signs its owner in as things stand. */
  readonly opens: boolean;
  /** It did so just now. */
  readonly used: boolean;
  /** Names of what stops with it. */
  readonly stops: readonly string[];
}

export interface ReconfirmProps extends Interaction {
  readonly methods: readonly ConfirmableMethod[];
  readonly links: readonly ConfirmableLink[];
}

/** Asked once in so many days, after the strongest proof. Nothing is changed here, but a link that somebody else has made goes at once. */
export function Reconfirm({ layout, base, csrf, appName, methods, links }: ReconfirmProps) {
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
        {links.map((link) => (
          <Link key={link.id} link={link} base={base} csrf={csrf} />
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

/** Whoever has the account there can sign in here: what to do about one that is not theirs stands with it, folded away. */
function Link({ link, base, csrf }: Pick<ReconfirmProps, 'base' | 'csrf'> & { readonly link: ConfirmableLink }) {
  const { id, name, linked, opens, used, stops } = link;
  const say = messages.reconfirm;
  return (
    <li class="card">
      <PersonIcon />
      <div>
        <bdi>{name}</bdi>
        <br />
        <small>
          {say.link}
          <LastUse of={link} />
        </small>
        <br />
        <small>
          {say.linkedOn}{' '}
          <time dateTime={linked.at} data-local="date">
            {linked.text}
          </time>
          .{!opens && ` ${say.linkRests}`}
        </small>
        {!used && (
          <details class="folded">
            <summary aria-label={saying(say.notMineOf, { name })}>{say.notMine}</summary>
            <p>{say.notMineMeans}</p>
            {stops.length > 0 && (
              <>
                <p>{say.notMineStops}</p>
                <ul>
                  {stops.map((stopped) => (
                    <li key={stopped}>
                      <bdi>{stopped}</bdi>
                    </li>
                  ))}
                </ul>
              </>
            )}
            <PostForm action={`${base}/not-mine`} csrf={csrf}>
              <input type="hidden" name="link" value={id} />
              <button type="submit" id={`not-mine-${id}`} class="secondary">
                {say.stop}
              </button>
            </PostForm>
          </details>
        )}
      </div>
    </li>
  );
}

function MethodIcon({ kind }: Pick<ConfirmableMethod, 'kind'>) {
  if (kind === 'recovery-code') return <PassIcon />;
  return kind === 'authenticator-app' ? <PhoneIcon /> : <KeyIcon />;
}
