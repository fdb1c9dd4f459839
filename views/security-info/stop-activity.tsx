import { href } from '../href.ts';
import { type Layout, Page } from '../layout.tsx';
import { messages } from '../messages.ts';
import { PostForm } from '../parts/post-form.tsx';
import { type ActivitySummary, What, Where } from './activity.tsx';

export interface StopActivityProps {
  readonly layout: Layout;
  readonly csrf: string;
  readonly activity: ActivitySummary;
  /** Names of what stops working. */
  readonly suspends: readonly string[];
}

/** Says what the button does. Only the button acts. */
export function StopActivity({ layout, csrf, activity, suspends }: StopActivityProps) {
  const say = messages.stopActivity;
  return (
    <Page layout={layout} step="stop-activity" title={say.heading} scripted>
      <h1>{say.heading}</h1>
      <p>
        <strong>
          <What activity={activity} />
        </strong>
      </p>
      <Where activity={activity} />
      <p>{say.lead}</p>
      <ul>
        {say.effects.map((effect) => (
          <li key={effect}>{effect}</li>
        ))}
      </ul>
      {suspends.length > 0 && (
        <>
          <p>{say.suspends}</p>
          <ul id="suspends">
            {suspends.map((name) => (
              <li key={name}>
                <bdi>{name}</bdi>
              </li>
            ))}
          </ul>
        </>
      )}
      <PostForm action={`/security-info/activity/${encodeURIComponent(activity.id)}/not-me`} csrf={csrf}>
        <button type="submit" id="stop" class="primary">
          {say.submit}
        </button>
      </PostForm>
      <a id="back" class="button secondary" href={href('/security-info/activity')}>
        {say.back}
      </a>
    </Page>
  );
}
