import { messages } from '../messages.ts';
import { PostForm } from '../parts/post-form.tsx';
import { saying } from '../parts/say.tsx';

interface RenameFormProps {
  readonly id: string;
  readonly name: string;
  readonly csrf: string;
  readonly mistake?: string | undefined;
  /** What was refused: it is still there to be corrected. */
  readonly typed?: string | undefined;
}

/** Folded away until it is wanted, or a name was refused. */
export function RenameForm({ id, name, csrf, mistake, typed }: RenameFormProps) {
  const say = messages.securityInfo;
  const field = `name-${id}`;
  return (
    <details open={mistake !== undefined}>
      <summary aria-label={saying(say.renameOf, { method: name })}>{say.rename}</summary>
      <PostForm class="rename" action={`/security-info/methods/${encodeURIComponent(id)}/name`} csrf={csrf}>
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
            value={mistake === undefined ? name : (typed ?? name)}
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
  );
}
