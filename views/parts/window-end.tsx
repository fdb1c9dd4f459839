import { href } from '../href.ts';
import { messages } from '../messages.ts';
import { saying } from './say.tsx';

/** When the registration window closes. `secondsLeft` is counted by the server, so that a wrong clock does no harm. */
export interface WindowEnd {
  /** RFC 3339. */
  readonly at: string;
  /** The time with its zone, as the server knows it; the script shows it in the reader's own. */
  readonly text: string;
  readonly secondsLeft: number;
}

/** The end as a time; with script also counted down: silently, with a word at five minutes, one, and none. */
export function WindowEnds({ ends, base }: { readonly ends: WindowEnd; readonly base: string }) {
  const say = messages.window;
  const [before, after] = say.until.split('{time}');
  return (
    <div class="window" data-seconds-left={ends.secondsLeft}>
      <p data-window-open>
        {before}
        <time dateTime={ends.at} data-local="time">
          {ends.text}
        </time>
        {after} <span role="timer" class="clock" data-clock={say.left} hidden />
      </p>
      <p class="quiet" data-window-open>
        {say.comeBack}
      </p>
      <p class="window-over" data-window-over hidden>
        {say.ended} <a href={href(base)}>{say.whatNow}</a>
      </p>
      <p
        role="status"
        class="unseen"
        data-window-says
        data-five-minutes={say.fiveMinutes}
        data-one-minute={say.oneMinute}
        data-ended={saying(say.ended)}
      />
    </div>
  );
}
