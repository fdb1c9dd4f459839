/** Small drawings of our own. They only repeat what the words beside them say, so nobody is read them. */

export function KeyIcon() {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <circle cx="7.5" cy="16.5" r="4.5" />
      <path d="M10.8 13.2 21 3m-3.2 3.2 2.7 2.7m-6.2.8 2.7 2.7" />
    </svg>
  );
}

export function PassIcon() {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d="M3.5 7h17v3.2a1.9 1.9 0 0 0 0 3.6V17h-17v-3.2a1.9 1.9 0 0 0 0-3.6z" />
      <path d="M9 10.2v3.6m3-3.6v3.6m3-3.6v3.6" />
    </svg>
  );
}

export function PhoneIcon() {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <rect x="6.5" y="2.5" width="11" height="19" rx="2.5" />
      <path d="M10.8 18.5h2.4" />
    </svg>
  );
}

export function SecurityKeyIcon() {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d="M8 9V3.5h8V9M10.5 6h.1m2.8 0h.1" />
      <rect x="5.5" y="9" width="13" height="12" rx="2.5" />
      <circle cx="12" cy="15" r="2.5" />
    </svg>
  );
}

export function PersonIcon() {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <circle cx="12" cy="8" r="4" />
      <path d="M4 20.5c1-4 4-6 8-6s7 2 8 6" />
    </svg>
  );
}

export function DoneIcon() {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <circle cx="12" cy="12" r="9.5" />
      <path d="m7.8 12.3 2.9 2.9 5.5-6" />
    </svg>
  );
}

/** A door key on a ring of fingerprint lines, beside a screen. */
export function PasskeyPicture() {
  return (
    <svg class="picture" viewBox="10 8 192 102" aria-hidden="true">
      <rect class="soft" x="34" y="14" width="124" height="80" rx="9" />
      <path d="M20 98h152" />
      <path d="M74 62a22 22 0 0 1 44 0v6M82 76V62a14 14 0 0 1 28 0v12M90 79V62a6 6 0 0 1 12 0v16" />
      <rect class="sheet-fill" x="146" y="30" width="44" height="74" rx="8" />
      <path d="M162 96h12" />
      <circle class="strong" cx="168" cy="54" r="9" />
      <path class="strong" d="M168 63v20m0-4h7m-7-7h5" />
    </svg>
  );
}
