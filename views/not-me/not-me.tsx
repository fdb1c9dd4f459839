import { type Layout, Page } from '../layout.tsx';
import { messages } from '../messages.ts';
import { PostForm } from '../parts/post-form.tsx';
import { Say } from '../parts/say.tsx';

export interface NotMeProps {
  readonly layout: Layout;
  readonly csrf: string;
  /** From the mail: the authority to do it. */
  readonly token: string;
  readonly user: string;
  /** The moment the mail was about. */
  readonly at: string;
}

/** A notice's link, opened: says what the button does. Only the button acts. */
export function NotMe({ layout, csrf, token, user, at }: NotMeProps) {
  const say = messages.notMe;
  return (
    <Page layout={layout} step="not-me" title={say.heading}>
      <h1>{say.heading}</h1>
      <p>
        <Say text={say.about} values={{ user, at }} />
      </p>
      <p>{say.lead}</p>
      <ul>
        {say.effects.map((effect) => (
          <li key={effect}>{effect}</li>
        ))}
      </ul>
      <PostForm action="/not-me" csrf={csrf}>
        <input type="hidden" name="token" value={token} />
        <button type="submit" id="stop" class="primary">
          {say.submit}
        </button>
      </PostForm>
      <p class="quiet">{say.wasYou}</p>
    </Page>
  );
}
