import type Router from '@koa/router';
import { z } from 'zod';
import { assurancePolicy, changeAssurancePolicy } from '../../assurance/manage-policy.ts';
import { assuranceSettingsChange } from '../../assurance/settings.ts';
import { campaignChange, campaignOf, changeRegistrationEnforcement } from '../../registration/campaign.ts';
import { registrationPolicy } from '../../registration/manage-policy.ts';
import { registrationSettingsChange } from '../../registration/settings.ts';
import { limits, readJson } from '../parse.ts';
import { type GraphParts, parseBody, type Version, whoOf } from './api.ts';
import { configurationNamed, readConfigurations } from './method-configurations.ts';

/** What PATCH of the whole policy takes: configurations are changed where they are. */
const policyChange = z.strictObject({
  registrationEnforcement: z
    .strictObject({
      requiredRegistration: registrationSettingsChange.optional(),
      authenticationMethodsRegistrationCampaign: campaignChange.optional(),
    })
    .optional(),
  assurance: assuranceSettingsChange.optional(),
});

/** `authenticationMethodsPolicy`: one configuration a method that has settings; what has to be registered, and names for levels. */
export function policyRoutes(router: Router, { issuer, run }: GraphParts, version: Version): void {
  const policy = '/policies/authenticationMethodsPolicy';
  const configuration = `${policy}/authenticationMethodConfigurations/:configuration`;
  const contextOf = (what: string) => `${issuer}/${version}/$metadata#${what}`;

  router.get(policy, async (ctx) => {
    const { configurations, requiredRegistration, assurance } = await run(whoOf(ctx), async (work) => ({
      configurations: await readConfigurations(work),
      requiredRegistration: await registrationPolicy(work),
      assurance: await assurancePolicy(work),
    }));
    ctx.body = {
      '@odata.context': contextOf('authenticationMethodsPolicy'),
      id: 'authenticationMethodsPolicy',
      displayName: 'Authentication Methods Policy',
      registrationEnforcement: {
        authenticationMethodsRegistrationCampaign: campaignOf(requiredRegistration),
        requiredRegistration,
      },
      assurance,
      authenticationMethodConfigurations: configurations,
    };
  });

  router.patch(policy, async (ctx) => {
    const changes = parseBody(policyChange, writable(await readJson(ctx.req, limits.json)));
    const { requiredRegistration: required, authenticationMethodsRegistrationCampaign: campaign } =
      changes.registrationEnforcement ?? {};
    await run(whoOf(ctx), async (work) => {
      await changeRegistrationEnforcement(work, { ...(required && { required }), ...(campaign && { campaign }) });
      await changeAssurancePolicy(work, changes.assurance ?? {});
    });
    ctx.status = 204;
  });

  router.get(configuration, async (ctx) => {
    const { read } = configurationNamed(ctx.params.configuration!);
    const resource = await run(whoOf(ctx), read);
    ctx.body = { '@odata.context': contextOf('authenticationMethodConfigurations/$entity'), ...resource };
  });

  router.patch(configuration, async (ctx) => {
    const { changes, change } = configurationNamed(ctx.params.configuration!);
    const asked = parseBody(changes, writable(await readJson(ctx.req, limits.json)));
    await run(whoOf(ctx), (work) => change(work, asked as never));
    ctx.status = 204;
  });

  router.delete(configuration, async (ctx) => {
    const { reset } = configurationNamed(ctx.params.configuration!);
    await run(whoOf(ctx), reset);
    ctx.status = 204;
  });
}

// What Graph's object has and nobody sets.
const readOnly = new Set(['id', 'displayName', 'createdDateTime', 'lastModifiedDateTime']);

/** Clients read the object, change it and send all of it back: what is read-only, and notes of OData, are passed over. */
function writable(body: unknown): unknown {
  const plain = withoutNotes(body);
  if (!isObject(plain)) return plain;
  return Object.fromEntries(Object.entries(plain).filter(([name]) => !readOnly.has(name)));
}

function withoutNotes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNotes);
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(
    ([name]) => !name.includes('@odata.') && !isUnsetByGraph(name, value[name]),
  );
  return Object.fromEntries(kept.map(([name, item]) => [name, withoutNotes(item)]));
}

/** Graph's targets carry `isRegistrationRequired: false`. True would ask for something that is not done here. */
function isUnsetByGraph(name: string, value: unknown): boolean {
  return name === 'isRegistrationRequired' && value === false;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
