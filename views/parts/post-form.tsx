import type { ComponentChildren, FormHTMLAttributes } from 'preact';
import { href } from '../href.ts';
import { messages } from '../messages.ts';

interface PostFormProps extends Omit<FormHTMLAttributes<HTMLFormElement>, 'action'> {
  readonly action: string;
  readonly csrf: string;
  /** None for a form whose button stands elsewhere. */
  readonly children?: ComponentChildren;
}

/** Every form of ours: a plain POST with its token. */
export function PostForm({ action, csrf, children, ...rest }: PostFormProps) {
  return (
    <form method="post" action={href(action)} {...rest}>
      <input type="hidden" name="csrf" value={csrf} />
      {children}
    </form>
  );
}

/** The way out, on every page of a sign-in. */
export function Cancel({ base, csrf }: { readonly base: string; readonly csrf: string }) {
  return (
    <PostForm class="way-out" action={`${base}/cancel`} csrf={csrf}>
      <button type="submit" id="cancel" class="link">
        {messages.cancel}
      </button>
    </PostForm>
  );
}
