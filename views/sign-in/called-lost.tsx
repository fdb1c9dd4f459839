import type { Layout } from '../layout.tsx';
import { Page } from '../layout.tsx';
import { messages } from '../messages.ts';
import { PostForm } from '../parts/post-form.tsx';
import { Say } from '../parts/say.tsx';

export interface ReclaimedProps {
  readonly layout: Layout;
  readonly base: string;
  readonly csrf: string;
  /** When it was called lost, removed, or linked. */
  readonly at: string;
}

export interface CalledLostProps extends ReclaimedProps {
  readonly removed?: boolean | undefined;
}

/** For whoever has just used a passkey that was called lost through a pass, or removed after one. Only the button acts. */
export function CalledLost({ layout, base, csrf, at, removed }: CalledLostProps) {
  const say = { ...messages.calledLost, ...(removed && messages.removedAfterPass) };
  return (
    <Page layout={layout} step="called-lost" title={say.heading}>
      <h1>{say.heading}</h1>
      <p>
        <Say text={say.about} values={{ at }} />
      </p>
      <p>{say.lead}</p>
      <ul>
        {say.effects.map((effect) => (
          <li key={effect}>{effect}</li>
        ))}
      </ul>
      <PostForm action={`${base}/not-me`} csrf={csrf}>
        <button type="submit" id="stop" class="primary">
          {say.submit}
        </button>
      </PostForm>
      <p class="quiet">{say.wasYou}</p>
      <PostForm action={`${base}/go-on`} csrf={csrf}>
        <button type="submit" id="go-on" class="secondary">
          {say.goOn}
        </button>
      </PostForm>
    </Page>
  );
}

/** A sign-in linked elsewhere was somebody else's: what saying so has done. */
export function Disowned({ layout, base, csrf, at, name }: ReclaimedProps & { readonly name: string }) {
  const say = messages.disowned;
  return (
    <Page layout={layout} step="stopped" title={say.heading}>
      <h1>{say.heading}</h1>
      <p>
        <Say text={say.lead} values={{ name, at }} />
      </p>
      <p>{say.next}</p>
      <PostForm action={`${base}/go-on`} csrf={csrf}>
        <button type="submit" id="go-on" class="primary">
          {say.submit}
        </button>
      </PostForm>
    </Page>
  );
}

/** What the button has done. */
export function Reclaimed({ layout, base, csrf, at }: ReclaimedProps) {
  const say = messages.reclaimed;
  return (
    <Page layout={layout} step="stopped" title={say.heading}>
      <h1>{say.heading}</h1>
      <p>
        <Say text={say.lead} values={{ at }} />
      </p>
      <p>{say.next}</p>
      <PostForm action={`${base}/go-on`} csrf={csrf}>
        <button type="submit" id="go-on" class="primary">
          {say.submit}
        </button>
      </PostForm>
    </Page>
  );
}
