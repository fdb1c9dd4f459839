import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Knex } from 'knex';
import type { Logger } from 'pino';
import { Logout } from '../views/oidc/logout.tsx';
import { LoggedOut } from '../views/oidc/logged-out.tsx';
import { renderView } from '../views/render.ts';
import { acrOf } from './assurance/levels.ts';
import { writeEvents } from './audit/write-events.ts';
import type { Config } from './config.ts';
import { operator, system } from './core/actor.ts';
import { isLocalhost } from './core/localhost.ts';
import { makeSecrets, type Secrets } from './core/secrets.ts';
import type { MayRecord, Origin, RunWork, WriteAudit } from './core/work.ts';
import { type ConnectionSettings, connectRooms, isMigrated, migrate, underAdvisoryLock } from './database/connect.ts';
import { attachEmbedded, type RunningDatabase, serveEmbedded, usableDataDirectory } from './database/embedded.ts';
import { connectNamedStatements, type NamedStatements } from './database/named-statements.ts';
import { type Clock, unitOfWork } from './database/unit-of-work.ts';
import { makeApp } from './http/app.ts';
import { loadAssets } from './http/assets.ts';
import { deviceOf } from './http/device.ts';
import { guardsOf } from './http/guards.ts';
import { ownSessions } from './http/own-session.ts';
import { showing } from './http/show.ts';
import { problemPage } from './http/sign-in/pages.ts';
import { masterKeyFile } from './master-key.ts';
import { methodRegistry } from './methods/registry.ts';
import { relyingParty } from './methods/upstream/relying-party.ts';
import { tellPeople } from './notices/tell.ts';
import { interactionsOf } from './oidc/interactions.ts';
import { logoutTokensOf, type MakeLogoutToken } from './oidc/logout-tokens.ts';
import { actorOfToken } from './oidc/management-tokens.ts';
import { readProviderSession } from './oidc/own-sessions.ts';
import { makeProvider } from './oidc/provider.ts';
import { demandSameMasterKey, loadSigningKeys } from './oidc/signing-keys.ts';
import type { OutboundRules } from './outbound/outbound.ts';
import { signInPolicyFrom, signInPolicyOf } from './sign-in-policy.ts';
import { wayToSignOut } from './upstream-sessions.ts';
import { boundedRefusals } from './throttle/refusal-budget.ts';

/** What every command needs: a database that is up to date, and a way to work on it. */
export interface Base {
  readonly config: Config;
  readonly knex: Knex;
  readonly connection: ConnectionSettings;
  readonly secrets: Secrets;
  readonly run: RunWork;
  /** One budget for every door of this node. */
  readonly mayRecord: MayRecord;
  readonly embedded: RunningDatabase | undefined;
  close(): Promise<void>;
}

/** Work done by the command line on this machine, and by the start itself. */
export const asOperator = { actor: operator, origin: localOrigin('cli') } as const;
export const asSystem = { actor: system, origin: localOrigin('start') } as const;

function localOrigin(requestId: string): Origin {
  return { requestId, ip: null, userAgent: null };
}

/** Opens the database: as its one owner to serve, beside the owner for any other command. */
export async function openBase(
  config: Config,
  purpose: 'serve' | 'command',
  say: (line: string) => void,
  { clock, migrates = true }: { readonly clock?: Clock; readonly migrates?: boolean } = {},
): Promise<Base> {
  const place = { dataDirectory: config.dataDirectory, say };
  const embedded = config.databaseUrl
    ? undefined
    : await (purpose === 'serve' ? serveEmbedded(place) : attachEmbedded(place));
  let knex: Knex | undefined;
  try {
    const masterKey = config.masterKey ?? masterKeyFile(usableDataDirectory(place));
    const secrets = makeSecrets(masterKey);
    const connection: ConnectionSettings = embedded
      ? { ...embedded.address }
      : { connectionString: config.databaseUrl! };
    knex = connectRooms(connection, 10);
    if (migrates) await migrate(knex);
    const opened = knex;
    // What a work did is recorded and told in its transaction; a room says it once, with `work.record`.
    const recordAndTell: WriteAudit = async (work, events) => {
      await writeEvents(work, events);
      await tellPeople({ ...work, secrets }, config.issuer, events);
    };
    const mayRecord = boundedRefusals();
    const run = unitOfWork(knex, secrets, recordAndTell, clock, mayRecord);
    if (migrates) await run(asSystem, demandSameMasterKey);
    return {
      config,
      knex,
      connection,
      secrets,
      run,
      mayRecord,
      embedded,
      async close() {
        await opened.destroy();
        await embedded?.stop();
      },
    };
  } catch (error) {
    await knex?.destroy();
    await embedded?.stop();
    throw error;
  }
}

