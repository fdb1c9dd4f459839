import { messages } from '../messages.ts';
import { PhoneIcon } from './icons.tsx';
import { PostForm } from './post-form.tsx';

/** The way to carry the registration on to a phone. It needs no script here. */
export function ContinueElsewhere({ base, csrf }: { readonly base: string; readonly csrf: string }) {
  const say = messages.wait;
  return (
    <PostForm action={`${base}/elsewhere`} csrf={csrf}>
      <button type="submit" id="use-phone" class="choice">
        <PhoneIcon />
        <span>
          {say.choose}
          <small>{say.chooseHint}</small>
        </span>
      </button>
    </PostForm>
  );
}
