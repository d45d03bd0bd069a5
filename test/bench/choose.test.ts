import assert from "node:assert/strict";
import { handMade } from "../../bench/choose/hand-made.ts";
import {
  type Automatic,
  budgetsOf,
  compare,
  type Entry,
  epochsOf,
  type Run,
  shortened,
  tableOf,
} from "../../bench/choose/report.ts";
import { schedules } from "../../src/lc/schedules.ts";
import { initialWeights, lenet300 } from "../../src/net/zoo.ts";

const run = (seed: number, bytes: number, trainLoss: number, epochs = 147): Run => ({
  ...{ seed, bytes, trainLoss, epochs },
  ...{ ratio: 1e6 / bytes, testError: 2.5, seconds: 10 * seed },
});
const entry = (name: string, bytes: number, losses: number[]): Entry => ({
  ...{ name, searchEpochs: 0 },
  runs: losses.map((loss, i) => run(i + 1, bytes, loss)),
});
const choice = (budget: number, bytes: number, losses: number[], epochs = 126): Automatic => ({
  ...{ name: "automatic", budget, searchEpochs: 21 },
  runs: losses.map((loss, i) => run(i + 1, bytes, loss, epochs)),
});
const small = entry("small", 1000, [0.1, 0.5, 0.2]);
const large = entry("large", 2000, [0.3, 0.3, 0.3]);
const verdicts = (handMade: Entry[], automatic: Automatic[]) =>
  compare(handMade, automatic).map(({ holds }) => holds);

describe("the comparison of choices", () => {
  it("has the hand-made combinations with ρ ≥ 20, and no layer open", async () => {
    const { network } = lenet300();
    const net = { network, weights: initialWeights(network, 1) };
    for (const { plan } of handMade) {
      const made = plan(net as Parameters<typeof plan>[0]);
      assert.equal(made.tasks.flatMap(({ layers }) => layers).length, 3);
      assert.ok((await made.direct()).ratio >= 20);
    }
  });

  it("takes one epoch in seven of the short schedule for the search", () => {
    const { lStep, mu } = schedules.short;
    const fewer = shortened(lStep, 7);
    assert.deepEqual([fewer.epochs, fewer.firstEpochs], [6, 12]);
    assert.equal(epochsOf(lStep, mu), 147);
    assert.equal(epochsOf(fewer, mu), 126);
    assert.throws(() => shortened(lStep, 3), /every must divide 7 and 14 epochs, got 3/);
  });

  it("makes a choice for each size, and one for sizes within 1 %", () => {
    const sizes = [2000, 1005, 1000, 1010.1, 3000].map((bytes) => entry("", bytes, [1]));
    assert.deepEqual(budgetsOf(sizes), [1000, 1010.1, 2000, 3000]);
  });

  it("holds where the choice's median is at most the best one's of that size or smaller", () => {
    const good = [choice(1000, 990, [0.9, 0.2, 0.1]), choice(2000, 1990, [0.2, 0.2, 0.2])];
    assert.deepEqual(verdicts([small, large], good), [true, true]);
    // 0.25 beats the large one's 0.3, but not the small one's 0.2.
    const worse = [choice(1000, 990, [0.9, 0.21, 0.1]), choice(2000, 1990, [0.25, 0.25, 0.25])];
    assert.deepEqual(verdicts([small, large], worse), [false, false]);
    // One choice may stand beside both.
    assert.deepEqual(verdicts([small, large], good.slice(0, 1)), [true, true]);
  });

  it("does not hold for a choice that is larger, in any run, or learned longer", () => {
    const fine = choice(1000, 1000, [0.1, 0.1, 0.1]);
    assert.deepEqual(verdicts([small], [fine]), [true]);
    const larger = { ...fine, runs: [...fine.runs.slice(1), run(1, 1001, 0.1, 126)] };
    assert.deepEqual(verdicts([small], [larger]), [false]);
    assert.deepEqual(verdicts([small], [choice(1000, 1000, [0.1, 0.1, 0.1], 127)]), [false]);
  });

  it("shows a choice below the combination it is compared with", () => {
    const shown = tableOf(compare([small], [choice(1000, 990, [0.9, 0.1, 0.05])]));
    const [hand, automatic] = shown.toRecords();
    assert.deepEqual(
      [hand?.["training loss"], hand?.least, hand?.most, hand?.["epochs + search"]],
      [0.2, 0.1, 0.5, "147 + 0"],
    );
    assert.deepEqual(
      [automatic?.bytes, automatic?.["training loss"], automatic?.["epochs + search"]],
      [990, 0.1, "126 + 21"],
    );
    assert.deepEqual([hand?.["no worse"], automatic?.["no worse"]], ["", "yes"]);
  });
});
