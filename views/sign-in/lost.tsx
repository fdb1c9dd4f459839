import { href } from '../href.ts';
import type { Layout } from '../layout.tsx';
import { Page } from '../layout.tsx';
import { messages } from '../messages.ts';
import { LastUse } from '../parts/last-use.tsx';
import { PostForm } from '../parts/post-form.tsx';
import { type WindowEnd, WindowEnds } from '../parts/window-end.tsx';
import type { Moment } from '../security-info/dates.tsx';

export interface LostMethod {
  readonly id: string;
  readonly kind: 'passkey' | 'authenticator-app' | 'recovery-code';
  readonly name: string;
  /** Absent for one that was never used, and for recovery codes. */
  readonly lastUsed?: Moment | undefined;
  readonly lastUsedWith?: string | undefined;
}

export interface LostProps {
  readonly layout: Layout;
  readonly base: string;
  readonly csrf: string;
  readonly methods: readonly LostMethod[];
  readonly ends: WindowEnd;
}

/** Did you lose any of these? Only what is ticked is touched, and going back touches nothing. */
export function Lost({ layout, base, csrf, methods, ends }: LostProps) {
  const say = messages.lost;
  return (
    <Page layout={layout} step="lost" title={say.heading} scripted>
      <h1>{say.heading}</h1>
      <p>{say.lead}</p>
      <PostForm action={`${base}/lost`} csrf={csrf}>
        <fieldset>
          <legend>{say.legend}</legend>
          {methods.map((method) => (
            <label key={method.id} class="tick" for={`lost-${method.id}`}>
              <input type="checkbox" id={`lost-${method.id}`} name={`lost-${method.id}`} value="yes" />
              <span>
                <bdi>{method.name}</bdi>
                <small>
                  {say.kinds[method.kind]}
                  {method.kind !== 'recovery-code' && <LastUse of={method} />}
                </small>
              </span>
            </label>
          ))}
        </fieldset>
        <p class="quiet">{say.effect}</p>
        <button type="submit" id="suspend-lost" class="primary">
          {say.submit}
        </button>
      </PostForm>
      <a id="back" class="button secondary" href={href(base)}>
        {say.none}
      </a>
      <WindowEnds ends={ends} base={base} />
    </Page>
  );
}
