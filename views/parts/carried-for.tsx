import { messages } from '../messages.ts';
import { PersonIcon } from './icons.tsx';
import { PostForm } from './post-form.tsx';

/** On the device that a registration was carried on to: whose account it is for, on every page. */
export function CarriedFor({ user }: { readonly user: string | undefined }) {
  if (user === undefined) return null;
  const [before, after] = messages.continueLink.account.split('{user}');
  return (
    <div class="carried-for">
      <PersonIcon />
      <p>
        {before}
        <bdi>{user}</bdi>
        {after}
      </p>
    </div>
  );
}

/** The way out there: it gives the registration back. */
export function StopHere({ base, csrf }: { readonly base: string; readonly csrf: string }) {
  return (
    <PostForm class="way-out" action={`${base}/stop`} csrf={csrf}>
      <button type="submit" id="cancel" class="link">
        {messages.continueLink.stop}
      </button>
    </PostForm>
  );
}
