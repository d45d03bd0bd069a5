/**
 * Transforms of Winograd's F(2 × 2, 5 × 5), four channels or filters at a time. Tiles are 6 × 6; the points of the line are
 * 0, 1, −1, 2, −2, ∞. With p = (0, 1, −1, 2, −2) and n = (¼, −⅙, −⅙, 1/24, 1/24), Aᵀ has rows pᵏ and ends with (0 … 0 1)ᵀ, G
 * columns n pᵏ and ends with (0 … 0 1), k = 0, 1 … 4 (or 0, 1 for the primed ones' other side), and
 *
 *     Bᵀ = 4  0 −5  0  1  0
 *          0 −4 −4  1  1  0
 *          0  4 −4 −1  1  0
 *          0 −2 −1  2  1  0
 *          0  2 −1 −2  1  0
 *          0  4  0 −5  0  1
 *
 * Its rounding errors are about eight times those of a direct sum. A transform along columns goes through `room`, 36 vectors.
 */

/** G g Gᵀ of a filter whose taps are `tap` bytes apart, to points `point` apart. */
export function weights5(g: usize, tap: usize, to: usize, point: usize, room: usize): void {
  for (let j: usize = 0; j < 5; j++) weightLine(g + j * tap, 5 * tap, room + j * 16, 96);
  for (let i: usize = 0; i < 6; i++) weightLine(room + i * 96, 16, to + i * 6 * point, point);
}

/** Bᵀ d B, d being `at` bytes after the 36 addresses in `table`. */
export function input5(table: usize, at: usize, to: usize, point: usize, room: usize): void {
  for (let j: usize = 0; j < 6; j++, table += 4) {
    inputLine(
      v128.load(<usize>load<u32>(table) + at), v128.load(<usize>load<u32>(table, 24) + at),
      v128.load(<usize>load<u32>(table, 48) + at), v128.load(<usize>load<u32>(table, 72) + at),
      v128.load(<usize>load<u32>(table, 96) + at), v128.load(<usize>load<u32>(table, 120) + at),
      room + j * 16, 96,
    );
  }
  for (let i: usize = 0; i < 6; i++, room += 96, to += 6 * point) {
    inputLine(
      v128.load(room), v128.load(room, 16), v128.load(room, 32), v128.load(room, 48), v128.load(room, 64),
      v128.load(room, 80), to, point,
    );
  }
}

/** Aᵀ m A, rows first: [0][0], [0][1], [1][0], [1][1] to 16 bytes each. */
export function output5(m: usize, point: usize, to: usize, room: usize): void {
  for (let j: usize = 0; j < 6; j++) outputLine(m + j * point, 6 * point, room + j * 16, 96);
  outputLine(room, 16, to, 16);
  outputLine(room + 96, 16, to + 32, 16);
}

/** G' dy G'ᵀ of a, b above c, d. */
export function gradient5(a: v128, b: v128, c: v128, d: v128, to: usize, point: usize, room: usize): void {
  gradientLine(a, c, room, 32);
  gradientLine(b, d, room + 16, 32);
  for (let i: usize = 0; i < 6; i++, room += 32, to += 6 * point) {
    gradientLine(v128.load(room), v128.load(room, 16), to, point);
  }
}

/** A'ᵀ s A' to 25 taps. */
export function taps5(s: usize, point: usize, to: usize, tap: usize, room: usize): void {
  for (let j: usize = 0; j < 6; j++) tapLine(s + j * point, 6 * point, room + j * 16, 96);
  for (let i: usize = 0; i < 5; i++) tapLine(room + i * 96, 16, to + i * 5 * tap, tap);
}

/** Of 5 taps, `step` bytes apart, to 6 points. */
// @ts-ignore: decorator
@inline
function weightLine(g: usize, step: usize, to: usize, point: usize): void {
  const g0 = v128.load(g), g1 = v128.load(g + step), g2 = v128.load(g + 2 * step);
  const g3 = v128.load(g + 3 * step), g4 = v128.load(g + 4 * step);
  const sixth = f32x4.splat(-1.0 / 6), rest = f32x4.splat(1.0 / 24), two = f32x4.splat(2), four = f32x4.splat(4);
  const even = f32x4.add(f32x4.add(g0, g2), g4), odd = f32x4.add(g1, g3);
  const even2 = f32x4.add(g0, f32x4.mul(four, f32x4.add(g2, f32x4.mul(four, g4))));
  const odd2 = f32x4.mul(two, f32x4.add(g1, f32x4.mul(four, g3)));
  v128.store(to, f32x4.mul(f32x4.splat(0.25), g0));
  v128.store(to + point, f32x4.mul(sixth, f32x4.add(even, odd)));
  v128.store(to + 2 * point, f32x4.mul(sixth, f32x4.sub(even, odd)));
  v128.store(to + 3 * point, f32x4.mul(rest, f32x4.add(even2, odd2)));
  v128.store(to + 4 * point, f32x4.mul(rest, f32x4.sub(even2, odd2)));
  v128.store(to + 5 * point, g4);
}

