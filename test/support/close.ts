import assert from "node:assert/strict";

/** |actual − expected| ≤ atol + rtol · |expected|, for numbers or arrays; the message names the worst entry. */
export function close(
  actual: number | ArrayLike<number>,
  expected: number | ArrayLike<number>,
  { rtol = 0, atol = 0 }: { rtol?: number; atol?: number },
): void {
  const a = typeof actual === "number" ? [actual] : actual;
  const b = typeof expected === "number" ? [expected] : expected;
  assert.equal(a.length, b.length, `lengths differ: ${a.length} and ${b.length}`);
  let worst = -1;
  let excess = 0;
  for (let i = 0; i < a.length; i++) {
    const over =
      Math.abs((a[i] as number) - (b[i] as number)) - atol - rtol * Math.abs(b[i] as number);
    if (!(over <= excess)) {
      excess = over;
      worst = i;
    }
  }
  assert.ok(
    worst < 0,
    `[${worst}] is ${a[worst]}, expected ${b[worst]} (rtol ${rtol}, atol ${atol})`,
  );
}
