// Sentences that teach what negation does: few of the labelled phrases and reviews hold one, and a model that adds up words
// calls "not bad" bad. Subjects, judgements and frames are combined at random; the label follows from the frame.
// Knows no model; draws from the generator it is given.
import type { Example } from "../../../data/readers.ts";
import type { Generator } from "../../../tensor/index.ts";

const words = (text: string): string[] => text.trim().split(/\s+/);

const SUBJECTS = words(`
  film movie story plot ending script acting cast music soundtrack book novel chapter lecture talk meal dinner lunch soup
  pizza food wine coffee restaurant café hotel room bed bathroom service staff waiter guide trip tour flight train journey
  evening day holiday party concert show performance singer song album phone laptop camera app game toy jacket shoe dress
  shop website support delivery product museum exhibition course lesson teacher city beach park garden house weather
`);

const POSITIVE = words(`
  good great fine nice excellent wonderful fantastic amazing brilliant superb lovely beautiful charming delightful enjoyable
  pleasant funny hilarious witty clever smart interesting exciting thrilling gripping touching moving inspiring impressive
  memorable original fresh convincing entertaining satisfying rewarding helpful friendly kind polite comfortable clean quiet
  tasty delicious reliable useful perfect magnificent remarkable refreshing elegant graceful engaging compelling warm
`);

const NEGATIVE = words(`
  bad awful terrible horrible poor boring dull tedious slow lame stupid silly dumb pointless predictable annoying irritating
  confusing disappointing depressing painful ugly cheap dirty noisy smelly rude unfriendly cold bland stale tasteless useless
  worthless broken unreliable weak shallow lifeless clumsy messy ridiculous pathetic mediocre forgettable unpleasant
  uncomfortable unfunny uninteresting exhausting frustrating dreadful miserable disgusting lousy sloppy
`);

/** Words for what went wrong, that a positive sentence denies. */
const TROUBLES = words("problem fault flaw mistake weakness complaint regret worry doubt disappointment");

/** A is a judgement; what stands before the bar is said of it. Denied, a judgement turns round. */
const AFFIRMED = [
  "The S is A.|The S was A.|This S is really A.|What a A S!|It is a A S.|I found the S A.|The S was A and B.|A A and B S.",
  "Everything about the S was A.|My S was very A.|They made a A S.|It was A from start to finish.|I call this S A.",
];
const DENIED = [
  "The S is not A.|The S was not A at all.|The S isn't A.|The S wasn't A.|This is not a A S.|It was not a A S.|It's not A.",
  "The S was never A.|The S is never A.|I did not find the S A.|I didn't find it A.|I would not call this S A.|Not A at all.",
  "There is nothing A about the S.|There was nothing A in this S.|Nothing about the S was A.|The S is anything but A.",
  "Not a A S.|The S was neither A nor B.|Nobody could call the S A.|It is hardly A.|Never A, never B.|There isn't a A minute in it.",
  "The S is not A for a minute.|I don't think the S is A.|No part of the S was A.|There was not one A thing about the S.",
];

/** Set phrases in which the negation makes the praise or the blame. */
const PRAISE = [
  "The S could not be better.|It couldn't have been a C S.|I have never seen a C S.|You will not find a C S.|No S is C.",
  "I have no T with the S.|There is no T with this S.|Not a single T.|I can't find a T in the S.|The S has no T at all.",
  "The S never disappoints.|The S does not disappoint.|You won't be sorry.|It never gets old.|I can't wait to see the S again.",
  "I couldn't stop smiling.|I could not ask for more.|I can't praise the S enough.|Don't miss this S.|We did not want it to end.",
];
const BLAME = [
  "I do not like the S.|I didn't enjoy the S.|I don't love it.|We did not enjoy the S at all.|Nobody liked the S.|I never liked the S.",
  "I would not recommend the S.|I can't recommend this S to anybody.|I won't come back.|I will never buy it again.|Don't waste your time.",
  "The S does not work.|The S never works.|I am not happy with the S.|We were not impressed.|I was not pleased.|It did not convince me.",
  "The S is not worth the money.|Not worth it.|The S has no charm.|There is no reason to buy this S.|It doesn't make sense.",
  "He can not act.|She doesn't sing well.|They did not play well.|The S was not what we had hoped for.|It could not be worse.",
];
const BETTER = words("better nicer finer funnier lovelier cleverer kinder");

const frames = (lines: readonly string[]): string[] => lines.flatMap((line) => line.split("|"));
/** Each kind with the label that a positive judgement gets in it; undefined where none stands in it. */
const KINDS = [
  { frames: frames(AFFIRMED), turns: false },
  { frames: frames(DENIED), turns: true },
  { frames: frames(DENIED), turns: true },
  { frames: frames(PRAISE), label: 1 },
  { frames: frames(BLAME), label: 0 },
] as const;

/** Sentences with their labels, 1 for positive; the same generator gives the same ones. None is among `excluded`. */
export function negationSentences(generator: Generator, count: number, excluded: ReadonlySet<string>): Example[] {
  const pick = <Item>(list: readonly Item[]): Item => list[generator.u32() % list.length] as Item; // safe because no list is empty
  const out: Example[] = [];
  while (out.length < count) {
    const kind = pick(KINDS);
    const positive = generator.u32() % 2 === 1;
    const judgements = positive ? POSITIVE : NEGATIVE;
    const text = pick(kind.frames)
      .replace(/\bS\b/, pick(SUBJECTS))
      .replace(/\bA\b(?=[ .!,]|$)/g, (match, at: number, whole: string) =>
        isArticle(whole, at) ? match : pick(judgements),
      )
      .replace(/\bB\b/, pick(judgements))
      .replace(/\bC\b/, pick(BETTER))
      .replace(/\bT\b/, pick(TROUBLES))
      .replace(/\b([Aa]) (?=[aeiou])/g, "$1n ");
    const label = "label" in kind ? kind.label : Number(positive !== kind.turns);
    if (!excluded.has(text)) out.push({ text, label });
  }
  return out;
}

/** "A A and B S": the first A begins the sentence and is the article. */
const isArticle = (frame: string, at: number): boolean => at === 0 && /^A A/.test(frame);
