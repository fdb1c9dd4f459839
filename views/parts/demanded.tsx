import { messages } from '../messages.ts';
import { PostForm } from './post-form.tsx';
import { Say } from './say.tsx';

/** Why more is asked of somebody who could go on otherwise. */
export type Demanded = 'required' | 'nudge';

/** The reason, above all else on the page. */
export function WhyAsked({ demanded, appName }: { readonly demanded: Demanded | undefined; readonly appName: string }) {
  if (!demanded) return null;
  return (
    <p class="notice">
      <Say text={messages.demanded[demanded]} values={{ app: appName }} />
    </p>
  );
}

interface NotNowProps {
  readonly demanded: Demanded | undefined;
  readonly base: string;
  readonly csrf: string;
}

/** The way on without it, while it may be put off. */
export function NotNow({ demanded, base, csrf }: NotNowProps) {
  if (demanded !== 'nudge') return null;
  return (
    <PostForm action={`${base}/not-now`} csrf={csrf}>
      <button type="submit" id="not-now" class="secondary">
        {messages.demanded.notNow}
      </button>
    </PostForm>
  );
}
