import { messages } from '../messages.ts';
import { KeyIcon } from '../parts/icons.tsx';
import { Dates, type Moment } from './dates.tsx';
import { RemoveLink } from './remove-link.tsx';
import { RenameForm } from './rename-form.tsx';
import { Suspended, type Suspension } from './suspended.tsx';

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
  /** It no longer signs in. */
  readonly suspended?: boolean;
  /** Policy does not let its owner sign in with it. */
  readonly refused?: boolean;
  readonly suspension?: Suspension | undefined;
}

interface PasskeyCardProps {
  readonly passkey: PasskeySummary;
  readonly csrf: string;
  readonly mistake?: string | undefined;
  readonly typed?: string | undefined;
  /** Shown, and not to be changed. */
  readonly fixed?: boolean;
}

export function PasskeyCard({ passkey, csrf, mistake, typed, fixed = false }: PasskeyCardProps) {
  const say = messages.securityInfo;
  return (
    <li class="card" id={`passkey-${passkey.id}`}>
      <KeyIcon />
      <div>
        <h3>
          <bdi>{passkey.name}</bdi> <span class="badge">{passkey.deviceBound ? say.thisDeviceOnly : say.synced}</span>{' '}
          {passkey.suspended && <span class="badge">{say.suspended}</span>}{' '}
          {passkey.refused && <span class="badge">{say.refused}</span>}
        </h3>
        <Dates of={passkey} />
        <Suspended id={passkey.id} name={passkey.name} csrf={csrf} suspension={passkey.suspension} fixed={fixed} />
        {!fixed && <RenameForm id={passkey.id} name={passkey.name} csrf={csrf} mistake={mistake} typed={typed} />}
        {!fixed && <RemoveLink id={passkey.id} name={passkey.name} />}
      </div>
    </li>
  );
}
