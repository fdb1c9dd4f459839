import { href } from '../href.ts';
import { type Layout, Page } from '../layout.tsx';
import { messages } from '../messages.ts';
import { PostForm } from '../parts/post-form.tsx';
import { Say } from '../parts/say.tsx';

export interface RemoveMethodProps {
  readonly layout: Layout;
  readonly csrf: string;
  readonly method: {
    readonly id: string;
    readonly kind: 'passkey' | 'password' | 'authenticator-app' | 'recovery-code';
    readonly name: string;
  };
  /** It stays: nothing else would open the account. */
  readonly lastWayIn: boolean;
  /** What is left after it can be phished. */
  readonly lastStrong: boolean;
  /** Names of where they sign in from then on; empty while something here is left. */
  readonly leaves: readonly string[];
}

/** Says what removing it means. Only the button acts. */
export function RemoveMethod({ layout, csrf, method, lastWayIn, lastStrong, leaves }: RemoveMethodProps) {
  const say = messages.removeMethod;
  return (
    <Page layout={layout} step="remove-method" title={lastWayIn ? say.headingLast : say.heading}>
      <h1>{lastWayIn ? say.headingLast : say.heading}</h1>
      <p>
        <bdi class="strong">{method.name}</bdi>
      </p>
      <p>
        <Say text={lastWayIn ? say.last : say.effects[method.kind]} />
      </p>
      {lastStrong && <p class="notice">{say.lastStrong}</p>}
      {leaves.length > 0 && (
        <p class="notice">
          <Say text={say.lastHere} values={{ names: leaves.join(', ') }} />
        </p>
      )}
      {!lastWayIn && (
        <PostForm action={`/security-info/methods/${encodeURIComponent(method.id)}/remove`} csrf={csrf}>
          <button type="submit" id="remove" class="primary">
            {say.submit}
          </button>
        </PostForm>
      )}
      <a id="back" class="button secondary" href={href('/security-info')}>
        {say.back}
      </a>
    </Page>
  );
}
