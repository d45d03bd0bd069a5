import assert from "node:assert/strict";
import fc from "fast-check";
import { ticks125, ticksOf } from "../../src/charts/scale.ts";

const linear = { title: "", scale: "linear" } as const;
const log = { title: "", scale: "log" } as const;
const texts = (
  axis: typeof linear | typeof log,
  low: number,
  high: number,
  wanted: number,
): string[] => ticksOf(axis, [low, high], wanted).map((tick) => tick.text);

describe("ticks", () => {
  it("a log axis over two decades has 1, 2, 5, 10, …", () => {
    assert.deepEqual(texts(log, 0, 2, 8), ["1", "2", "5", "10", "20", "50", "100"]);
  });

  it("a log axis over many decades has powers of ten, in one notation", () => {
    assert.deepEqual(texts(log, -6, 0, 8), ["10⁻⁶", "10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²", "10⁻¹", "10⁰"]);
    assert.deepEqual(texts(log, -3, 0, 6), ["0.001", "0.01", "0.1", "1"]);
  });

  it("a linear axis has round steps", () => {
    assert.deepEqual(texts(linear, 1.9, 4.1, 6), ["2.0", "2.5", "3.0", "3.5", "4.0"]);
  });

  it("ticks lie in the range, rise, and there is at least one and not many more than wanted", () => {
    const range = fc
      .tuple(fc.integer({ min: -40, max: 40 }), fc.integer({ min: 1, max: 80 }))
      .map(([low, span]) => [low / 8, (low + span) / 8] as const);
    fc.assert(
      fc.property(
        range,
        fc.constantFrom(linear, log),
        fc.integer({ min: 3, max: 12 }),
        (ends, axis, wanted) => {
          const ticks = ticksOf(axis, ends, wanted);
          const at = ticks.map(({ value }) => (axis.scale === "log" ? Math.log10(value) : value));
          assert.ok(at.every((v) => v >= ends[0] - 1e-6 && v <= ends[1] + 1e-6));
          assert.ok(at.every((v, i) => i === 0 || v > (at[i - 1] ?? 0)));
          assert.ok(ticks.length <= wanted + 2, `${ticks.length} ticks`);
          assert.ok(ticks.length >= 1);
        },
      ),
    );
  });

  it("values of 10¹⁶ that differ by 2 have an axis", () => {
    assert.ok(ticksOf(linear, [1e16, 1e16 + 2], 6).length > 0);
  });

  it("every tick's text reads back as its value on the compression axis", () => {
    for (const { value, text } of ticks125().filter(
      (tick) => tick.value >= 1 && tick.value <= 1000,
    )) {
      assert.equal(Number(text), value);
    }
  });
});
