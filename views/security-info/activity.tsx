import { href } from '../href.ts';
import { type Layout, Page } from '../layout.tsx';
import { messages } from '../messages.ts';
import { Say, saying } from '../parts/say.tsx';
import type { Moment } from './dates.tsx';

export interface ActivitySummary {
  readonly id: string;
  readonly kind: keyof typeof messages.activity.what;
  readonly at: Moment;
  readonly by: keyof typeof messages.activity.by;
  /** The name of the app that was signed in to. */
  readonly app?: string | undefined;
  readonly proofs: readonly (keyof typeof messages.activity.with)[];
  /** The name of the method it was about, or the browser that was signed out. */
  readonly about?: string | undefined;
  readonly device?: string | undefined;
  readonly place?: string | undefined;
}

export interface RecentActivityProps {
  readonly layout: Layout;
  readonly activities: readonly ActivitySummary[];
  /** Sign-ins that failed; from 1,000 on they are no longer counted. */
  readonly failed: { readonly count: number; readonly last?: Moment };
}

/** What happened to one's account, and the way to stop what was somebody else. */
export function RecentActivity({ layout, activities, failed }: RecentActivityProps) {
  const say = messages.activity;
  return (
    <Page layout={layout} step="activity" title={say.heading} scripted wide>
      <h1>{say.heading}</h1>
      <p class="lead">{say.lead}</p>
      <Tries failed={failed} />
      {activities.length === 0 && <p>{say.none}</p>}
      {activities.length > 0 && (
        <ul class="cards">
          {activities.map((activity) => (
            <li key={activity.id} class="card">
              <div>
                <h2>
                  <What activity={activity} />
                </h2>
                <Where activity={activity} />
                <a
                  class="reach"
                  id={`not-me-${activity.id}`}
                  href={href(`/security-info/activity/${encodeURIComponent(activity.id)}`)}
                  aria-label={saying(say.notMeOf, { what: wordsOf(activity), at: activity.at.text })}
                >
                  {say.notMe}
                </a>
              </div>
            </li>
          ))}
        </ul>
      )}
      <a id="back" class="button secondary" href={href('/security-info')}>
        {say.back}
      </a>
    </Page>
  );
}

/** The event as a sentence, and the name of what it was about. */
export function What({ activity }: { readonly activity: ActivitySummary }) {
  const say = messages.activity;
  return (
    <>
      <Say text={say.what[activity.kind]} values={{ app: activity.app ?? say.unknownApp }} />
      {activity.about && (
        <>
          {': '}
          <bdi>{activity.about}</bdi>
        </>
      )}
    </>
  );
}

/** When it was, by whom, with what and from where, as far as that is the person's to know. */
export function Where({ activity }: { readonly activity: ActivitySummary }) {
  const say = messages.activity;
  const { at, by, proofs, device, place } = activity;
  const ways = [...new Set(proofs)].map((proof) => say.with[proof]).join(` ${say.and} `);
  return (
    <p class="quiet">
      <time dateTime={at.at} data-local="date-time">
        {at.text}
      </time>
      {say.by[by] && <> · {say.by[by]}</>}
      {ways && <> · {ways}</>}
      {device && (
        <>
          {' · '}
          <bdi>{device}</bdi>
        </>
      )}
      {place && (
        <>
          {' · '}
          <bdi>{place}</bdi>
        </>
      )}
    </p>
  );
}

function Tries({ failed: { count, last } }: Pick<RecentActivityProps, 'failed'>) {
  const say = messages.activity.tries;
  if (count === 0 || !last) return <p id="tries">{say.none}</p>;
  const number = count >= 1_000 ? messages.activity.many : String(count);
  return (
    <p id="tries" class="notice">
      <Say text={say.some} values={{ count: number, at: last.text }} /> {say.advice}
    </p>
  );
}

function wordsOf({ kind, app, about }: ActivitySummary): string {
  const say = messages.activity;
  const words = saying(say.what[kind], { app: app ?? say.unknownApp });
  return about ? `${words}: ${about}` : words;
}
