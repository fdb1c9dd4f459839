import type Router from '@koa/router';
import { z } from 'zod';
import { assurancePolicy, changeAssurancePolicy } from '../../assurance/manage-policy.ts';
import { assuranceSettingsChange } from '../../assurance/settings.ts';
import { campaignChange, campaignOf, changeRegistrationEnforcement } from '../../registration/campaign.ts';
import { changePoliciesTogether } from '../../method-policies/manage-policies.ts';
import { registrationPolicy } from '../../registration/manage-policy.ts';
import { registrationSettingsChange } from '../../registration/settings.ts';
import { limits } from '../parse.ts';
import { type GraphParts, parseBody, type Version, whoOf } from './api.ts';
import { type Body, endpoints, nothing, ok } from './endpoint.ts';
import {
  configurationChange,
  configurationChanges,
  configurationNamed,
  configurationShape,
  configurationAnswer,
  configurationsIn,
  readConfigurations,
} from './method-configurations.ts';
import { entity } from './shape.ts';

/** What PATCH of the whole policy takes. Configurations come along when it is sent back as it was read. */
const policyChange = z.strictObject({
  registrationEnforcement: z
    .strictObject({
      requiredRegistration: registrationSettingsChange.optional(),
      authenticationMethodsRegistrationCampaign: campaignChange.optional(),
    })
    .optional(),
  assurance: assuranceSettingsChange.optional(),
  authenticationMethodConfigurations: configurationChanges.optional(),
});

const policyShape = z
  .strictObject({
    id: z.literal('authenticationMethodsPolicy'),
    displayName: z.string(),
    registrationEnforcement: z.strictObject({
      authenticationMethodsRegistrationCampaign: campaignChange.required(),
      requiredRegistration: registrationSettingsChange.required(),
    }),
    assurance: assuranceSettingsChange.required(),
    authenticationMethodConfigurations: z.array(configurationShape),
  })
  .meta({ id: 'authenticationMethodsPolicy' });

/** `authenticationMethodsPolicy`: one configuration a method that has settings; what has to be registered, and names for levels. */
export function policyRoutes(router: Router, { issuer, run }: GraphParts, version: Version): void {
  const route = endpoints(router, version, 'Policies');
  const policy = '/policies/authenticationMethodsPolicy';
  const configuration = `${policy}/authenticationMethodConfigurations/:configuration`;
  const contextOf = (what: string) => `${issuer}/${version}/$metadata#${what}`;

  route.get(
    policy,
    { summary: 'Read the policy of sign-in methods', opens: ['policies.read'], answer: ok(entity(policyShape)) },
    async (ctx) => {
      const { configurations, requiredRegistration, assurance } = await run(whoOf(ctx), async (work) => ({
        configurations: await readConfigurations(work),
        requiredRegistration: await registrationPolicy(work),
        assurance: await assurancePolicy(work),
      }));
      return {
        '@odata.context': contextOf('authenticationMethodsPolicy'),
        id: 'authenticationMethodsPolicy' as const,
        displayName: 'Authentication Methods Policy',
        registrationEnforcement: {
          authenticationMethodsRegistrationCampaign: campaignOf(requiredRegistration),
          requiredRegistration,
        },
        assurance,
        authenticationMethodConfigurations: configurations,
      };
    },
  );

  route.patch(
    policy,
    {
      summary: 'Change the policy of sign-in methods; what is not named stays',
      opens: ['policies.write'],
      body: wholeObject(policyChange),
      answer: nothing,
    },
    async (ctx, { body: changes }) => {
      const { requiredRegistration: required, authenticationMethodsRegistrationCampaign: campaign } =
        changes.registrationEnforcement ?? {};
      const configured = configurationsIn(changes.authenticationMethodConfigurations ?? [], writable);
      await run(whoOf(ctx), (work) =>
        changePoliciesTogether(work, async () => {
          await changeRegistrationEnforcement(work, { ...(required && { required }), ...(campaign && { campaign }) });
          await changeAssurancePolicy(work, changes.assurance ?? {});
          for (const { change, asked } of configured) await change(work, asked as never);
        }),
      );
    },
  );

  route.get(
    configuration,
    {
      summary: 'Read the configuration of a method',
      opens: ['policies.read'],
      answer: ok(configurationAnswer),
    },
    async (ctx) => {
      const { read } = configurationNamed(ctx.params.configuration!);
      const resource = await run(whoOf(ctx), read);
      return { '@odata.context': contextOf('authenticationMethodConfigurations/$entity'), ...resource };
    },
  );

  route.patch(
    configuration,
    {
      summary: 'Change the configuration of a method; what is not named stays',
      opens: ['policies.write'],
      body: { ...wholeObject(configurationChange), read: writable },
      answer: nothing,
    },
    async (ctx, { body }) => {
      const { changes, change } = configurationNamed(ctx.params.configuration!);
      const asked = parseBody(changes, body);
      await run(whoOf(ctx), (work) => change(work, asked as never));
    },
  );

  route.delete(
    configuration,
    { summary: 'Put the configuration of a method back to its defaults', opens: ['policies.write'], answer: nothing },
    async (ctx) => {
      const { reset } = configurationNamed(ctx.params.configuration!);
      await run(whoOf(ctx), reset);
    },
  );
}

// What Graph's object has and nobody sets.
const readOnly = ['id', 'displayName', 'createdDateTime', 'lastModifiedDateTime'];

function wholeObject<Schema extends z.ZodType>(schema: Schema): Body<z.output<Schema>> {
  const read = (sent: unknown) => parseBody(schema, writable(sent));
  return { schema, readOnly, required: true, mostBytes: limits.json, read };
}

/** Clients read the object, change it and send all of it back: what is read-only, and notes of OData, are passed over. */
function writable(body: unknown): unknown {
  const plain = withoutNotes(body);
  if (!isObject(plain)) return plain;
  return Object.fromEntries(Object.entries(plain).filter(([name]) => !readOnly.includes(name)));
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
