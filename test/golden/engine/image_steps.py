"""Three training steps of LeNet5 and ResNet-20 in float64 PyTorch: image_steps.json.

    python image_steps.py > image_steps.json
    python image_steps.py --full NET > NET.f64      every number instead, little-endian float64

Inputs, weights and targets are the integer formulas of test/engine/image-formulas.ts. 700,000 parameters do not belong
in a repository, so the file has a sketch of each array x: the sums, over the i with i % 127 = b, of ±xᵢ with signs hashed
from i. Sketches are linear, and ‖sketch‖² is on average ‖x‖²; so the sketch of the difference, ours less this one, gives
its norm to about 6 %. Arrays of up to 127 numbers are there in full. --full is for comparing every number.

`margin` says how far the closest decision of a net was from turning over: the relu input nearest to 0, of those with a
gradient, or the closest two candidates of a max pool, relative to the largest value of the layer. Each one turned over
moves a gradient by 1e-3, so it must be far above float32's rounding: the salts are the best of 250 for LeNet5 (median
6e-7) and of 30 for ResNet-20.
"""
import json
import math
import sys

import numpy as np
import torch
import torch.nn.functional as F

BATCH, STEPS, RATE, MOMENTUM, MU, BUCKETS = 16, 3, 0.01, 0.9, 0.01, 127
SALTS = {"lenet5": 0, "resnet20": 290_000}


def mixed(index, salt):
    """32 bits of each index: the finalizer of MurmurHash3 (public domain)."""
    h = (np.asarray(index, dtype=np.uint64) * 0x9E3779B9 + salt * 0x85EBCA6B) & 0xFFFFFFFF
    h = ((h ^ h >> 16) * 0x85EBCA6B) & 0xFFFFFFFF
    h = ((h ^ h >> 13) * 0xC2B2AE35) & 0xFFFFFFFF
    return h ^ h >> 16


def unit(count, salt):
    """Multiples of 2⁻²³ in −1…1."""
    return (mixed(np.arange(count), salt) >> 8).astype(np.float64) / 2**23 - 1


