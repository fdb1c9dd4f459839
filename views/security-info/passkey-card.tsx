import { messages } from '../messages.ts';
import { KeyIcon } from '../parts/icons.tsx';
import { PostForm } from '../parts/post-form.tsx';
import { saying } from '../parts/say.tsx';

/** A moment as the server writes it; the script shows it in the reader's own zone. */
export interface Moment {
  /** RFC 3339. */
  readonly at: string;
  readonly text: string;
}

export interface PasskeySummary {
  readonly id: string;
  readonly name: string;
  /** Who keeps it, as far as the AAGUID tells. */
  readonly provider?: string | undefined;
  /** It cannot be synced: lost with the device. */
  readonly deviceBound: boolean;
  readonly created: Moment;
  readonly lastUsed?: Moment | undefined;
  /** Browser and system of the last use, as in "Chrome, Linux". */
  readonly lastUsedWith?: string | undefined;
}

interface PasskeyCardProps {
  readonly passkey: PasskeySummary;
  readonly csrf: string;
  readonly mistake?: string | undefined;
  /** Shown, and not to be changed. */
  readonly fixed?: boolean;
}

export function PasskeyCard({ passkey, csrf, mistake, fixed = false }: PasskeyCardProps) {
  const say = messages.securityInfo;
  const field = `name-${passkey.id}`;
  return (
    <li class="card" id={`passkey-${passkey.id}`}>
      <KeyIcon />
      <div>
        <h3>
          <bdi>{passkey.name}</bdi> {passkey.deviceBound && <span class="badge">{say.thisDeviceOnly}</span>}
        </h3>
        <dl>
          {passkey.provider && (
            <div>
              <dt>{say.provider}</dt>
              <dd>
                <bdi>{passkey.provider}</bdi>
              </dd>
            </div>
          )}
          <div>
            <dt>{say.created}</dt>
            <dd>
              <time dateTime={passkey.created.at} data-local="date">
                {passkey.created.text}
              </time>
            </dd>
          </div>
          <div>
            <dt>{say.lastUsed}</dt>
            <dd>
              {passkey.lastUsed ? (
                <time dateTime={passkey.lastUsed.at} data-local="date-time">
                  {passkey.lastUsed.text}
                </time>
              ) : (
                say.neverUsed
              )}
              {passkey.lastUsed && passkey.lastUsedWith && <bdi class="quiet"> {passkey.lastUsedWith}</bdi>}
            </dd>
          </div>
        </dl>
        {!fixed && (
          <details open={mistake !== undefined}>
            <summary aria-label={saying(say.renameOf, { passkey: passkey.name })}>{say.rename}</summary>
            <PostForm
              class="rename"
              action={`/security-info/passkeys/${encodeURIComponent(passkey.id)}/name`}
              csrf={csrf}
            >
              <div class="field">
                <label for={field}>{say.name}</label>
                {mistake && (
                  <p class="mistake" id={`${field}-mistake`}>
                    {mistake}
                  </p>
                )}
                <input
                  type="text"
                  id={field}
                  name="name"
                  value={passkey.name}
                  autocomplete="off"
                  dir="auto"
                  aria-invalid={mistake ? 'true' : undefined}
                  aria-describedby={mistake && `${field}-mistake`}
                />
              </div>
              <button type="submit" class="secondary">
                {say.save}
              </button>
            </PostForm>
          </details>
        )}
      </div>
    </li>
  );
}
