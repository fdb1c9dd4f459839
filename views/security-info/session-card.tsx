import { messages } from '../messages.ts';
import { PersonIcon } from '../parts/icons.tsx';
import { PostForm } from '../parts/post-form.tsx';
import { saying } from '../parts/say.tsx';
import type { Moment } from './dates.tsx';

export interface SessionSummary {
  readonly id: string;
  /** Browser and system, as in "Chrome on Windows"; absent when the browser did not say. */
  readonly device?: string | undefined;
  /** The address it was signed in from. */
  readonly place?: string | undefined;
  readonly method: 'passkey' | 'pass' | 'password' | 'other';
  readonly started: Moment;
  readonly lastSeen: Moment;
  /** Names of apps. */
  readonly apps: readonly string[];
  /** The one that this page is looked at with. */
  readonly current: boolean;
}

export function SessionCard({ session, csrf }: { readonly session: SessionSummary; readonly csrf: string }) {
  const say = messages.securityInfo;
  const device = session.device ?? say.unknownDevice;
  return (
    <li class="card">
      <PersonIcon />
      <div>
        <h3>
          <bdi>{device}</bdi> {session.current && <span class="badge">{say.thisBrowser}</span>}
        </h3>
        <dl>
          <div>
            <dt>{say.signedIn}</dt>
            <dd>
              <Time moment={session.started} /> <span class="quiet">{say.signedInWith[session.method]}</span>
            </dd>
          </div>
          <div>
            <dt>{say.lastSeen}</dt>
            <dd>
              <Time moment={session.lastSeen} />
            </dd>
          </div>
          {session.place && (
            <div>
              <dt>{say.place}</dt>
              <dd>
                <bdi>{session.place}</bdi>
              </dd>
            </div>
          )}
          {session.apps.length > 0 && (
            <div>
              <dt>{say.apps}</dt>
              {session.apps.map((app) => (
                <dd key={app} class="listed">
                  <bdi>{app}</bdi>
                </dd>
              ))}
            </div>
          )}
        </dl>
        {!session.current && (
          <PostForm class="rename" action="/security-info/sessions/end" csrf={csrf}>
            <input type="hidden" name="session" value={session.id} />
            <button type="submit" class="secondary" aria-label={saying(say.endSessionOf, { device })}>
              {say.endSession}
            </button>
          </PostForm>
        )}
      </div>
    </li>
  );
}

function Time({ moment }: { readonly moment: Moment }) {
  return (
    <time dateTime={moment.at} data-local="date-time">
      {moment.text}
    </time>
  );
}
