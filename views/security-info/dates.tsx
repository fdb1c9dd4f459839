import { messages } from '../messages.ts';

/** A moment as the server writes it; the script shows it in the reader's own zone. */
export interface Moment {
  /** RFC 3339. */
  readonly at: string;
  readonly text: string;
}

interface DatesProps {
  readonly of: {
    readonly provider?: string | undefined;
    readonly created: Moment;
    readonly lastUsed?: Moment | undefined;
    readonly lastUsedWith?: string | undefined;
  };
  readonly withLastUse?: boolean;
}

/** By what people recognise a method of theirs. */
export function Dates({ of: { provider, created, lastUsed, lastUsedWith }, withLastUse = true }: DatesProps) {
  const say = messages.securityInfo;
  return (
    <dl>
      {provider && (
        <div>
          <dt>{say.provider}</dt>
          <dd>
            <bdi>{provider}</bdi>
          </dd>
        </div>
      )}
      <div>
        <dt>{say.created}</dt>
        <dd>
          <time dateTime={created.at} data-local="date">
            {created.text}
          </time>
        </dd>
      </div>
      {withLastUse && (
        <div>
          <dt>{say.lastUsed}</dt>
          <dd>
            {lastUsed ? (
              <time dateTime={lastUsed.at} data-local="date-time">
                {lastUsed.text}
              </time>
            ) : (
              say.neverUsed
            )}
            {lastUsed && lastUsedWith && <bdi class="quiet"> {lastUsedWith}</bdi>}
          </dd>
        </div>
      )}
    </dl>
  );
}
