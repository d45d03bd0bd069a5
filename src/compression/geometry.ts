/**
 * What a weight matrix does in its network; FLOPs and the schemes of convolutions follow from it. A dense layer is a
 * 1 × 1 convolution of one pixel. Without a geometry a matrix counts as dense.
 */
export interface Geometry {
  /** [height, width] in pixels; columns of the matrix are (row of the kernel, column of the kernel, input channel). */
  readonly kernel: readonly [number, number];
  /** Input channels. */
  readonly channels: number;
  /** [height, width] of the input and of the output in pixels. */
  readonly input: readonly [number, number];
  readonly output: readonly [number, number];
}

/** A shape with what it does, if that is known. */
export interface Shape {
  readonly rows: number;
  readonly cols: number;
  readonly geometry?: Geometry;
}

/** The geometry of a shape: its own, or that of a dense layer. */
export function geometryOf({ cols, geometry }: Shape): Geometry {
  return geometry ?? { kernel: [1, 1], channels: cols, input: [1, 1], output: [1, 1] };
}

/** Times every weight is used in one inference: output pixels. */
export function uses({ output }: Geometry): number {
  return output[0] * output[1];
}
