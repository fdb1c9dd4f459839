import { type Client, type Configuration, errors } from 'oidc-provider';

/** The one resource tokens can be got for: our management API. */
export function managementResource(issuer: string): string {
  return `${issuer}/management`;
}

/** What Latchkey keeps of a client beside RFC 7591's words. */
export interface ClientPowers {
  /** Permissions of the client when it acts for itself. */
  readonly appRoles: readonly string[];
  /** Scopes that a person's token which it holds may have; what the person may do is judged besides. */
  readonly delegatedPermissions: readonly string[];
}

export function powersOf(client: Client): ClientPowers {
  const { app_roles = [], delegated_permissions = [] } = client as unknown as {
    app_roles?: string[];
    delegated_permissions?: string[];
  };
  return { appRoles: app_roles, delegatedPermissions: delegated_permissions };
}

const hour = 60 * 60;

/**
 * Tokens for the management API: opaque, so that they end at once. An application gets them for itself when it has permissions
 * there, and for a person who signs in to it when it was given scopes: nobody is asked for consent, so that no app may help
 * itself to what an administrator can do.
 */
export function managementOnly(issuer: string): NonNullable<Configuration['features']>['resourceIndicators'] {
  const management = managementResource(issuer);
  return {
    enabled: true,
    // MSAL and Graph scripts send no `resource`: they name it in their scopes (`<resource>/.default`), or mean Graph without a word
    // (`User.Read`). Such words mean something here for those clients alone that were given them.
    defaultResource: (ctx, client, oneOf) => {
      if (oneOf) return oneOf;
      const scopes = String(ctx.oidc.params?.scope ?? '').split(' ');
      const { delegatedPermissions } = powersOf(client);
      const isOurs = (scope: string) => scope.startsWith(`${management}/`) || delegatedPermissions.includes(scope);
      return scopes.some(isOurs) ? management : (undefined as never);
    },
    useGrantedResource: () => true,
    getResourceServerInfo: (ctx, resource, client) => {
      if (resource !== management) throw new errors.InvalidTarget();
      const { appRoles, delegatedPermissions } = powersOf(client);
      const forItself = ctx.oidc.params?.grant_type === 'client_credentials';
      const allowed = forItself ? appRoles : delegatedPermissions;
      if (allowed.length === 0) {
        throw new errors.InvalidTarget(
          forItself
            ? 'the client has no application permissions for this resource'
            : 'the client has no delegated permissions for this resource',
        );
      }
      const scopes = forItself ? [] : allowed.flatMap((scope) => [scope, `${management}/${scope}`]);
      return {
        scope: [`${management}/.default`, ...scopes].join(' '),
        audience: management,
        accessTokenFormat: 'opaque',
        accessTokenTTL: hour,
      };
    },
  };
}

/** The scopes of a token in the API's own words, as far as the client is still allowed to have them. */
export function delegatedScopesOf(issuer: string, scopes: Iterable<string>, client: Client): string[] {
  const prefix = `${managementResource(issuer)}/`;
  const asked = new Set([...scopes].map((scope) => (scope.startsWith(prefix) ? scope.slice(prefix.length) : scope)));
  const { delegatedPermissions } = powersOf(client);
  return delegatedPermissions.filter((scope) => asked.has('.default') || asked.has(scope));
}
