import type { Adapter, AdapterPayload } from 'oidc-provider';
import type { Secrets } from '../core/secrets.ts';
import type { NamedStatements } from '../database/named-statements.ts';
import { artifactRows } from './artifact-rows.ts';
import { grantRows } from './grant-rows.ts';
import { refusals } from './refusals.ts';
import { replayRows } from './replay-rows.ts';
import { sessionRows } from './session-rows.ts';

interface Clients {
  /** RFC 7591 metadata; keep the order of its keys stable, the library caches parsed clients by their JSON. */
  find(clientId: string): Promise<object | undefined>;
}

/**
 * Where the protocol library keeps its state. The library finds, checks and then writes; here each write is one
 * conditional statement, so that whatever may be used once is used once, on any number of nodes.
 */
export function adapterFactory(db: NamedStatements, secrets: Secrets, clients: Clients): (model: string) => Adapter {
  return (model) => {
    switch (model) {
      case 'Client':
        return clientRows(clients);
      case 'Session':
        return sessionRows(db);
      case 'Grant':
        return grantRows(db);
      case 'ReplayDetection':
        return replayRows(db);
      default:
        return artifactRows(db, secrets, model);
    }
  };
}

function clientRows(clients: Clients): Adapter {
  return {
    ...refusals('Client'),
    // PostgreSQL has no NUL in its texts, so no client is called that.
    find: async (id) => (id.includes('\0') ? undefined : ((await clients.find(id)) as AdapterPayload | undefined)),
  };
}
