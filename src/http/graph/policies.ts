import type Router from '@koa/router';
import { z } from 'zod';
import { assurancePolicy, changeAssurancePolicy } from '../../assurance/manage-policy.ts';
import { assuranceSettingsChange } from '../../assurance/settings.ts';
import { AppError } from '../../core/errors.ts';
import { changePassPolicy, passPolicy, resetPassPolicy } from '../../methods/temporary-access-pass/manage-policy.ts';
import { passSettingsChange } from '../../methods/temporary-access-pass/settings.ts';
import { campaignChange, campaignOf, changeRegistrationEnforcement } from '../../registration/campaign.ts';
import { registrationPolicy } from '../../registration/manage-policy.ts';
import { registrationSettingsChange } from '../../registration/settings.ts';
import { limits, readJson } from '../parse.ts';
import { type GraphParts, parseBody, type Version, whoOf } from './api.ts';
import { passPolicyResource } from './resources.ts';

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

/** `authenticationMethodsPolicy`: one configuration a method, that of passes is the one there is; what has to be registered, and names for levels. */
export function policyRoutes(router: Router, { issuer, run }: GraphParts, version: Version): void {
  const policy = '/policies/authenticationMethodsPolicy';
  const configuration = `${policy}/authenticationMethodConfigurations/:configuration`;
  const contextOf = (what: string) => `${issuer}/${version}/$metadata#${what}`;

  router.get(policy, async (ctx) => {
    const { passes, requiredRegistration, assurance } = await run(whoOf(ctx), async (work) => ({
      passes: await passPolicy(work),
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
      authenticationMethodConfigurations: [passPolicyResource(passes)],
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
    demandPasses(ctx.params.configuration!);
    const settings = await run(whoOf(ctx), passPolicy);
    ctx.body = {
      '@odata.context': contextOf('authenticationMethodConfigurations/$entity'),
      ...passPolicyResource(settings),
    };
  });

  router.patch(configuration, async (ctx) => {
    demandPasses(ctx.params.configuration!);
    const changes = parseBody(passSettingsChange, writable(await readJson(ctx.req, limits.json)));
    await run(whoOf(ctx), (work) => changePassPolicy(work, changes));
    ctx.status = 204;
  });

  router.delete(configuration, async (ctx) => {
    demandPasses(ctx.params.configuration!);
    await run(whoOf(ctx), resetPassPolicy);
    ctx.status = 204;
  });
}

/** Keys of configurations ignore case. */
function demandPasses(configuration: string): void {
  if (configuration.toLowerCase() !== 'temporaryaccesspass') {
    throw new AppError('not_found', 'There is no such authentication method configuration.');
  }
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