def images(count, height, width, channels, salt):
    """Squares of 8 pixels with a little noise: examples that differ in the mean over their pixels too."""
    i = np.arange(count * height * width * channels)
    c, x, y, n = i % channels, i // channels % width, i // channels // width % height, i // (channels * width * height)
    square = ((n * 4 + y // 8) * 4 + x // 8) * channels + c
    bytes_ = (3 * (mixed(square, salt + 1) >> 24) + (mixed(i, salt) >> 24)) >> 2
    return bytes_.reshape(count, -1)


def initial(key, rows, cols, salt):
    u, role = unit(rows * cols, salt), key.split(".")[1]
    if role == "w":
        u = u * math.sqrt(6 / cols)
    elif role == "gamma":
        u = (1 + u / 4) / 4
    elif role == "variance":
        u = 1 + u / 4
    elif role == "beta":
        # Four deviations from the kink of the relu behind it; inside a block a quarter of the channels is off.
        off = key.endswith("an.beta") & (mixed(np.arange(rows * cols), salt + 1) % 4 == 0)
        u = np.where(off, -1, 1) + u / 8
    else:
        u = u / 8
    return torch.tensor(u.astype(np.float32).astype(np.float64).reshape(rows, cols))


class Net:
    """Parameters by our keys and shapes, and what the forward pass needs to know."""

    def __init__(self, salt):
        self.salt, self.values, self.margin = salt, {}, math.inf

    def get(self, key, rows, cols=1):
        if key not in self.values:
            self.values[key] = initial(key, rows, cols, self.salt + 16 * len(self.values))
            if not key.endswith((".mean", ".variance")):
                self.values[key].requires_grad_()
        return self.values[key]

    def conv(self, x, name, filters, size, stride=1, padding=0, bias=False):
        channels = x.shape[1]
        w = self.get(f"{name}.w", filters, size * size * channels)
        b = self.get(f"{name}.b", filters).flatten() if bias else None
        return F.conv2d(x, w.view(filters, size, size, channels).permute(0, 3, 1, 2), b, stride, padding)

    def dense(self, x, name, units):
        return F.linear(x, self.get(f"{name}.w", units, x.shape[1]), self.get(f"{name}.b", units).flatten())

    def norm(self, x, name):
        gamma, beta, mean, variance = (
            self.get(f"{name}.{role}", x.shape[1]).view(-1) for role in ("gamma", "beta", "mean", "variance")
        )
        return F.batch_norm(x, mean, variance, gamma, beta, training=True, momentum=0.1, eps=1e-5)

    def relu(self, x):
        y = F.relu(x)
        scale = x.detach().abs().max()

        def look(gradient):
            near = x.detach().abs()[gradient != 0]
            if near.numel():
                self.margin = min(self.margin, (near.min() / scale).item())

        if y.requires_grad:
            y.register_hook(look)
        return y

    def pool(self, x):
        y = F.max_pool2d(x, 2)
        n, c, h, w = x.shape
        windows = x.detach().view(n, c, h // 2, 2, w // 2, 2).transpose(3, 4).reshape(n, c, h // 2, w // 2, 4)
        top = windows.topk(2, dim=-1).values
        gap = (top[..., 0] - top[..., 1])[top[..., 0] > 0]
        self.margin = min(self.margin, (gap.min() / x.detach().abs().max()).item())
        return y


def lenet5(net, x):
    x = net.pool(net.relu(net.conv(x, "conv1", 20, 5, bias=True)))
    x = net.pool(net.relu(net.conv(x, "conv2", 50, 5, bias=True)))
    x = net.relu(net.dense(x.permute(0, 2, 3, 1).flatten(1), "fc1", 500))
    return net.dense(x, "out", 10)


def resnet20(net, x):
    x = net.relu(net.norm(net.conv(x, "conv1", 16, 3, 1, 1), "conv1n"))
    for group, filters in enumerate((16, 32, 64), 1):
        for block in (1, 2, 3):
            name, stride = f"g{group}b{block}", 2 if group > 1 and block == 1 else 1
            y = net.relu(net.norm(net.conv(x, f"{name}a", filters, 3, stride, 1), f"{name}an"))
            y = net.norm(net.conv(y, f"{name}b", filters, 3, 1, 1), f"{name}bn")
            # Option A: every second pixel, and zero channels behind.
            x = F.pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, 0, filters - x.shape[1]))
            x = net.relu(y + x)
    return net.dense(x.mean((2, 3)), "out", 10)


NETS = {"lenet5": (lenet5, (28, 28, 1)), "resnet20": (resnet20, (32, 32, 3))}


def run(name, salt):
    forward, (height, width, channels) = NETS[name]
    count, inputs = BATCH * STEPS, height * width * channels
    pixels = images(count, height, width, channels, salt).astype(np.float64)
    mean = (np.arange(inputs) * 5 % 16) / 16
    x = torch.tensor(pixels / 255 - mean).view(count, height, width, channels).permute(0, 3, 1, 2)
    y = torch.tensor(np.arange(count) * 7 % 10)
    net = Net(salt)
    losses, optimiser, targets = [], None, {}
    for step in range(STEPS):
        rows = slice(step * BATCH, (step + 1) * BATCH)
        loss = F.cross_entropy(forward(net, x[rows]), y[rows])
        losses.append(loss.item())
        if optimiser is None:
            trained = [value for value in net.values.values() if value.requires_grad]
            optimiser = torch.optim.SGD(trained, lr=RATE, momentum=MOMENTUM, nesterov=True)
            for index, (key, w) in enumerate(net.values.items()):
                if key == "out.w":
                    targets[key] = torch.zeros_like(w)
                elif key.endswith(".w"):
                    targets[key] = initial(key, *w.shape, salt + 16 * index + 8)
        optimiser.zero_grad()
        penalty = sum(MU / 2 * ((net.values[key] - t) ** 2).sum() for key, t in targets.items())
        (loss + penalty).backward()
        optimiser.step()
    arrays = {}
    for key, value in net.values.items():
        state = optimiser.state.get(value, {})
        arrays[key] = {"weight": value.detach().flatten()}
        if "momentum_buffer" in state:
            arrays[key]["velocity"] = state["momentum_buffer"].detach().flatten()
    return losses, net.margin, arrays


def sketch(values):
    x = values.numpy()
    i = np.arange(len(x))
    signed = np.where(mixed(i, 0) & 1, -x, x)
    return [float(f"{v:.8g}") for v in np.bincount(i % BUCKETS, signed, min(BUCKETS, len(x)))]


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--full":
        _, _, arrays = run(sys.argv[2], SALTS[sys.argv[2]])
        for parts in arrays.values():
            for values in parts.values():
                sys.stdout.buffer.write(values.numpy().astype("<f8").tobytes())
    else:
        result = {"batch": BATCH, "steps": STEPS, "rate": RATE, "momentum": MOMENTUM, "mu": MU, "buckets": BUCKETS}
        result["networks"] = {}
        for name, salt in SALTS.items():
            losses, margin, arrays = run(name, salt)
            result["networks"][name] = {
                **{"salt": salt, "margin": float(f"{margin:.3g}"), "losses": losses},
                "arrays": {
                    key: {part: sketch(values) for part, values in parts.items()} for key, parts in arrays.items()
                },
            }
        print(json.dumps(result))
