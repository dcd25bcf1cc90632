"""Time one batched training against a plain loop over torch's own networks.

The work is the same: digits, three hidden layers of 64 ReLU units, 10 seeds
x 5 learning rates, 10 epochs of SGD on minibatches of 32, the test accuracy
after every epoch. The loop trains one nn.Sequential after the other with
torch.optim.SGD; it indexes the tensors directly, since a DataLoader would
make it slower. Only the first LOOPED of its networks are timed, and the time
is scaled to all 50.

The last line of a type is the limit that arithmetic sets: the matrix products
of the 50 networks at the speed of one large product, and nothing else.

Run it on an idle machine. On a busy one PyTorch's threads wait for each other,
and single rows are off by a factor of ten in either direction.
"""

import platform
import statistics
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from utils import data, networks, timing

RATES = (0.01, 0.02, 0.05, 0.1, 0.2)
SEEDS, EPOCHS, BATCH, WIDTHS = 10, 10, 32, (64, 64, 64)
LOOPED, REPEATS = 10, 3


def train_one(dataset, seed, rate, dtype, epochs):
    """Train one network the plain way; return its test accuracy."""
    x, x_test = (
        torch.as_tensor(a, dtype=dtype)
        for a in (dataset.x_train, dataset.x_test)
    )
    y, y_test = map(torch.as_tensor, (dataset.y_train, dataset.y_test))
    sizes = (dataset.features, *WIDTHS, dataset.classes)
    layers = []
    for fan_in, fan_out in zip(sizes, sizes[1:]):
        layers += [nn.Linear(fan_in, fan_out, dtype=dtype), nn.ReLU()]
    network = nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(network.parameters(), lr=rate)
    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        for rows in torch.as_tensor(rng.permutation(len(x))).split(BATCH):
            optimizer.zero_grad()
            F.cross_entropy(network(x[rows]), y[rows]).backward()
            optimizer.step()
        with torch.no_grad():
            right = network(x_test).argmax(1) == y_test
    return right.double().mean().item()


def train_batch(dataset, dtype, epochs):
    """Train all networks at once; return their test accuracies."""
    return networks.train(
        dataset,
        widths=WIDTHS,
        seeds=SEEDS,
        learning_rates=RATES,
        epochs=epochs,
        batch_size=BATCH,
        dtype=dtype,
    ).test_accuracy[-1]


def seconds(function):
    """Return the seconds that a call takes, and its result."""
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def least_seconds(dataset, dtype, members):
    """Return the time of the matrix products alone, at full speed."""
    sizes = (dataset.features, *WIDTHS, dataset.classes)
    products = [n * m for n, m in zip(sizes, sizes[1:])]
    # Forward, and for both gradients; the inputs need no gradient.
    operations = 2 * (3 * sum(products) - products[0])
    operations *= len(dataset.x_train) * EPOCHS * members
    square = torch.rand(2048, 2048, dtype=dtype)
    fastest = min(seconds(lambda: square @ square)[0] for _ in range(5))
    return operations / (2 * 2048**3 / fastest)


def main():
    """Print the times and their ratio, for float32 and float64."""
    dataset = data.digits()
    members = [(seed, rate) for seed in range(SEEDS) for rate in RATES]
    print(
        f"{timing.machine()}, {torch.get_num_threads()} threads, "
        f"{torch.backends.cpu.get_cpu_capability()}; Python "
        f"{platform.python_version()}, torch {torch.__version__}, "
        f"numpy {np.__version__}"
    )
    print(
        f"{len(members)} networks; the loop's time is that of {LOOPED}, "
        f"times {len(members) / LOOPED:g}"
    )
    print("type     batched [s]   loop [s]   ratio   accuracy batched, loop")
    for dtype in torch.float32, torch.float64:
        train_batch(dataset, dtype, 1)
        train_one(dataset, 0, 0.1, dtype, 1)
        ratios, loops = [], []
        for _ in range(REPEATS):
            batched, accuracy = seconds(
                lambda dtype=dtype: train_batch(dataset, dtype, EPOCHS)
            )
            loop, looped = seconds(
                lambda dtype=dtype: [
                    train_one(dataset, *member, dtype, EPOCHS)
                    for member in members[:LOOPED]
                ]
            )
            loop *= len(members) / LOOPED
            ratios.append(loop / batched)
            loops.append(loop)
            print(
                f"{str(dtype)[6:]}  {batched:11.2f} {loop:10.2f} "
                f"{ratios[-1]:7.1f}   {accuracy[:2].mean():.3f}, "
                f"{np.mean(looped):.3f}"
            )
        print(
            f"{str(dtype)[6:]}  median ratio {statistics.median(ratios):.1f}"
            f", lowest {min(ratios):.1f}"
        )
        limit = least_seconds(dataset, dtype, len(members))
        print(
            f"{str(dtype)[6:]}  matrix products alone {limit:.2f} s: no "
            f"code can reach a ratio above {min(loops) / limit:.0f}"
        )


if __name__ == "__main__":
    main()
