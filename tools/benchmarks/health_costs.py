"""Print what a health report costs, against one forward and backward pass.

Time is the median of several turns of both; memory is the peak of what
tensors take on the CPU beyond the model and its input, as torch's profiler
counts it: every allocation, and nothing of NumPy or Python. It is checked
first on a case that is known by hand. The pass is the plain one with the loss
that a report takes by default, and it makes the gradients of the parameters.

Then what a Monitor adds to each step of a plain training loop.

Run it on an idle machine.
"""

import json
import platform
import statistics
import tempfile
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

from utils import health, timing

TIMES, BYTES = 2.5, 1.5
STEPS, EVERY = 100, (1, 10, 100)
WATCHED = "MLP", "200 steps"


class Residual(nn.Module):
    """Two convolutions of as many channels, and a way past them."""

    def __init__(self, width):
        super().__init__()
        self.conv1, self.conv2 = (
            nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in "12"
        )
        self.bn1, self.bn2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)

    def forward(self, x):
        """Return as many channels, (N, width, height, width)."""
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)) + x)


class UNet(nn.Module):
    """Three sizes, each given on to the way up."""

    def __init__(self):
        super().__init__()
        sizes = [(3, 16), (16, 32), (32, 64), (96, 32), (48, 16)]
        self.parts = nn.ModuleList(
            nn.Sequential(
                *(nn.Conv2d(fan_in, width, 3, padding=1), nn.ReLU(True)),
                *(nn.Conv2d(width, width, 3, padding=1), nn.ReLU(True)),
            )
            for fan_in, width in sizes
        )
        self.head = nn.Conv2d(16, 2, 1)

    def forward(self, x):
        """Return two numbers a pixel."""
        large = self.parts[0](x)
        middle = self.parts[1](F.max_pool2d(large, 2))
        x = self.parts[2](F.max_pool2d(middle, 2))
        for part, beside in zip(self.parts[3:], (middle, large)):
            x = part(torch.cat([F.interpolate(x, scale_factor=2), beside], 1))
        return self.head(x)


class Unrolled(nn.Module):
    """As many steps of a recurrent network as the input has."""

    def __init__(self, width=64):
        super().__init__()
        self.enter, self.again = nn.Linear(8, width), nn.Linear(width, width)

    def forward(self, x):
        """Return the last state."""
        state = x.new_zeros(len(x), self.again.in_features)
        for step in x.unbind(1):
            state = torch.tanh(self.enter(step) + self.again(state))
        return state


def mlp():
    """Return a network of three hidden layers, and digits for it."""
    layers = [nn.Linear(784, 512), nn.ReLU()]
    for _ in range(2):
        layers += [nn.Linear(512, 512), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(512, 10)), torch.randn(256, 784)


def resnet():
    """Return a residual network, and pictures for it."""
    layers = [nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU()]
    layers += [Residual(32) for _ in range(4)]
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10)]
    return nn.Sequential(*layers), torch.randn(32, 3, 32, 32)


def transformer():
    """Return an encoder of four layers, and embedded tokens for it."""
    layer = nn.TransformerEncoderLayer(
        128, 4, 512, activation=F.gelu, batch_first=True, norm_first=True
    )
    # It cannot have nested ones where the norm comes first, and warns.
    encoder = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
    return nn.Sequential(encoder, nn.Linear(128, 50)), torch.randn(16, 64, 128)


MODELS = {
    "MLP": mlp,
    "small ResNet": resnet,
    "U-Net": lambda: (UNet(), torch.randn(8, 3, 64, 64)),
    "transformer": transformer,
    "200 steps": lambda: (Unrolled(), torch.randn(32, 200, 8)),
}


def plain_pass(model, x):
    """Run a model forward and backward."""
    model(x).square().mean().backward()
    model.zero_grad()


def peak(function):
    """Return the most bytes that tensors took at once during a call."""
    with profile(
        activities=[ProfilerActivity.CPU], profile_memory=True
    ) as profiler:
        function()
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text())["traceEvents"]
    taken = most = 0
    changes = [e for e in events if e["name"] == "[memory]"]
    for event in sorted(changes, key=lambda event: event["ts"]):
        taken += event["args"]["Bytes"]
        most = max(most, taken)
    return most


def check_peak():
    """Compare `peak` with a case by hand.

    A million float32 take 4 MB. At most three such tensors live at once:
    y, its exp, which backward needs, and the gradient of that.
    """
    x = torch.ones(10**6, requires_grad=True)

    def run():
        y = x * 2
        (gradient,) = torch.autograd.grad(y.exp().sum(), y)
        del y
        return gradient + 1

    assert abs(peak(run) - 12e6) < 1e4, peak(run)


def train(model, x, every=None):
    """Take plain steps, watched if `every` says how often."""
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)

    def steps():
        for _ in range(STEPS):
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()

    if every is None:
        steps()
    else:
        with health.Monitor(model, every=every):
            steps()


def main():
    """Print both tables."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    check_peak()
    print(
        f"{timing.machine()}, 1 thread; Python {platform.python_version()}, "
        f"torch {torch.__version__}"
    )
    print("model         pass [ms]  report [ms]  times   pass [MB]  times")
    times, sizes = [], []
    for name, build in MODELS.items():
        model, x = build()
        ways = {
            "pass": lambda model=model, x=x: plain_pass(model, x),
            "report": lambda model=model, x=x: health.report(model, x),
        }
        took = timing.seconds(ways)
        most = {way: peak(function) for way, function in ways.items()}
        times.append(took["report"] / took["pass"])
        sizes.append(most["report"] / most["pass"])
        print(
            f"{name:13} {took['pass'] * 1e3:9.1f} {took['report'] * 1e3:12.1f}"
            f" {times[-1]:6.2f} {most['pass'] / 1e6:11.1f} {sizes[-1]:6.2f}",
            flush=True,
        )
    print(
        f"median: {statistics.median(times):.2f} times the time (at most "
        f"{TIMES} promised), {statistics.median(sizes):.2f} times the memory "
        f"({BYTES})"
    )
    print(f"{'':13} step [ms]   more with a Monitor, every =")
    print(f"{'':23}" + "".join(f"{every:>8}" for every in EVERY))
    for name in WATCHED:
        model, x = MODELS[name]()
        ways = {None: lambda model=model, x=x: train(model, x)} | {
            every: lambda model=model, x=x, every=every: train(model, x, every)
            for every in EVERY
        }
        took = timing.seconds(ways, repeats=3)
        more = "".join(f"{took[e] / took[None] - 1:8.0%}" for e in EVERY)
        print(f"{name:13} {took[None] / STEPS * 1e3:9.1f}{more}", flush=True)


if __name__ == "__main__":
    main()
