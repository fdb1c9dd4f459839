import { acrOf, acrScale, appLevels, type Level, levels } from './levels.ts';
import { type AssuranceSettings, assuranceSettings } from './settings.ts';

/** Every name of a level, ours and those that policy adds; values in, values out. */
export interface Scale {
  /** All of them, ours first. */
  readonly names: readonly string[];
  /** How high a name stands; -1 for one that nobody knows, and for anything that is no name. */
  placeOf(acr: unknown): number;
}

export function placeOfLevel(level: Level): number {
  return levels.indexOf(level);
}

/** `decided`: the document of the policy, undefined when nobody decided anything. */
export function scaleFrom(issuer: string, decided: unknown): Scale {
  return scaleOf(issuer, assuranceSettings.parse(decided ?? {}));
}

export function scaleOf(issuer: string, { aliases }: AssuranceSettings): Scale {
  const places = new Map(Object.entries(aliases).map(([name, level]) => [name, placeOfLevel(level)]));
  // Ours last: no alias takes the place of one.
  for (const level of appLevels) places.set(acrOf(level, issuer), placeOfLevel(level));
  const own = acrScale(issuer);
  return {
    names: [...own, ...Object.keys(aliases).filter((name) => !own.includes(name))],
    placeOf: (acr) => (typeof acr === 'string' ? places.get(acr) : undefined) ?? -1,
  };
}

/** What an authorization request says of acr. */
export interface Asked {
  /** `acr_values`, or what the client has for when there is none: wished for. */
  readonly wished: readonly string[];
  /** Of the claim `acr` in `claims`; anything may stand in it. */
  readonly claimed: readonly unknown[];
  /** The claim is essential. */
  readonly essential: boolean;
  /** The client gets nothing for less. */
  readonly minimum: Level;
}

export interface Met {
  /** What must be met is. */
  readonly demand: boolean;
  /** What is only wished for is, too. Values that nobody knows are no wish. */
  readonly wish: boolean;
  /** The highest of those asked for that was met, as it was written; undefined when none was. */
  readonly reported: string | undefined;
}

/** The lowest level that gives the app all it asks for; undefined where nothing is asked, or nothing that anybody can reach. */
export function levelAsked(scale: Scale, { wished, claimed, essential, minimum }: Asked): Level | undefined {
  const known = (acrs: readonly unknown[]) => acrs.map(scale.placeOf).filter((place) => place >= 0);
  const least = [known(wished), essential ? known(claimed) : []].flatMap((places) =>
    places.length === 0 ? [] : [Math.min(...places)],
  );
  return levels[Math.max(placeOfLevel(minimum), ...least)];
}

/** Each list is a minimum, and any value of it will do (Core 5.5.1.1). `reached` is the place of the session's level. */
export function judge(scale: Scale, reached: number, { wished, claimed, essential, minimum }: Asked): Met {
  const least = (acrs: readonly unknown[]) =>
    Math.min(Number.POSITIVE_INFINITY, ...acrs.map(scale.placeOf).filter((place) => place >= 0));
  // A demand for values that nobody knows cannot be met.
  const demand = Math.max(placeOfLevel(minimum), essential && claimed.length > 0 ? least(claimed) : 0);
  const known = wished.filter((acr) => scale.placeOf(acr) >= 0);
  const met = [...wished, ...claimed].filter((acr) => scale.placeOf(acr) >= 0 && scale.placeOf(acr) <= reached);
  // The first of those that stand equally high, so that an alias and the name before it come back in the order asked.
  const [reported] = met.toSorted((a, b) => scale.placeOf(b) - scale.placeOf(a));
  return {
    demand: reached >= demand,
    wish: known.length === 0 || reached >= least(known),
    reported: reported as string | undefined,
  };
}
