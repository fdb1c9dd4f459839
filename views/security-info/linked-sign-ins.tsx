import { href } from '../href.ts';
import { messages } from '../messages.ts';
import { PersonIcon } from '../parts/icons.tsx';
import { PostForm } from '../parts/post-form.tsx';
import { Say, saying } from '../parts/say.tsx';
import { Dates, type Moment } from './dates.tsx';

export interface LinkedSignIn {
  readonly id: string;
  /** Of the organisation. */
  readonly name: string;
  readonly created: Moment;
  readonly lastUsed?: Moment | undefined;
  /** It opens nothing until an administrator allows it. */
  readonly waits: boolean;
}

export interface LinkedSignInsProps {
  readonly linked: readonly LinkedSignIn[];
  /** What can be linked. */
  readonly offered: readonly { readonly id: string; readonly name: string }[];
  readonly csrf: string;
}

/** Where else a person can sign in to come in here. Nothing of it where there is no such place. */
export function LinkedSignIns({ linked, offered, csrf }: LinkedSignInsProps) {
  if (linked.length === 0 && offered.length === 0) return null;
  const say = messages.securityInfo;
  return (
    <section aria-labelledby="links">
      <h2 id="links">{say.links}</h2>
      <p class="about">{say.linksLead}</p>
      {linked.length > 0 && (
        <ul class="cards">
          {linked.map((link) => (
            <li key={link.id} class="card">
              <PersonIcon />
              <div>
                <h3>
                  <bdi>{link.name}</bdi>
                </h3>
                <Dates of={link} withLastUse />
                {link.waits && <p class="notice">{say.linkWaits}</p>}
                <a
                  class="reach"
                  id={`unlink-${link.id}`}
                  href={href(`/security-info/links/${encodeURIComponent(link.id)}/remove`)}
                  aria-label={saying(say.unlinkOf, { name: link.name })}
                >
                  {say.unlink}
                </a>
              </div>
            </li>
          ))}
        </ul>
      )}
      {offered.map(({ id, name }) => (
        <PostForm key={id} action="/security-info/links" csrf={csrf}>
          <input type="hidden" name="provider" value={id} />
          <button type="submit" id={`link-${id}`} class="secondary">
            <Say text={say.link} values={{ name }} />
          </button>
        </PostForm>
      ))}
    </section>
  );
}
