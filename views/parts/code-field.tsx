import { messages } from '../messages.ts';

interface CodeFieldProps {
  readonly label: string;
  readonly hints: readonly string[];
  readonly mistake?: string | undefined;
  /** The code is of digits only. */
  readonly digits?: boolean | undefined;
  /** Another field comes first: the cursor does not begin in this one. */
  readonly waits?: boolean;
}

/**
 * One field for a code that was read out, written down or pasted: no `maxlength`, which would cut a pasted code, and
 * not a password field, or managers would keep a dead secret.
 */
export function CodeField({ label, hints, mistake, digits, waits }: CodeFieldProps) {
  return (
    <div class="field">
      <div class="label-row">
        <label for="code">{label}</label>
        <button
          type="button"
          class="link"
          aria-controls="code"
          data-hides="code"
          data-show={messages.verify.showCode}
          data-hide={messages.verify.hideCode}
          hidden
        >
          {messages.verify.hideCode}
        </button>
      </div>
      {mistake && (
        <p class="mistake" id="code-mistake">
          {mistake}
        </p>
      )}
      <input
        type="text"
        id="code"
        name="code"
        class="code"
        dir="ltr"
        autocomplete="one-time-code"
        autocapitalize="characters"
        autocorrect="off"
        inputMode={digits ? 'numeric' : 'text'}
        spellcheck={false}
        autofocus={!mistake && !waits}
        aria-invalid={mistake ? 'true' : undefined}
        aria-describedby={mistake ? 'code-mistake code-hint' : 'code-hint'}
      />
      <div class="hint" id="code-hint">
        {hints.map((hint) => (
          <p key={hint}>{hint}</p>
        ))}
      </div>
    </div>
  );
}
