"""Time one LC training step in PyTorch on the CPU: forward, backward, penalty mu*(w - target), Nesterov SGD.

    python pytorch_step.py NET THREADS BATCH MINIBATCHES SECONDS [VARIANT]

NET: mlp (LeNet300, tanh) | lenet5 | resnet20 (3x32x32).  VARIANT: any of cl (channels_last), compile, fused, joined by '-'.
Prints one JSON line: median and 10th percentile in ms; peak memory, less that after the imports. MINIBATCHES of float32
examples stay in memory, and a minibatch is a view of them: no data loader, no gather. engine.bench.ts runs the contestants
in turn and sets the glibc variables that spare PyTorch its page faults.
"""
import json, os, resource, sys, time

net, threads, batch, batches, seconds = sys.argv[1], *map(int, sys.argv[2:5]), float(sys.argv[5])
variant = sys.argv[6] if len(sys.argv) > 6 else "plain"
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(threads)
import torch, torch.nn as nn, torch.nn.functional as F


def resident():
    """Bytes in memory now; where /proc is not, the most so far."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))
    except OSError:
        return peak()


def peak():
    """Most bytes in memory so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


imported = resident()
torch.set_num_threads(threads)
torch.manual_seed(0)


class Block(nn.Module):
    """CIFAR ResNet basic block with the parameter-free (option A) shortcut."""

    def __init__(self, cin, cout, stride):
        super().__init__()
        self.c1, self.b1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False), nn.BatchNorm2d(cout)
        self.c2, self.b2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False), nn.BatchNorm2d(cout)
        self.stride, self.pad = stride, cout - cin

    def forward(self, x):
        y = self.b2(self.c2(F.relu(self.b1(self.c1(x)))))
        if self.stride != 1:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.pad))
        return F.relu(y + x)


if net == "mlp":
    model, shape = nn.Sequential(nn.Linear(784, 300), nn.Tanh(), nn.Linear(300, 100), nn.Tanh(), nn.Linear(100, 10)), (784,)
elif net == "lenet5":
    model = nn.Sequential(nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2),
                          nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10))
    shape = (1, 28, 28)
elif net == "resnet20":
    layers, cin = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()], 16
    for cout, stride in ((16, 1), (32, 2), (64, 2)):
        for k in range(3):
            layers.append(Block(cin, cout, stride if k == 0 else 1))
            cin = cout
    model, shape = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)), (3, 32, 32)
else:
    sys.exit(f"NET must be mlp, lenet5 or resnet20, got {net!r}")

x, y = torch.rand(batches * batch, *shape), torch.randint(0, 10, (batches * batch,))
if "cl" in variant.split("-") and len(shape) == 3:
    model, x = model.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
weights = [p for p in model.parameters() if p.ndim > 1]
targets, mu = [w.detach().clone() for w in weights], 1e-2
optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True, fused="fused" in variant or None)
loss_of = lambda xb, yb: F.cross_entropy(model(xb), yb)
if "compile" in variant:
    loss_of = torch.compile(loss_of, dynamic=False)


def step(i):
    rows = slice(i % batches * batch, (i % batches + 1) * batch)
    optimiser.zero_grad(set_to_none=True)
    loss = loss_of(x[rows], y[rows])
    loss.backward()
    with torch.no_grad():
        grads = [w.grad for w in weights]
        torch._foreach_add_(grads, weights, alpha=mu)
        torch._foreach_add_(grads, targets, alpha=-mu)
    optimiser.step()
    return loss


for i in range(10):
    step(i)
times, start, i = [], time.perf_counter(), 0
while time.perf_counter() - start < seconds or i < 10:
    t = time.perf_counter()
    loss = step(i).item()
    times.append((time.perf_counter() - t) * 1e3)
    i += 1
times.sort()
print(json.dumps({"peer": f"torch-{variant}", "net": net, "threads": threads, "batch": batch,
                  "median_ms": times[len(times) // 2], "p10_ms": times[len(times) // 10],
                  "peak_bytes": peak() - imported, "steps": i, "loss": loss}))
