import { href } from '../href.ts';
import { type Layout, Page } from '../layout.tsx';
import { messages } from '../messages.ts';
import { PostForm } from '../parts/post-form.tsx';
import { Say } from '../parts/say.tsx';

export interface UnlinkProps {
  readonly layout: Layout;
  readonly csrf: string;
  readonly id: string;
  /** Of the organisation. */
  readonly name: string;
  /** It stays: nothing else would open the account. */
  readonly lastWayIn: boolean;
}

/** Says what unlinking means. Only the button acts. */
export function Unlink({ layout, csrf, id, name, lastWayIn }: UnlinkProps) {
  const say = messages.unlink;
  return (
    <Page layout={layout} step="unlink" title={lastWayIn ? say.headingLast : say.heading}>
      <h1>{lastWayIn ? say.headingLast : say.heading}</h1>
      <p>
        <bdi class="strong">{name}</bdi>
      </p>
      <p>
        <Say text={lastWayIn ? say.last : say.effect} values={{ name }} />
      </p>
      {!lastWayIn && (
        <PostForm action={`/security-info/links/${encodeURIComponent(id)}/remove`} csrf={csrf}>
          <button type="submit" id="unlink" class="primary">
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
