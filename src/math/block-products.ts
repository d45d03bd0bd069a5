import { strideOf, type Workspace } from "./kernels.ts";
import { fours, gramInto, type Operand } from "./operand.ts";

/** Products of B = A Aᵀ with a block of rows, computed in float32 or float64. The blocks handed in are float64. */
export interface BlockProducts {
  /** y = x B. */
  apply(x: number, y: number): void;
  /** z = x A. */
  forward(x: number, z: number): void;
  /** y = z Aᵀ. */
  back(z: number, y: number): void;
  /**
   * x ← x Tₖ(2B/c − 1), with k = `low` for the first `few` rows and k = `high` for the others. y = x B is given,
   * `spare` is overwritten.
   */
  filter(
    x: number,
    y: number,
    spare: number,
    c: number,
    low: number,
    high: number,
    few: number,
  ): void;
}

/** Products with blocks of `size` rows, in numbers of `bytes` bytes. Reserves its memory at the first use. */
export function blockProducts(
  space: Workspace,
  a: Operand,
  size: number,
  bytes: 4 | 8,
): BlockProducts {
  const { kernels } = space;
  const single = bytes === 4;
  const { times, timesTransposed, combine } = single
    ? {
        times: kernels.times32,
        timesTransposed: kernels.timesTransposed32,
        combine: kernels.combine32,
      }
    : {
        times: kernels.times64,
        timesTransposed: kernels.timesTransposed64,
        combine: kernels.combine64,
      };
  const copy = (from: number, to: number, n: number): void =>
    space.doubles(to, n).set(space.doubles(from, n));
  const load = single ? kernels.demote : copy;
  const store = single ? kernels.promote : copy;
  const stride = strideOf(a.rows);
  const count = size * stride;
  let room: ReturnType<typeof reserve> | undefined;
  let gram = 0;

  function reserve() {
    const cleared = () => {
      const at = space.reserve(count, bytes);
      (single ? space.singles : space.doubles)(at, count).fill(0);
      return at;
    };
    const [p, q, w] = [cleared(), cleared(), cleared()];
    const z = space.reserve(size * a.stride, bytes);
    return { p, q, w, z, data: a.numbers(bytes) };
  }

  /** to = from B for `rows` rows. */
  function multiply(
    { z, data }: ReturnType<typeof reserve>,
    from: number,
    to: number,
    rows: number,
  ) {
    if (gram) times(from, stride, rows, gram, stride, a.rows, to, stride, a.rows);
    else {
      times(from, stride, rows, data, a.stride, a.rows, z, a.stride, a.cols);
      timesTransposed(z, a.stride, rows, data, a.stride, a.rows, to, stride, a.cols);
    }
  }

  return {
    apply(x, y) {
      room ??= reserve();
      load(x, room.p, count);
      multiply(room, room.p, room.q, size);
      store(room.q, y, count);
    },

    forward(x, z) {
      room ??= reserve();
      load(x, room.p, count);
      times(room.p, stride, size, room.data, a.stride, a.rows, room.z, a.stride, a.cols);
      store(room.z, z, size * a.stride);
    },

    back(z, y) {
      room ??= reserve();
      load(z, room.z, size * a.stride);
      const { z: from, data, q } = room;
      timesTransposed(from, a.stride, size, data, a.stride, a.rows, q, stride, a.cols);
      store(q, y, count);
    },

    filter(x, y, spare, c, low, high, few) {
      room ??= reserve();
      // B itself, once, if that saves work.
      const rows = low * size + (high - low) * (size - few);
      if (!gram && rows * (4 * a.cols - 2 * a.rows) > a.rows * a.cols) {
        gram = space.reserve(fours(a.rows) * stride, bytes);
        gramInto(space, room.data, a, gram, bytes);
      }
      // T₀ = 1, T₁ = 2B/c − 1, Tₖ₊₁ = 2 T₁ Tₖ − Tₖ₋₁. The products take an even number of rows, so one may go further in vain.
      let { p, q } = room;
      load(x, p, count);
      kernels.combine64(spare, y, 2 / c, x, -1, x, 0, count);
      load(spare, q, count);
      let from = 0;
      for (let k = 1; ; k++) {
        if (k === low) {
          store(q, x, few * stride);
          from = few - (few % 2);
        }
        if (k === high) break;
        const at = from * stride * bytes;
        multiply(room, q + at, room.w + at, size - from);
        combine(p + at, room.w + at, 4 / c, q + at, -2, p + at, -1, (size - from) * stride);
        [p, q] = [q, p];
      }
      store(q + few * stride * bytes, x + few * stride * 8, (size - few) * stride);
    },
  };
}
