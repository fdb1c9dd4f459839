import { messages } from '../messages.ts';
import { KeyIcon, PhoneIcon } from './icons.tsx';
import { PostForm } from './post-form.tsx';

interface EnrolWaysProps {
  readonly base: string;
  readonly csrf: string;
  readonly others: readonly ('passkey' | 'authenticator-app')[];
}

/** Something else to register instead. */
export function EnrolWays({ base, csrf, others }: EnrolWaysProps) {
  if (others.length === 0) return null;
  const words = messages.enrolWays;
  return (
    <PostForm class="other-ways" action={`${base}/choose`} csrf={csrf} aria-labelledby="enrol-ways">
      <h2 id="enrol-ways">{words.heading}</h2>
      {others.map((id) => (
        <button key={id} type="submit" id={messages.methods[id].hook} class="secondary" name="method" value={id}>
          {id === 'passkey' ? <KeyIcon /> : <PhoneIcon />}
          {words[id]}
        </button>
      ))}
    </PostForm>
  );
}
