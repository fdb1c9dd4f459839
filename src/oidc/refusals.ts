import type { Adapter } from 'oidc-provider';

/** The operations the library never asks of a model; asking is a fault of ours. */
export function refusals(model: string): Adapter {
  const refuse = (operation: string) => async (): Promise<never> => {
    throw new Error(`The adapter does not ${operation} a ${model}.`);
  };
  return {
    upsert: refuse('write'),
    find: refuse('find'),
    findByUid: refuse('find by uid'),
    findByUserCode: refuse('find by user code'),
    consume: refuse('consume'),
    destroy: refuse('destroy'),
    revokeByGrantId: refuse('revoke by grant'),
  };
}
