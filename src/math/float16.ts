/** Largest finite half-precision number. */
const largest = 65_504;

/**
 * The half-precision number (IEEE 754 binary16) nearest to x, as its 16 bits; halfway to the even one. Beyond the largest
 * finite number it is that one. Rounds once, from float64.
 */
export function toHalf(x: number): number {
  const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0;
  const size = Math.min(Math.abs(x), largest);
  // exponent: 2^exponent ≤ size < 2^(exponent + 1), at least −14 (below that numbers are subnormal).
  let exponent = -14;
  let power = 1 / 16_384;
  while (size >= 2 * power) {
    power *= 2;
    exponent++;
  }
  // Scaling by a power of two is exact, so only this rounds.
  const units = halfEven((size / power) * 1024);
  const bits = size < power ? units : units + ((exponent + 14) << 10);
  return sign | bits;
}

/** The number of 16 half-precision bits (finite ones). */
export function fromHalf(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  let power = 1 / 16_777_216;
  for (let e = 1; e < exponent; e++) power *= 2;
  const size = (exponent === 0 ? fraction : 1024 + fraction) * power;
  return bits & 0x8000 ? -size : size;
}

function halfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
