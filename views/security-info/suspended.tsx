import { messages } from '../messages.ts';
import { PostForm } from '../parts/post-form.tsx';
import { Say, saying } from '../parts/say.tsx';

export interface Suspension {
  /** A moment as a person reads it, with its zone. */
  readonly at: string;
  readonly for: 'lost' | 'administrator' | 'other';
}

interface SuspendedProps {
  readonly id: string;
  readonly name: string;
  readonly csrf: string;
  readonly suspension: Suspension | undefined;
  /** Shown, and not to be changed. */
  readonly fixed: boolean;
}

/** Since when it does not work, and the way back for what its owner has found again. */
export function Suspended({ id, name, csrf, suspension, fixed }: SuspendedProps) {
  if (!suspension) return null;
  const say = messages.securityInfo;
  return (
    <>
      <p class="quiet">
        <Say text={say.suspendedFor[suspension.for]} values={{ at: suspension.at }} />
      </p>
      {suspension.for === 'lost' && !fixed && (
        <PostForm action={`/security-info/methods/${encodeURIComponent(id)}/use-again`} csrf={csrf}>
          <button
            type="submit"
            id={`use-again-${id}`}
            class="link"
            aria-label={saying(say.useAgainOf, { method: name })}
          >
            {say.useAgain}
          </button>
        </PostForm>
      )}
    </>
  );
}
