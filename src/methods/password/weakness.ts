/** What makes a password weak: no rule about kinds of characters, but that it takes more than a few guesses' parts to say it. */
import type { User } from '../../users/user.ts';
import { commonWords } from './common-words.ts';
import { lengthOf } from './typed.ts';

export type Weakness = 'short' | 'long' | 'name' | 'common';

export const longestPassword = 128;

/** Words that are weak in this password only. */
export interface Names {
  /** A password that has one of these in it is refused: the user name, the organisation's and this application's name. */
  readonly within: readonly string[];
  /** These are guessed like common words: parts of the person's own name. */
  readonly common: readonly string[];
}

export interface Demands {
  /** In code points. */
  readonly shortest: number;
  readonly names: Names;
}

// A common word with two or three characters hung on is tried first of all; "correct horse battery" has many parts more.
const fewestParts = 5;

/** Why nobody should have this password; null when it will do. The password is as `normalizePassword` left it. */
export function weakness(password: string, { shortest, names }: Demands): Weakness | null {
  const length = lengthOf(password);
  if (length < shortest) return 'short';
  if (length > longestPassword) return 'long';
  const letters = plain(password);
  const folded = fold(letters);
  if (names.within.some((name) => folded.includes(fold(plain(name))))) return 'name';
  return partsOf(letters, folded, new Set(names.common.map((name) => fold(plain(name))))) < fewestParts
    ? 'common'
    : null;
}

const shortestName = 4;

/** What a user's password must not be made of. Names of fewer than four letters are in too many good passwords. */
export function namesOf(
  user: Pick<User, 'userPrincipalName' | 'displayName'>,
  { appName, hostName }: { readonly appName: string; readonly hostName: string },
): Names {
  const [local = '', domain = ''] = user.userPrincipalName.split('@');
  const within = [local, local.replace(/[^\p{L}\p{N}]/gu, ''), appName, ...labels(domain), ...labels(hostName)];
  const common = [...words(local), ...words(user.displayName)];
  return { within: longEnough(within, shortestName), common: longEnough(common, 3) };
}

/** Of a domain name, but for the last: "com" is nobody's name. */
function labels(domain: string): string[] {
  const all = domain.split('.');
  return all.length > 1 ? all.slice(0, -1) : all;
}

function words(name: string): string[] {
  return name.split(/[^\p{L}]+/u);
}

function longEnough(names: readonly string[], letters: number): string[] {
  return names.filter((name) => lengthOf(plain(name)) >= letters);
}

const longestPart = 24;

/**
 * The fewest parts that a password is made of. A part is a common word (also backwards, with digits for letters), a run of
 * neighbours in the alphabet or on the keyboard, a date, or else one character; what was there before costs nothing again.
 */
function partsOf(letters: string, folded: string, names: ReadonlySet<string>): number {
  const fewest = [0];
  for (let end = 1; end <= letters.length; end += 1) {
    let least = fewest[end - 1]! + (end > 1 && letters[end - 1] === letters[end - 2] ? 0 : 1);
    for (let start = Math.max(0, end - longestPart); start <= end - 3; start += 1) {
      const part = letters.slice(start, end);
      const word = folded.slice(start, end);
      if (letters.slice(0, start).includes(part)) least = Math.min(least, fewest[start]!);
      else if (isRun(part) || isDate(part) || isCommon(word) || names.has(word)) {
        least = Math.min(least, fewest[start]! + 1);
      }
    }
    fewest.push(least);
  }
  return fewest[letters.length]!;
}

/** Small letters without their accents; every other sign as it is. */
function plain(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .toLowerCase();
}

const lookAlikes: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'i',
  '!': 'i',
  '|': 'i',
  l: 'i',
  '3': 'e',
  '€': 'e',
  '4': 'a',
  '@': 'a',
  '5': 's',
  $: 's',
  '7': 't',
  '+': 't',
  '8': 'b',
  '9': 'g',
  '6': 'g',
};

/** Signs that stand for one another are one sign: "P@ssw0rd" reads as "password". As long as the text was. */
function fold(letters: string): string {
  return letters.replace(/./gsu, (sign) => lookAlikes[sign] ?? sign);
}

const common: ReadonlySet<string> = new Set(
  commonWords.flatMap((word) => {
    const folded = fold(plain(word));
    return [folded, [...folded].reverse().join('')];
  }),
);

function isCommon(word: string): boolean {
  return common.has(word);
}

const rows = [
  'qwertyuiop',
  'qwertzuiop',
  'azertyuiop',
  'asdfghjkl',
  'qsdfghjklm',
  'zxcvbnm',
  'yxcvbnm',
  '1234567890',
  '!@#$%^&*()',
  '!"§$%&/()=',
  '1qaz2wsx3edc4rfv5tgb6yhn7ujm',
  'qazwsxedcrfvtgbyhnujm',
  'qweasdzxc',
  'q1w2e3r4t5y6u7i8o9p0',
  '1q2w3e4r5t6y7u8i9o0p',
  'a1b2c3d4e5f6g7h8i9',
  '1a2b3c4d5e6f7g8h9i',
].flatMap((row) => [row, [...row].reverse().join('')]);

/** Three or more that follow one another, forwards or backwards, or are all the same. */
function isRun(part: string): boolean {
  const step = part.charCodeAt(1) - part.charCodeAt(0);
  const even = [...part.slice(1)].every((sign, index) => sign.charCodeAt(0) - part.charCodeAt(index) === step);
  return (even && Math.abs(step) <= 1) || rows.some((row) => row.includes(part));
}

const dates = [
  /^(?:19|20)\d\d$/,
  /^\d\d?([-./ ])\d\d?\1(?:19|20)?\d\d$/,
  /^(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])(?:19|20)?\d\d$/,
  /^(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:19|20)?\d\d$/,
  /^(?:19|20)\d\d([-./ ]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])$/,
];

function isDate(part: string): boolean {
  return dates.some((date) => date.test(part));
}
