/**
 * Constants shared by the kernels (AssemblyScript) and the engine (TypeScript): this one file is compiled by both,
 * so it holds literals only.
 *
 * A *blocked* matrix of B rows and n columns is float32 [⌈B/16⌉][⌈n/8⌉][16][8]: panels of 8 columns inside blocks
 * of 16 rows, zero-filled to whole panels. Four rows of one panel are 128 contiguous bytes, which is at once the
 * result tile of every product, the left operand of the next layer, and either operand of a weight gradient; so no
 * activation is ever repacked.
 *
 * A *paneled* weight matrix (outputs × inputs) is float32 [⌈out/8⌉][8⌈in/8⌉][8]; its transpose, kept only for
 * layers that need input gradients, is [⌈in/8⌉][8⌈out/8⌉][8].
 */

/** Rows of a block. */
export const BLOCK_ROWS = 16;
/** Columns of a panel: two 4-lane vectors. */
export const PANEL = 8;
/** Bytes from one panel to the next in a blocked matrix: 16 rows × 8 columns × 4. */
export const PANEL_BYTES = 512;
/** Bytes of one row of a panel. */
export const ROW_BYTES = 32;

/** Bytes that keep words written by different threads on different cache lines. */
export const LINE = 64;

/** Control block: byte offsets. Words 0…64 are the barrier. */
export const ARRIVED = 0;
export const GENERATION = 64;
export const SLEEPERS = 68;
/** Nonzero: stop after this minibatch. Written by the caller. */
export const ABORT = 128;
/**
 * Bytes from a parameter's momentum to its second moment, 0 for SGD; f64 β₁, β₂ of Adam, and their powers of this
 * minibatch's step; f32 ε.
 */
export const ADAM_SECOND = 132;
export const ADAM_BETA1 = 136;
export const ADAM_BETA2 = 144;
export const ADAM_POWER1 = 152;
export const ADAM_POWER2 = 160;
export const ADAM_EPSILON = 168;
/** f32 weight decay, 0 for none. */
export const DECAY = 172;
/** Why the threads stopped: 0 while running, else STOP_…. */
export const STOP = 192;
/** f32 learning rate, momentum. */
export const RATE = 196;
export const MOMENTUM = 200;
/** First example of this minibatch, examples in it, examples in the epoch, examples per minibatch. */
export const FIRST = 204;
export const ROWS = 208;
export const COUNT = 212;
export const BATCH = 216;
/** Seed of the epoch's dropout masks. */
export const SEED = 220;
/** Loads of the generation word before a waiting thread sleeps. */
export const SPINS = 224;
/** Arena offsets of images and labels (uint8), and of the order (uint32; 0 = in order). */
export const IMAGES = 228;
export const LABELS = 232;
export const ORDER = 236;
/** f64 sum of example losses, i32 wrong predictions, i32 examples done. */
export const LOSS_SUM = 240;
export const ERRORS = 248;
export const EXAMPLES = 252;
/** First task counter; one line per phase and thread. */
export const COUNTERS = 256;

export const STOP_FINISHED = 1;
export const STOP_ABORTED = 2;
export const STOP_NONFINITE = 3;

/** A row phase runs all its ops on a few rows at a time; a tile phase runs tasks of its ops in any order. */
export const AXIS_ROWS = 0;
export const AXIS_TILES = 1;

/** What the last thread to finish a phase does, added up. */
export const SERIAL_LOSS = 1;
export const SERIAL_GUARD = 2;
export const SERIAL_ADVANCE = 4;

/** Kernel of an op. */
export const KERNEL_GATHER = 1;
export const KERNEL_DENSE = 2;
export const KERNEL_ACTIVATE = 3;
export const KERNEL_SOFTMAX = 4;
export const KERNEL_DENSE_INPUT = 5;
export const KERNEL_ACTIVATE_INPUT = 6;
export const KERNEL_DENSE_UPDATE = 7;
export const KERNEL_SQUARE = 8;
export const KERNEL_DENSE_FISHER = 9;
export const KERNEL_CONV_FISHER = 40;
export const KERNEL_NORM_FISHER = 41;
export const KERNEL_GATHER_IMAGE = 10;
export const KERNEL_CONV = 11;
export const KERNEL_CONV_INPUT = 12;
export const KERNEL_CONV_GRADIENT = 13;
export const KERNEL_CONV_UPDATE = 14;
export const KERNEL_ACTIVATE_IMAGE = 15;
export const KERNEL_ACTIVATE_IMAGE_INPUT = 16;
export const KERNEL_COPY_IMAGE = 17;
export const KERNEL_ADD = 18;
export const KERNEL_ADD_SHORTCUT = 19;
export const KERNEL_FLATTEN = 20;
export const KERNEL_FLATTEN_INPUT = 21;
export const KERNEL_CLEAR_PADDING = 22;
export const KERNEL_POOL = 23;
export const KERNEL_POOL_INPUT = 24;
export const KERNEL_GLOBAL_AVERAGE = 25;
export const KERNEL_GLOBAL_AVERAGE_INPUT = 26;
export const KERNEL_CHANNEL_SUMS = 27;
export const KERNEL_BATCH_STATISTICS = 28;
export const KERNEL_FIXED_STATISTICS = 29;
export const KERNEL_NORMALIZE = 30;
export const KERNEL_NORM_GRADIENT = 31;
export const KERNEL_NORM_INPUT = 32;
export const KERNEL_DROPOUT = 33;
export const KERNEL_RESPONSE_NORM = 34;
export const KERNEL_RESPONSE_NORM_INPUT = 35;
export const KERNEL_SQUARED = 36;
export const KERNEL_WINOGRAD = 37;
export const KERNEL_WINOGRAD_WEIGHTS = 38;
export const KERNEL_WINOGRAD_GRADIENT = 39;

export const KERNEL_PACKED_DENSE = 42;
export const KERNEL_PACKED_CONV = 43;

/**
 * A *packed* weight matrix is words: outputs, inputs, number of parts, 1 if its kept weights are multiplied one by one; then the words
 * of each part: 1 for kept weights, kind of its numbers (below), their offset, offset of levels, bits per code, bytes from one
 * output's levels to the next (0: all have the same); of kept weights their number, offset of their gaps, bits per gap.
 *
 * Numbers lie output panel by output panel, [inputs][outputs of the panel], without padding; positions of kept weights count
 * in this order, and are gaps as in compression/positions.ts. Bits begin with the lowest of the first byte. Up to 28
 * bytes behind an array are read, and not used.
 */
export const PACKED_PARTS = 16;
export const PACKED_PART_BYTES = 36;
export const NUMBERS_FLOATS = 0;
export const NUMBERS_HALVES = 1;
/** Codes, and their levels as float32. */
export const NUMBERS_CODES = 2;
/** Codes of 2 to 4 bits, and 16 levels as bytes: [byte of a float32][level]. */
export const NUMBERS_TABLE = 3;

/** Scratch of Winograd's kernels: addresses of a tile's inputs, room of the transforms, bytes between points beyond their panels. */
export const WINOGRAD_TABLE = 192;
export const WINOGRAD_ROOM = 576;
export const WINOGRAD_SKEW = 64;
/** Panels of channels × of filters up to which a weight gradient transforms 4 blocks of 16 tiles at once; else 2. */
export const WINOGRAD_FEW = 32;

export const ACTIVATION_NONE = 0;
export const ACTIVATION_TANH = 1;
export const ACTIVATION_RELU = 2;
export const ACTIVATION_SIGMOID = 3;

/** What a pool keeps of a window. */
export const POOL_MAX = 1;
export const POOL_MEAN = 2;
