/** What a choice costs and what is lost by it. */
export interface Priced {
  readonly bits: number;
  readonly error: number;
}

/** Allocations are kept apart by this factor in bits once there are many. */
const STEP = 1 - 2 ** -10;
const MANY = 4096;

/**
 * The Pareto front of choosing one of each group – a multiple-choice knapsack at all capacities at once: groups are added one by
 * one, and what is beaten in both bits and error is dropped. Of more than 4,096, those that save less than 0.1 % of the bits of one that
 * is kept go too, so that each group adds at most that to what a budget loses; up to that it is exact. By falling bits.
 */
export function combine<Choice extends Priced>(
  groups: readonly (readonly Choice[])[],
): (readonly Choice[])[] {
  let front: readonly Partial<Choice>[] = [
    { bits: 0, error: 0, choice: undefined, before: undefined },
  ];
  for (const group of groups) {
    const next = front.flatMap((before) =>
      group.map((choice) => ({
        bits: before.bits + choice.bits,
        error: before.error + choice.error,
        ...{ choice, before },
      })),
    );
    front = thinned(pareto(next));
  }
  return front.map(chain);
}

/** Some choices made, the last of them, and those before. */
interface Partial<Choice> extends Priced {
  readonly choice: Choice | undefined;
  readonly before: Partial<Choice> | undefined;
}

function chain<Choice>(last: Partial<Choice>): Choice[] {
  const choices: Choice[] = [];
  for (let at: Partial<Choice> | undefined = last; at?.choice; at = at.before) {
    choices.push(at.choice);
  }
  return choices.reverse();
}

/** Those that no other beats in both, by falling bits. */
function pareto<P extends Priced>(points: readonly P[]): P[] {
  const sorted = [...points].sort((a, b) => a.bits - b.bits || a.error - b.error);
  const front: P[] = [];
  let least = Number.POSITIVE_INFINITY;
  for (const point of sorted) {
    if (point.error >= least) continue;
    least = point.error;
    front.push(point);
  }
  return front.reverse();
}

function thinned<P extends Priced>(front: readonly P[]): readonly P[] {
  if (front.length <= MANY) return front;
  let last = Number.POSITIVE_INFINITY;
  return front.filter(({ bits }, i) => {
    if (bits > last * STEP && i < front.length - 1) return false;
    last = bits;
    return true;
  });
}
