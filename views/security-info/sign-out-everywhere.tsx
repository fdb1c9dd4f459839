import { href } from '../href.ts';
import { type Layout, Page } from '../layout.tsx';
import { messages } from '../messages.ts';
import { PostForm } from '../parts/post-form.tsx';

export interface SignOutEverywhereProps {
  readonly layout: Layout;
  readonly csrf: string;
}

/** Says what the button does. Only the button acts. */
export function SignOutEverywhere({ layout, csrf }: SignOutEverywhereProps) {
  const say = messages.signOutEverywhere;
  return (
    <Page layout={layout} step="sign-out-everywhere" title={say.heading}>
      <h1>{say.heading}</h1>
      <p>{say.lead}</p>
      <ul>
        {say.effects.map((effect) => (
          <li key={effect}>{effect}</li>
        ))}
      </ul>
      <PostForm action="/security-info/sign-out-everywhere" csrf={csrf}>
        <button type="submit" id="sign-out-everywhere" class="primary">
          {say.submit}
        </button>
      </PostForm>
      <a id="back" class="button secondary" href={href('/security-info')}>
        {say.back}
      </a>
    </Page>
  );
}
