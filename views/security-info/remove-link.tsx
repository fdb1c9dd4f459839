import { href } from '../href.ts';
import { messages } from '../messages.ts';
import { saying } from '../parts/say.tsx';

/** Leads to the page that asks first. */
export function RemoveLink({ id, name }: { readonly id: string; readonly name: string }) {
  const say = messages.securityInfo;
  return (
    <a
      class="reach"
      id={`remove-${id}`}
      href={href(`/security-info/methods/${encodeURIComponent(id)}/remove`)}
      aria-label={saying(say.removeOf, { method: name })}
    >
      {say.remove}
    </a>
  );
}
