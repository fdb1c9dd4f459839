import { messages } from '../messages.ts';

interface PasswordFieldProps {
  readonly name: 'password' | 'repeat';
  readonly label: string;
  /** A new one is offered to be made and kept by password managers. */
  readonly fresh?: boolean;
  readonly hint?: string;
  readonly mistake?: string | undefined;
  readonly autofocus?: boolean;
}

/** No `maxlength`: it would cut a pasted password, and the page would then keep another one than the person does. */
export function PasswordField({ name, label, fresh, hint, mistake, autofocus }: PasswordFieldProps) {
  const described = [mistake && `${name}-mistake`, hint && `${name}-hint`].filter(Boolean).join(' ');
  return (
    <div class="field">
      <div class="label-row">
        <label for={name}>{label}</label>
        <button
          type="button"
          class="link"
          aria-controls={name}
          data-hides={name}
          data-show={messages.verify.showPassword}
          data-hide={messages.verify.hidePassword}
          hidden
        >
          {messages.verify.showPassword}
        </button>
      </div>
      {mistake && (
        <p class="mistake" id={`${name}-mistake`}>
          {mistake}
        </p>
      )}
      <input
        type="password"
        id={name}
        name={name}
        autocomplete={fresh ? 'new-password' : 'current-password'}
        autofocus={autofocus}
        aria-invalid={mistake ? 'true' : undefined}
        aria-describedby={described || undefined}
      />
      {hint && (
        <div class="hint" id={`${name}-hint`}>
          <p>{hint}</p>
        </div>
      )}
    </div>
  );
}
