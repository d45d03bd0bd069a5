/**
 * exp, tanh and log from + − × ÷ and bit operations only, so every machine gives the same bits. Errors are stated
 * where they are defined and checked against float64 by test/engine/elementary.test.ts.
 */

/** Magnitudes below 1e-30 become 0, NaN stays; this keeps denormals (slow, no flush-to-zero in WASM) out of the training state. */
// @ts-ignore: decorator
@inline
export function flush(x: v128): v128 {
  return v128.andnot(x, f32x4.lt(f32x4.abs(x), f32x4.splat(1e-30)));
}

/** n = x / ln 2 rounded to even, as a float. */
// @ts-ignore: decorator
@inline
function exponent(x: v128): v128 {
  return f32x4.nearest(f32x4.mul(x, f32x4.splat(1.4426950408889634)));
}

/** 2ⁿ for n in −126…127. */
// @ts-ignore: decorator
@inline
function power(n: v128): v128 {
  return i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
}

/**
 * eʳ − 1 for r = x − n ln 2, |r| ≤ ln 2 / 2: r + r²·q(r), q of degree 4, minimax in the relative error (1.4e-8
 * before rounding). ln 2 is split so that n times its high part is exact.
 */
// @ts-ignore: decorator
@inline
function reduced(x: v128, n: v128): v128 {
  let r = f32x4.sub(x, f32x4.mul(n, f32x4.splat(0.693145751953125)));
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(1.42860682030941723e-6)));
  let q = f32x4.splat(0.0013882516650483012);
  q = f32x4.add(f32x4.mul(q, r), f32x4.splat(0.008366547524929047));
  q = f32x4.add(f32x4.mul(q, r), f32x4.splat(0.04166720062494278));
  q = f32x4.add(f32x4.mul(q, r), f32x4.splat(0.1666654348373413));
  q = f32x4.add(f32x4.mul(q, r), f32x4.splat(0.4999999701976776));
  return f32x4.add(r, f32x4.mul(f32x4.mul(r, r), q));
}

/** eˣ for x ≤ 0, relative error below 1.2e-7 (2 units in the last place); 0 below x = −64, NaN of NaN. */
// @ts-ignore: decorator
@inline
export function exp(x: v128): v128 {
  const n = exponent(f32x4.max(x, f32x4.splat(-64)));
  const scale = power(n);
  const y = f32x4.add(scale, f32x4.mul(scale, reduced(x, n)));
  return v128.andnot(y, f32x4.lt(x, f32x4.splat(-64)));
}

/** tanh x = e / (e + 2) with e = e^{2|x|} − 1; relative error below 3e-7 (3 units in the last place). */
// @ts-ignore: decorator
@inline
export function tanh(x: v128): v128 {
  const sign = v128.and(x, f32x4.splat(-0.0));
  // min, not pmin: a NaN must come out as NaN so that the step is refused.
  const z = f32x4.min(f32x4.mul(f32x4.abs(x), f32x4.splat(2)), f32x4.splat(20));
  const n = exponent(z);
  const scale = power(n);
  const e = f32x4.add(
    f32x4.mul(scale, reduced(z, n)),
    f32x4.sub(scale, f32x4.splat(1)),
  );
  return v128.or(f32x4.div(e, f32x4.add(e, f32x4.splat(2))), sign);
}

/** 1 / (1 + e^−x), by e = exp(−|x|): 1 / (1 + e), or e / (1 + e) for x < 0. */
// @ts-ignore: decorator
@inline
export function sigmoid(x: v128): v128 {
  const one = f32x4.splat(1);
  const e = exp(f32x4.neg(f32x4.abs(x)));
  return f32x4.div(v128.bitselect(e, one, f32x4.lt(x, f32x4.splat(0))), f32x4.add(one, e));
}

/**
 * log x for normal x > 0 in float64: x = m 2ᵏ with m in [√½, √2), log m = 2 artanh s, s = (m − 1) / (m + 1),
 * |s| < 0.172, by its series to s¹⁹. Absolute error below 4e-16 (1 + |log x|).
 */
export function log(x: f64): f64 {
  const bits = reinterpret<i64>(x) - 0x3fe6a09e667f3bcd;
  const k = <f64>(bits >> 52);
  const m = reinterpret<f64>((bits & 0x000fffffffffffff) + 0x3fe6a09e667f3bcd);
  const s = (m - 1) / (m + 1);
  const t = s * s;
  let p: f64 = 1.0 / 19.0;
  p = p * t + 1.0 / 17.0;
  p = p * t + 1.0 / 15.0;
  p = p * t + 1.0 / 13.0;
  p = p * t + 1.0 / 11.0;
  p = p * t + 1.0 / 9.0;
  p = p * t + 1.0 / 7.0;
  p = p * t + 1.0 / 5.0;
  p = p * t + 1.0 / 3.0;
  return k * 0.6931471805599453 + (2 * s + 2 * s * (t * p));
}

/** y[i] = exp x[i] for `count` floats, a multiple of 4. For the tests of this file. */
export function expEach(x: usize, y: usize, count: usize): void {
  for (let i: usize = 0; i < count * 4; i += 16) v128.store(y + i, exp(v128.load(x + i)));
}

/** y[i] = tanh x[i], likewise. */
export function tanhEach(x: usize, y: usize, count: usize): void {
  for (let i: usize = 0; i < count * 4; i += 16) v128.store(y + i, tanh(v128.load(x + i)));
}
