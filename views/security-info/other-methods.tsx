import { href } from '../href.ts';
import { messages } from '../messages.ts';
import { KeyIcon, PassIcon, PhoneIcon } from '../parts/icons.tsx';
import { Dates, type Moment } from './dates.tsx';
import { RemoveLink } from './remove-link.tsx';
import { RenameForm } from './rename-form.tsx';
import { Suspended, type Suspension } from './suspended.tsx';

export interface MethodSummary {
  readonly id: string;
  readonly kind: 'password' | 'authenticator-app' | 'recovery-code';
  readonly name: string;
  readonly created: Moment;
  readonly lastUsed?: Moment | undefined;
  readonly lastUsedWith?: string | undefined;
  readonly suspended: boolean;
  /** Policy does not let its owner sign in with it. */
  readonly refused?: boolean;
  readonly suspension?: Suspension | undefined;
}

export interface OtherMethodsProps {
  readonly methods: readonly MethodSummary[];
  /** What a page of its own adds. */
  readonly mayAdd: readonly MethodSummary['kind'][];
  readonly csrf: string;
  /** Shown, and not to be changed. */
  readonly fixed: boolean;
  /** Whose name was refused, and why. */
  readonly mistaken?:
    | { readonly id: string; readonly mistake: string; readonly typed?: string | undefined }
    | undefined;
}

const pages = {
  'authenticator-app': '/security-info/authenticator-app',
  password: '/security-info/password',
  'recovery-code': '/security-info/recovery-codes',
} as const;

/** What there is beside passkeys. Nothing here needs a script. */
export function OtherMethods({ methods, mayAdd, csrf, fixed, mistaken }: OtherMethodsProps) {
  if (methods.length === 0 && mayAdd.length === 0) return null;
  const say = messages.securityInfo;
  const has = (kind: MethodSummary['kind']) => methods.some((method) => method.kind === kind);
  return (
    <section aria-labelledby="other-methods">
      <h2 id="other-methods">{say.otherMethods}</h2>
      <p class="about">{say.otherMethodsLead}</p>
      {methods.length > 0 && (
        <ul class="cards">
          {methods.map((method) => (
            <MethodCard
              key={method.id}
              method={method}
              csrf={csrf}
              fixed={fixed}
              mistaken={mistaken?.id === method.id ? mistaken : undefined}
            />
          ))}
        </ul>
      )}
      {mayAdd.map((kind) => (
        <a key={kind} id={`add-${kind}`} class="button secondary" href={href(pages[kind])}>
          {has(kind) ? say.again[kind] : say.addOther[kind]}
        </a>
      ))}
    </section>
  );
}

interface MethodCardProps extends Pick<OtherMethodsProps, 'csrf' | 'fixed' | 'mistaken'> {
  readonly method: MethodSummary;
}

function MethodCard({ method, csrf, fixed, mistaken }: MethodCardProps) {
  const say = messages.securityInfo;
  return (
    <li class="card">
      {method.kind === 'password' ? <KeyIcon /> : method.kind === 'recovery-code' ? <PassIcon /> : <PhoneIcon />}
      <div>
        <h3>
          <bdi>{method.name}</bdi> {method.suspended && <span class="badge">{say.suspended}</span>}{' '}
          {method.refused && <span class="badge">{say.refused}</span>}
        </h3>
        <Dates of={method} withLastUse={method.kind !== 'recovery-code'} />
        <Suspended id={method.id} name={method.name} csrf={csrf} suspension={method.suspension} fixed={fixed} />
        {!fixed && method.kind === 'authenticator-app' && (
          <RenameForm
            id={method.id}
            name={method.name}
            csrf={csrf}
            mistake={mistaken?.mistake}
            typed={mistaken?.typed}
          />
        )}
        {!fixed && <RemoveLink id={method.id} name={method.name} />}
      </div>
    </li>
  );
}