// @ts-ignore: decorator
@inline
function inputLine(d0: v128, d1: v128, d2: v128, d3: v128, d4: v128, d5: v128, to: usize, point: usize): void {
  const two = f32x4.splat(2), four = f32x4.splat(4), five = f32x4.splat(5);
  v128.store(to, f32x4.add(f32x4.sub(f32x4.mul(four, d0), f32x4.mul(five, d2)), d4));
  const a = f32x4.sub(d4, f32x4.mul(four, d2)), b = f32x4.sub(d3, f32x4.mul(four, d1));
  v128.store(to + point, f32x4.add(a, b));
  v128.store(to + 2 * point, f32x4.sub(a, b));
  const c = f32x4.sub(d4, d2), e = f32x4.mul(two, f32x4.sub(d3, d1));
  v128.store(to + 3 * point, f32x4.add(c, e));
  v128.store(to + 4 * point, f32x4.sub(c, e));
  v128.store(to + 5 * point, f32x4.add(f32x4.sub(f32x4.mul(four, d1), f32x4.mul(five, d3)), d5));
}

// @ts-ignore: decorator
@inline
function outputLine(m: usize, step: usize, to: usize, next: usize): void {
  const m1 = v128.load(m + step), m2 = v128.load(m + 2 * step);
  const m3 = v128.load(m + 3 * step), m4 = v128.load(m + 4 * step);
  const sum = f32x4.add(f32x4.add(m1, m2), f32x4.add(m3, m4));
  v128.store(to, f32x4.add(v128.load(m), sum));
  const away = f32x4.add(f32x4.sub(m1, m2), f32x4.mul(f32x4.splat(2), f32x4.sub(m3, m4)));
  v128.store(to + next, f32x4.add(away, v128.load(m + 5 * step)));
}

// @ts-ignore: decorator
@inline
function gradientLine(a: v128, b: v128, to: usize, point: usize): void {
  const sixth = f32x4.splat(-1.0 / 6), rest = f32x4.splat(1.0 / 24);
  const twice = f32x4.add(b, b);
  v128.store(to, f32x4.mul(f32x4.splat(0.25), a));
  v128.store(to + point, f32x4.mul(sixth, f32x4.add(a, b)));
  v128.store(to + 2 * point, f32x4.mul(sixth, f32x4.sub(a, b)));
  v128.store(to + 3 * point, f32x4.mul(rest, f32x4.add(a, twice)));
  v128.store(to + 4 * point, f32x4.mul(rest, f32x4.sub(a, twice)));
  v128.store(to + 5 * point, b);
}

// @ts-ignore: decorator
@inline
function tapLine(s: usize, step: usize, to: usize, tap: usize): void {
  const m1 = v128.load(s + step), m2 = v128.load(s + 2 * step);
  const m3 = v128.load(s + 3 * step), m4 = v128.load(s + 4 * step);
  const sum1 = f32x4.add(m1, m2), away1 = f32x4.sub(m1, m2), sum2 = f32x4.add(m3, m4), away2 = f32x4.sub(m3, m4);
  v128.store(to, f32x4.add(v128.load(s), f32x4.add(sum1, sum2)));
  v128.store(to + tap, f32x4.add(away1, f32x4.mul(f32x4.splat(2), away2)));
  v128.store(to + 2 * tap, f32x4.add(sum1, f32x4.mul(f32x4.splat(4), sum2)));
  v128.store(to + 3 * tap, f32x4.add(away1, f32x4.mul(f32x4.splat(8), away2)));
  const last = f32x4.add(sum1, f32x4.mul(f32x4.splat(16), sum2));
  v128.store(to + 4 * tap, f32x4.add(last, v128.load(s + 5 * step)));
}