export interface House {
  readonly handler: ReturnType<ReturnType<typeof makeApp>['callback']>;
  readonly db: NamedStatements;
  /** What the delivery of logout tokens takes. */
  readonly logouts: { readonly makeToken: MakeLogoutToken; readonly outbound: OutboundRules };
}

/** Whom we connect to when others name the address. */
export function outboundOf({ issuer, outboundAllow }: Config): OutboundRules {
  return { allow: outboundAllow, local: isLocalhost(new URL(issuer).hostname) };
}

/** Puts the parts together: the only file that knows them all. `onQuery` sees every statement of the protocol's pool. */
export async function wire(base: Base, log: Logger, onQuery?: (name: string) => void): Promise<House> {
  const { config, secrets, run, knex, mayRecord } = base;
  const { issuer } = config;
  const keys = await underAdvisoryLock(knex, 'signing-keys', () => run(asSystem, loadSigningKeys));
  const db = connectNamedStatements(base.connection, { max: 10, ...(onQuery && { onQuery }) });

  const assets = loadAssets();
  const show = showing({ assets: assets.addresses, lang: 'en' });
  const outbound = outboundOf(config);
  const upstreams = { run, party: relyingParty(outbound), issuer };
  const provider = makeProvider({
    issuer,
    db,
    secrets,
    keys,
    policyFrom: signInPolicyFrom,
    onFault: (error) => log.error({ err: error }, 'protocol endpoint failed'),
    onTokenRefused: ({ clientId, reason, ip }) => {
      const granted = mayRecord({ ...asSystem.origin, ip });
      if (!granted) return;
      const details = granted.leftOut > 0 ? { details: { leftOutBefore: granted.leftOut } } : {};
      const refused = run(asSystem, async (work) =>
        work.record({ type: 'token.refused', result: 'failure', reason, clientId, ...details }),
      );
      refused.catch((error: unknown) => log.error({ err: error }, 'a refused token could not be recorded'));
    },
    onSignedOut: async (sessionUid, nextUrl) => {
      const way = await wayToSignOut(upstreams, asSystem, { sessionUid, nextUrl });
      return way?.href;
    },
    pages: {
      logout: (formHtml, appName) => renderView(Logout, { layout: show.layout, formHtml, appName }),
      loggedOut: (leftAppName) =>
        renderView(LoggedOut, { layout: show.layout, leftAppName, homeUrl: `${issuer}/security-info` }),
      error: (details) => problemPage(show.layout, 'protocol', { details }),
      notFound: () => problemPage(show.layout, 'notFound'),
    },
  });
  const protocol = provider.callback();

  const { hostname } = new URL(issuer);
  const identity = { rpId: hostname, rpName: 'Latchkey', origin: issuer };
  const methods = methodRegistry(identity, config.limits.mostInARow, upstreams.party);
  const guards = guardsOf(issuer, secrets);
  const readSession = (ctx: { req: IncomingMessage; res: ServerResponse }) =>
    readProviderSession(provider, db, ctx.req, ctx.res);
  const strongAcrs = (['phr', 'phrh'] as const).map((level) => acrOf(level, issuer));
  const sessions = ownSessions(issuer, readSession, { strongAcrs, twoFactorAcr: acrOf('2f', issuer) });
  const app = makeApp({
    issuer,
    trustedProxies: config.trustedProxies,
    log,
    assets,
    show,
    readiness: { check: () => isMigrated(knex) },
    signIn: {
      issuer,
      interactions: interactionsOf(provider),
      session: readSession,
      guards,
      device: deviceOf(issuer, secrets),
      show,
      house: {
        run,
        methods,
        limits: config.limits,
        policyFrom: signInPolicyOf(issuer),
        mayRecord,
        onAlert: (failures) => log.warn({ failures }, 'many sign-ins fail: somebody may be guessing codes'),
      },
    },
    notMe: { run, methods, guards, show },
    passkeyFaults: { guards, mayRecord, log },
    securityInfo: { issuer, run, methods, upstreams, sessions, guards, show },
    federation: { upstreams, show },
    graph: {
      issuer,
      run,
      methods,
      actorOfToken: (token) => actorOfToken({ provider, issuer, db, strongAcrs }, token),
      mayRecord,
      issuingLimit: config.limits.issuing,
      onFault: (error) => log.error({ err: error }, 'a refused request could not be recorded'),
    },
    protocol: async (req, res) => protocol(req, res),
  });
  return { handler: app.callback(), db, logouts: { makeToken: logoutTokensOf(provider), outbound } };
}
