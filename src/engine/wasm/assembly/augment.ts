import { mix } from "./dropout";
import { SEED } from "./layout";

/**
 * Address of an example's stored pixels as they are to be seen: `image` itself, or, if `op` says so, its flipped crop in
 * the thread's scratch. `op` points to height, width, channels, crop, flip. Seed and example decide, as for dropout;
 * its layers are numbered from 1, so 0 is free for the input. engine/augment.ts says the same in TypeScript.
 */
export function augment(op: usize, image: usize, example: u32, control: usize, scratch: usize): usize {
  const crop = load<i32>(op, 12);
  if (crop == 0 && load<i32>(op, 16) == 0) return image;
  const height = load<i32>(op), width = load<i32>(op, 4), channels = load<i32>(op, 8);
  const key = mix(mix(mix(load<u32>(control, SEED))) + example);
  const flip = load<i32>(op, 16) != 0 && mix(key + 0x9e3779b9) >> 31 != 0;
  const down = below(mix(key + 2 * 0x9e3779b9), 2 * crop + 1) - crop;
  const across = below(mix(key + 3 * 0x9e3779b9), 2 * crop + 1) - crop;
  // Columns of the padded image that are not padding, as columns of the window.
  const begin = max(0, -across), end = min(width, width - across);
  const bytes = width * channels;
  for (let y = 0; y < height; y++) {
    const to = scratch + y * bytes;
    memory.fill(to, 0, bytes);
    if (<u32>(y + down) >= <u32>height || begin >= end) continue;
    const from = image + ((y + down) * width + across) * channels;
    if (!flip) {
      memory.copy(to + begin * channels, from + begin * channels, (end - begin) * channels);
      continue;
    }
    for (let x = begin; x < end; x++) {
      const pixel = to + (width - 1 - x) * channels;
      for (let c = 0; c < channels; c++) store<u8>(pixel + c, load<u8>(from + x * channels + c));
    }
  }
  return scratch;
}

/** 0…n−1 from 32 random bits. */
// @ts-ignore: decorator
@inline
function below(bits: u32, n: i32): i32 {
  return <i32>(<u64>bits * <u64>n >> 32);
}
