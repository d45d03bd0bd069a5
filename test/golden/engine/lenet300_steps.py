"""Three training steps of LeNet300 in float64 PyTorch: lenet300_steps.json.

    python lenet300_steps.py > lenet300_steps.json

Inputs, weights and targets are the integer formulas of test/engine/support.ts. Of each weight array and its momentum
the file keeps about 300 entries, `stride` apart.
"""
import json

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

BATCH, STEPS, INPUTS, CLASSES = 32, 3, 784, 10
RATE, MOMENTUM, MU = 0.1, 0.9, 0.01

count = BATCH * STEPS
i = np.arange(count * INPUTS)
pixels = ((i * 37 + (i // INPUTS) * 101) % 251).reshape(count, INPUTS)
mean = (np.arange(INPUTS) * 5 % 16) / 16
x = torch.tensor(pixels / 255 - mean)
y = torch.tensor(np.arange(count) * 7 % CLASSES)


def formula(shape, index, scale, salt):
    i = np.arange(int(np.prod(shape)))
    values = (((i + salt) * 53 + index * 29) % 129 / 64 - 1) * scale
    return torch.tensor(values.astype(np.float32).astype(np.float64).reshape(shape))


result = {"batch": BATCH, "steps": STEPS, "rate": RATE, "momentum": MOMENTUM, "mu": MU, "networks": {}}
for name, activation in (("tanh", nn.Tanh), ("relu", nn.ReLU)):
    model = nn.Sequential(
        nn.Linear(INPUTS, 300), activation(), nn.Linear(300, 100), activation(), nn.Linear(100, CLASSES)
    ).double()
    parameters = list(model.parameters())
    with torch.no_grad():
        for index, p in enumerate(parameters):
            p.copy_(formula(p.shape, index, 0.1, 0))
    targets = [formula(p.shape, index, 0.1, 7) if p.ndim > 1 else None for index, p in enumerate(parameters)]
    optimiser = torch.optim.SGD(parameters, lr=RATE, momentum=MOMENTUM, nesterov=True)
    losses = []
    for step in range(STEPS):
        rows = slice(step * BATCH, (step + 1) * BATCH)
        optimiser.zero_grad()
        loss = F.cross_entropy(model(x[rows]), y[rows])
        losses.append(loss.item())
        penalty = sum(MU / 2 * ((p - t) ** 2).sum() for p, t in zip(parameters, targets) if t is not None)
        (loss + penalty).backward()
        optimiser.step()
    arrays = {}
    for key, p in zip(("fc1.w", "fc1.b", "fc2.w", "fc2.b", "out.w", "out.b"), parameters):
        stride = max(1, p.numel() // 300) | 1
        pick = lambda t: [float(f"{v:.10g}") for v in t.detach().flatten()[::stride].tolist()]
        arrays[key] = {"stride": stride, "weight": pick(p), "velocity": pick(optimiser.state[p]["momentum_buffer"])}
    result["networks"][name] = {"losses": losses, "arrays": arrays}
print(json.dumps(result))
