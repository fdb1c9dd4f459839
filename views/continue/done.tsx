import { type Layout, Page } from '../layout.tsx';
import { messages } from '../messages.ts';
import { DoneIcon } from '../parts/icons.tsx';
import { Say } from '../parts/say.tsx';

export interface DoneProps {
  readonly layout: Layout;
  readonly account: string;
  /** Of what was registered; absent for what has none to show. */
  readonly name?: string | undefined;
  /** It never leaves this device, or is synced; null where neither can be said. */
  readonly deviceBound: boolean | null;
}

/** The end on the device that went on. Nobody is signed in here: the rest happens where it began. */
export function Done({ layout, account, name, deviceBound }: DoneProps) {
  const say = messages.continueDone;
  return (
    <Page layout={layout} step="complete" title={say.heading}>
      <DoneIcon />
      <h1>{say.heading}</h1>
      <p class="lead">{say.goOn}</p>
      {name !== undefined && (
        <p class="done">
          <DoneIcon />
          <span>
            <Say text={say.saved} values={{ name }} />
            {deviceBound !== null && <small>{deviceBound ? say.thisDeviceOnly : say.synced}</small>}
          </span>
        </p>
      )}
      <p class="quiet">
        <Say text={say.isFor} values={{ user: account }} />
      </p>
    </Page>
  );
}
