"""Failures as people report them, rebuilt small, each with its remedies.

A Failure holds a Training that fails and, for each remedy, what the remedy
changes of it, and nothing besides. What a model is worth is told by its
skill: the share of a trivial predictor's loss that it saves on the data it
was trained on, 1 if it is perfect, 0 if a constant would do as well.

The outcomes do not hang on the seed: for each of the seeds 0 to 9 the ill
training stays below `fails`, each remedy comes above `learns`, and the report
says what is wanted.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from utils import data

CROSS_ENTROPY = nn.CrossEntropyLoss()
YES_OR_NO = nn.BCEWithLogitsLoss()
SQUARED = nn.MSELoss()
SGD = torch.optim.SGD
ADAM = torch.optim.Adam


# What a model is worth


def explained(output, y):
    """Return the skill of a regression: the trivial one gives the mean."""
    return 1 - F.mse_loss(output, y) / y.var(0, correction=0).mean()


def likelihood(output, y):
    """Return the skill of logits: the trivial ones know the share of yes."""
    share = y.mean().expand_as(y)
    return 1 - YES_OR_NO(output, y) / F.binary_cross_entropy(share, y)


def hits(output, y):
    """Return the skill of a classifier: the trivial one gives one class."""
    wrong = (output.argmax(1) != y).double().mean()
    return 1 - wrong / (1 - y.bincount().max() / len(y))


def rebuilt(output, x):
    """Return the skill of a sparse autoencoder's reconstruction."""
    return explained(output[0], x)


def told_apart(embeddings, y):
    """Return the skill of embeddings: with equal ones the margin is lost."""
    distance = torch.cdist(embeddings, embeddings)
    same = (y[:, None] == y).float()
    near = (distance * same).sum(1) / (same.sum(1) - 1)
    far = (distance * (1 - same)).sum(1) / (1 - same).sum(1)
    return 1 - F.relu(near - far + MARGIN).mean() / MARGIN


# How it is trained


@dataclass(frozen=True)
class Training:
    """Hold a network, its data, and how it is trained.

    Attributes
    ----------
    build : callable
        Returns the network as it starts.
    data : callable
        Returns x and y.
    loss, skill : callable
        Functions of the output and y.
    rate : float
        The learning rate.
    steps : int
        The number of minibatches of up to 100 samples.
    optimiser : callable
        One of torch.optim.
    clip : float
        The largest norm of the gradient.
    finish : callable, optional
        What is done to the trained network, given it and x.
    """

    build: Callable
    data: Callable
    loss: Callable
    skill: Callable
    rate: float
    steps: int
    optimiser: Callable = SGD
    clip: float = float("inf")
    finish: Callable | None = None

    def start(self, seed=0):
        """Return the network before the first step, in train mode."""
        torch.manual_seed(seed)
        return self.build()

    def run(self, seed=0):
        """Return the network after the last step, in eval mode."""
        model = self.start(seed)
        x, y = self.data()
        optimiser = self.optimiser(model.parameters(), lr=self.rate)
        for _ in range(self.steps):
            rows = torch.randperm(len(x))[:100]
            optimiser.zero_grad()
            self.loss(model(x[rows]), y[rows]).backward()
            nn.utils.clip_grad_norm_(model.parameters(), self.clip)
            optimiser.step()
        if self.finish:
            self.finish(model, x)
        return model.eval()

    @torch.no_grad()
    def worth(self, model):
        """Return the skill of a network of this training."""
        x, y = self.data()
        return float(self.skill(model(x), y))


class Verdict(NamedTuple):
    """Hold what a finding has to say."""

    chapter: str
    word: str


def always(verdict):
    """Return what is said of a failure both before and after training."""
    return {"before": verdict, "after": verdict}


@dataclass(frozen=True)
class Failure:
    """Hold a training that fails, and what helps.

    Attributes
    ----------
    report : str
        What people write.
    ill : Training
        It fails.
    remedies : dict
        A word of each remedy, and what it changes of the training.
    before : Verdict or None
        The finding at the start, None where there is nothing to see.
    after : Verdict or None
        The finding at the end, None where it hangs on the seed.
    fails, learns : float
        The skill of the ill one is below, that of the others above.
    all_data : bool
        Whether these samples are all there are.
    """

    report: str
    ill: Training
    remedies: dict
    before: Verdict | None
    after: Verdict | None
    fails: float = 0.5
    learns: float = 0.6
    all_data: bool = False

    def follow(self, word):
        """Return the training with one remedy followed to the letter."""
        return replace(self.ill, **self.remedies[word])


# Data


@cache
def digits():
    digits = data.digits()
    return torch.tensor(digits.x_train).float(), torch.tensor(digits.y_train)


@cache
def images():
    x, y = digits()
    return x[:400].unflatten(1, (1, 8, 8)), y[:400]


@cache
def pixels():
    """Return the digits in whole numbers from 0 to 255."""
    x, _, y, _ = data.split_digits()
    return torch.tensor(x / 16 * 255).round().float(), torch.tensor(y)


@cache
def parities():
    """Return the pixels and a 65th number, 1 for odd digits, else -1."""
    x, y = pixels()
    return torch.cat([x, y[:, None] % 2 * 2 - 1], 1), y


def standardised(given):
    """Subtract the mean of each feature, divide by its deviation."""
    x, y = given()
    deviation = x.std(0)
    return (x - x.mean(0)) / deviation.where(deviation > 0, 1), y


def normal(samples, features):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(samples, features, generator=generator)


def standard(y):
    return (y - y.mean()) / y.std()


@cache
def smooth():
    """Return a regression on ten standard features."""
    x = normal(500, 10)
    return x, standard(x[:, :1] + x[:, 1:2].abs() + (2 * x[:, 2:3]).sin())


def kelvins():
    """Return it with features such as temperatures: 290, give or take 5."""
    x, y = smooth()
    return 290 + 5 * x, y


def losses():
    """Return it with targets below 0."""
    x, y = smooth()
    return x, y - 3


def tens():
    """Return it with targets as large as 10, which no tanh gives."""
    x, y = smooth()
    return x, 10 * y


@cache
def absolutes():
    """Return a regression on what no linear model sees."""
    x = normal(500, 4)
    return x, standard(x.abs().sum(1, keepdim=True))


@cache
def states():
    """Return the best action for a place, a height, a speed and an angle."""
    unit = normal(500, 4)
    x = unit * torch.tensor([400, 300, 50, 0.2])
    y = torch.tanh(2 * unit[:, 3:] + unit[:, 2:3]) + unit[:, :1].abs()
    return x + torch.tensor([1000, 2000, 0, 0]), standard(y)


@cache
def rare():
    """Return points of which one in ten is a yes."""
    x = normal(500, 10)
    score = x[:, :5].sum(1, keepdim=True)
    return x, (score > score.quantile(0.9)).float()


def xor():
    x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    return x, torch.tensor([[0.0], [1.0], [1.0], [0.0]])


@cache
def activity():
    """Return sums of few of 48 directions, and far off 0 a mean."""
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(49, 24, generator=generator)
    *directions, mean = F.normalize(directions, dim=1)
    size, chance = torch.rand(2, 1000, 48, generator=generator)
    x = size * (chance < 0.06) @ torch.stack(directions) + 10 * mean
    return x, x


def standard_activity():
    x, _ = standardised(activity)
    return x, x


# Networks


def mlp(*widths, activation=nn.ReLU, norm=None):
    """Return linear layers, an activation after each but the last."""
    layers = []
    for fan_in, fan_out in zip(widths, widths[1:-1]):
        layers.append(nn.Linear(fan_in, fan_out))
        if norm:
            layers.append(norm(fan_out))
        layers.append(activation())
    return nn.Sequential(*layers, nn.Linear(*widths[-2:]))


class Net(nn.Module):
    """Call functions, one of them perhaps at the output."""

    def __init__(self, inputs, outputs, head=None):
        super().__init__()
        self.fc1 = nn.Linear(inputs, 32)
        self.fc2 = nn.Linear(32, 32)
        self.fc3 = nn.Linear(32, outputs)
        self.head = head

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        x = self.fc3(x)
        return self.head(x) if self.head else x


def sixteen_convolutions(norm=None):
    layers, channels = [], 1
    for i in range(16):
        layers.append(nn.Conv2d(channels, 16, 3, padding=1))
        channels = 16
        if norm:
            layers.append(norm(channels))
        layers.append(nn.ReLU())
        if i in (3, 7):
            layers.append(nn.MaxPool2d(2))
    pool = nn.AdaptiveAvgPool2d(1)
    return nn.Sequential(*layers, pool, nn.Flatten(), nn.Linear(channels, 10))


class SparseAutoencoder(nn.Module):
    """Return the reconstruction, and the features."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(24, 96)
        self.decoder = nn.Linear(96, 24)

    def forward(self, x):
        features = torch.relu(self.encoder(x))
        return self.decoder(features), features


def sparse(output, x):
    """Return the loss of a sparse autoencoder."""
    again, features = output
    return F.mse_loss(again, x) + 0.003 * features.abs().mean()


MARGIN = 0.5


def batch_hard(embeddings, y):
    """Return the triplet loss of the hardest triplets (Hermans, 2017)."""
    distance = torch.cdist(embeddings, embeddings)
    same = y[:, None] == y
    far = distance.where(same, 0).amax(1)
    near = distance.masked_fill(same, torch.inf).amin(1)
    return F.relu(far - near + MARGIN).mean()


def positive_pairs(embeddings, y):
    """Return a loss that equal embeddings please best."""
    distance = torch.cdist(embeddings, embeddings)
    return distance[y[:, None] == y].mean()


class Cut(nn.Module):
    """Cut the gradient between the body and the head."""

    def __init__(self, cut):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(64, 3), nn.ReLU(), nn.Linear(3, 32), nn.ReLU()
        )
        self.head = nn.Linear(32, 10)
        self.cut = cut

    def forward(self, x):
        features = self.body(x)
        return self.head(features.detach() if self.cut else features)


class CutOutput(nn.Module):
    """Cut it at the output, and still the error that backward raises."""

    def __init__(self):
        super().__init__()
        self.net = mlp(64, 32, 10)

    def forward(self, x):
        return self.net(x).detach().requires_grad_()


class Branches(nn.Module):
    """Take pixels and one more feature."""

    def __init__(self, scale):
        super().__init__()
        self.scale = scale
        self.image = nn.Sequential(nn.Linear(64, 32), nn.ReLU())
        self.parity = nn.Sequential(nn.Linear(1, 8), nn.ReLU())
        self.head = nn.Linear(40, 10)

    def forward(self, x):
        image = self.image(self.scale(x[:, :64]))
        return self.head(torch.cat([image, self.parity(x[:, 64:])], 1))


# What is done to them


def start(model, weights, bias=0.0):
    """Fill the weights with one of torch's functions, the biases with 0."""
    for layer in model.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            weights(layer.weight)
            nn.init.constant_(layer.bias, bias)
    return model


he = partial(nn.init.kaiming_normal_, nonlinearity="relu")


def forget_statistics(model, x):
    """Do what loading the parameters alone comes to."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.reset_running_stats()


@torch.no_grad()
def count_statistics_anew(model, x):
    """Take the statistics of all data, in train mode, each alike."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.reset_running_stats()
            module.momentum = None
    model.train()
    for batch in x.split(100):
        model(batch)


# The failures


def small_classifier(**options):
    return mlp(64, 32, 32, 10, **options)


def small_regression(**options):
    return mlp(10, 32, 32, 1, **options)


ALL_DEAD = Verdict("07_dying_relu", "all units are dead")
HEADLESS = {"build": partial(Net, 10, 1)}

FAILURES = {
    "steps too large": Failure(
        report="The loss falls for a while, then the network gives the same "
        "output for every input.",
        ill=Training(
            small_classifier, digits, CROSS_ENTROPY, hits, rate=3, steps=200
        ),
        remedies={
            "learning rate": {"rate": 0.1},
            "clipping": {"clip": 1.0},
            "batch norm": {
                "build": partial(small_classifier, norm=nn.BatchNorm1d)
            },
        },
        before=None,
        after=Verdict("07_dying_relu", "dead"),
    ),
    "nan": Failure(
        report="The loss is nan after a few steps.",
        ill=Training(
            small_regression, smooth, SQUARED, explained, rate=5, steps=200
        ),
        remedies={
            "learning rate": {"rate": 0.1},
            "clipping": {"clip": 0.1},
        },
        before=None,
        after=Verdict("05_exploding_gradients", "nan"),
    ),
    "softmax twice": Failure(
        report="With softmax at the end and CrossEntropyLoss the loss hardly "
        "falls.",
        ill=Training(
            partial(Net, 64, 10, partial(F.softmax, dim=1)),
            digits,
            CROSS_ENTROPY,
            hits,
            rate=0.1,
            steps=300,
        ),
        remedies={"take the softmax off": {"build": partial(Net, 64, 10)}},
        **always(Verdict("10_in_practice", "softmax")),
    ),
    "ReLU before softmax": Failure(
        report="Some classes are never predicted.",
        ill=Training(
            lambda: nn.Sequential(*mlp(64, 16, 16, 16, 10), nn.ReLU()),
            digits,
            CROSS_ENTROPY,
            hits,
            rate=0.01,
            steps=200,
            optimiser=ADAM,
        ),
        remedies={
            "take the ReLU off": {"build": partial(mlp, 64, 16, 16, 16, 10)}
        },
        **always(Verdict("10_in_practice", "softmax")),
        fails=0.85,
        learns=0.95,
    ),
    "ReLU before a sigmoid loss": Failure(
        report="The loss stays at 0.693.",
        ill=Training(
            partial(Net, 10, 1, F.relu),
            rare,
            YES_OR_NO,
            likelihood,
            rate=0.01,
            steps=300,
            optimiser=ADAM,
        ),
        remedies={"take the ReLU off": HEADLESS},
        **always(Verdict("10_in_practice", "ReLU")),
    ),
    "sigmoid twice": Failure(
        report="With a sigmoid and BCEWithLogitsLoss the loss stays above "
        "0.6.",
        ill=Training(
            partial(Net, 10, 1, torch.sigmoid),
            rare,
            YES_OR_NO,
            likelihood,
            rate=0.01,
            steps=300,
            optimiser=ADAM,
        ),
        remedies={"take the sigmoid off": HEADLESS},
        **always(Verdict("10_in_practice", "sigmoid")),
    ),
    "negative targets": Failure(
        report="A regression predicts 0 for everything.",
        ill=Training(
            partial(Net, 10, 1, F.relu),
            losses,
            SQUARED,
            explained,
            rate=0.01,
            steps=500,
            optimiser=ADAM,
        ),
        remedies={"off the output": HEADLESS},
        **always(Verdict("03_sigmoid_tanh", "targets")),
    ),
    "tanh at the output": Failure(
        report="All predictions are 1 or -1.",
        ill=Training(
            partial(Net, 10, 1, torch.tanh),
            tens,
            SQUARED,
            explained,
            rate=0.01,
            steps=500,
            optimiser=ADAM,
        ),
        remedies={"off the output": HEADLESS},
        **always(Verdict("03_sigmoid_tanh", "targets")),
    ),
    "unscaled states": Failure(
        report="The agent's network does not learn from states as the "
        "simulator gives them.",
        ill=Training(
            partial(Net, 4, 1),
            states,
            SQUARED,
            explained,
            rate=0.01,
            steps=500,
            optimiser=ADAM,
        ),
        remedies={"standardise": {"data": partial(standardised, states)}},
        **always(Verdict("10_in_practice", "inputs")),
    ),
    "kelvins": Failure(
        report="It predicts the mean of the targets.",
        ill=Training(
            small_regression,
            kelvins,
            SQUARED,
            explained,
            rate=0.01,
            steps=300,
            optimiser=ADAM,
        ),
        remedies={"standardise": {"data": partial(standardised, kelvins)}},
        **always(Verdict("10_in_practice", "inputs")),
    ),
    "pixels 0 to 255": Failure(
        report="The same class for every image; the loss stays at ln 10.",
        ill=Training(
            small_classifier,
            pixels,
            CROSS_ENTROPY,
            hits,
            rate=0.1,
            steps=300,
        ),
        remedies={"standardise": {"data": partial(standardised, pixels)}},
        **always(Verdict("10_in_practice", "inputs")),
    ),
    "sixteen convolutions": Failure(
        report="A deep plain network does not learn at all, a shallow one "
        "does.",
        ill=Training(
            sixteen_convolutions,
            images,
            CROSS_ENTROPY,
            hits,
            rate=0.05,
            steps=60,
        ),
        remedies={
            "batch norm": {
                "build": partial(sixteen_convolutions, nn.BatchNorm2d)
            },
        },
        **always(Verdict("07_dying_relu", "alike")),
        fails=0.1,
        learns=0.3,
    ),
    "sixteen convolutions and Adam": Failure(
        report="Adam does not help.",
        ill=Training(
            sixteen_convolutions,
            images,
            CROSS_ENTROPY,
            hits,
            rate=0.001,
            steps=60,
            optimiser=ADAM,
        ),
        remedies={
            "He's": {"build": lambda: start(sixteen_convolutions(), he)}
        },
        before=Verdict("07_dying_relu", "alike"),
        # Half of the seeds are on their way out of it.
        after=None,
        fails=0.1,
        learns=0.3,
    ),
    "bottleneck": Failure(
        report="With a code of one number the autoencoder gives a constant.",
        ill=Training(
            partial(mlp, 10, 32, 1, 32, 1),
            smooth,
            SQUARED,
            explained,
            rate=0.5,
            steps=300,
        ),
        remedies={
            "more units": {
                "build": partial(mlp, 10, 32, 16, 32, 1),
                "rate": 0.05,
            },
            "learning rate": {"rate": 0.05},
        },
        before=None,
        after=ALL_DEAD,
    ),
    "sparse autoencoder": Failure(
        report="Most features of the dictionary never fire.",
        ill=Training(
            SparseAutoencoder,
            activity,
            sparse,
            rebuilt,
            rate=0.003,
            steps=500,
            optimiser=ADAM,
        ),
        remedies={"standardise": {"data": standard_activity}},
        **always(Verdict("10_in_practice", "inputs")),
        fails=0.6,
        learns=0.9,
    ),
    "sparse autoencoder, steps too large": Failure(
        report="They fire at first, and after some steps nearly all are dead.",
        ill=Training(
            SparseAutoencoder,
            standard_activity,
            sparse,
            rebuilt,
            rate=1,
            steps=300,
            optimiser=ADAM,
        ),
        remedies={"learning rate": {"rate": 0.003}},
        before=None,
        after=Verdict("07_dying_relu", "dead"),
    ),
    "XOR": Failure(
        report="XOR with ReLU gives the same number for all four points.",
        ill=Training(
            partial(mlp, 2, 8, 1), xor, SQUARED, explained, rate=1, steps=500
        ),
        remedies={"learning rate": {"rate": 0.1}},
        before=None,
        after=ALL_DEAD,
        all_data=True,
    ),
    "embeddings": Failure(
        report="The triplet loss stays at the margin, all embeddings are "
        "equal.",
        ill=Training(
            partial(mlp, 64, 32, 32, 32, 8),
            digits,
            batch_hard,
            told_apart,
            rate=0.1,
            steps=400,
            optimiser=ADAM,
        ),
        remedies={"learning rate": {"rate": 0.003}},
        before=None,
        after=ALL_DEAD,
    ),
    "positive pairs alone": Failure(
        report="All embeddings are equal; the loss is nearly 0.",
        ill=Training(
            partial(mlp, 64, 32, 8),
            digits,
            positive_pairs,
            told_apart,
            rate=0.01,
            steps=600,
            optimiser=ADAM,
        ),
        remedies={"loss": {"loss": batch_hard}},
        before=None,
        after=Verdict("07_dying_relu", "same for all samples"),
    ),
    "statistics that lag": Failure(
        report="The loss is fine in training; model.eval() gives garbage.",
        ill=Training(
            partial(
                small_regression, norm=partial(nn.BatchNorm1d, momentum=1e-3)
            ),
            kelvins,
            SQUARED,
            explained,
            rate=0.01,
            steps=200,
            optimiser=ADAM,
        ),
        remedies={"training mode": {"finish": count_statistics_anew}},
        before=None,
        after=Verdict("04_vanishing_gradients", "statistics"),
    ),
    "statistics that were lost": Failure(
        report="The loaded network gives garbage: it was saved without its "
        "buffers.",
        ill=Training(
            partial(small_regression, norm=nn.BatchNorm1d),
            kelvins,
            SQUARED,
            explained,
            rate=0.01,
            steps=200,
            optimiser=ADAM,
            finish=forget_statistics,
        ),
        remedies={"training mode": {"finish": count_statistics_anew}},
        before=None,
        after=Verdict("04_vanishing_gradients", "statistics"),
    ),
    "zeros": Failure(
        report="I start all weights at 0, and the network predicts the mean.",
        ill=Training(
            lambda: start(small_regression(), nn.init.zeros_),
            smooth,
            SQUARED,
            explained,
            rate=0.1,
            steps=300,
        ),
        remedies={"He's": {"build": lambda: start(small_regression(), he)}},
        before=ALL_DEAD,
        after=ALL_DEAD,
    ),
    "zeros and tanh": Failure(
        report="The same with tanh.",
        ill=Training(
            lambda: start(
                small_regression(activation=nn.Tanh), nn.init.zeros_
            ),
            smooth,
            SQUARED,
            explained,
            rate=0.1,
            steps=300,
        ),
        remedies={
            "random": {"build": partial(small_regression, activation=nn.Tanh)}
        },
        **always(Verdict("04_vanishing_gradients", "exactly 0")),
    ),
    "detached features": Failure(
        report="The head learns a little, the body nothing.",
        ill=Training(
            partial(Cut, True),
            digits,
            CROSS_ENTROPY,
            hits,
            rate=0.3,
            steps=500,
        ),
        remedies={"detach": {"build": partial(Cut, False)}},
        **always(Verdict("04_vanishing_gradients", "no gradient")),
    ),
    "detached output": Failure(
        report="The loss does not move; before I added requires_grad_() there "
        "was an error.",
        ill=Training(
            CutOutput, digits, CROSS_ENTROPY, hits, rate=0.1, steps=200
        ),
        remedies={"detach": {"build": partial(mlp, 64, 32, 10)}},
        **always(Verdict("04_vanishing_gradients", "no gradient")),
    ),
    "constant branch": Failure(
        report="The network does not use the images: pixels // 256 is 0.",
        ill=Training(
            lambda: Branches(lambda x: x // 256),
            parities,
            CROSS_ENTROPY,
            hits,
            rate=0.1,
            steps=300,
        ),
        remedies={"given": {"build": lambda: Branches(lambda x: x / 256)}},
        **always(Verdict("07_dying_relu", "same for all samples")),
    ),
    "biases of 10": Failure(
        report="Large biases against dying ReLU, and it is no better than "
        "linear.",
        ill=Training(
            lambda: start(mlp(4, 32, 32, 1), he, 10.0),
            absolutes,
            SQUARED,
            explained,
            rate=0.01,
            steps=300,
            optimiser=ADAM,
        ),
        remedies={
            "biases to 0": {"build": lambda: start(mlp(4, 32, 32, 1), he)},
            "batch norm": {
                "build": lambda: start(
                    mlp(4, 32, 32, 1, norm=nn.BatchNorm1d), he, 10.0
                )
            },
        },
        **always(Verdict("02_nonlinearity", "always on")),
    ),
    "randn weights": Failure(
        report="With torch.randn for weights the first loss is 70 000, the "
        "next nan.",
        ill=Training(
            lambda: start(mlp(64, *[64] * 5, 10), nn.init.normal_),
            digits,
            CROSS_ENTROPY,
            hits,
            rate=0.1,
            steps=100,
        ),
        remedies={
            "He's": {"build": lambda: start(mlp(64, *[64] * 5, 10), he)},
            "batch norm": {
                "build": lambda: start(
                    mlp(64, *[64] * 5, 10, norm=nn.BatchNorm1d),
                    nn.init.normal_,
                )
            },
        },
        before=Verdict("05_exploding_gradients", "grows"),
        after=Verdict("05_exploding_gradients", "nan"),
    ),
    "randn weights and tanh": Failure(
        report="The same with tanh: no nan, but it hardly learns.",
        ill=Training(
            lambda: start(
                mlp(10, 64, 64, 64, 1, activation=nn.Tanh), nn.init.normal_
            ),
            smooth,
            SQUARED,
            explained,
            rate=0.001,
            steps=200,
            optimiser=ADAM,
        ),
        remedies={
            "smaller weights": {
                "build": partial(mlp, 10, 64, 64, 64, 1, activation=nn.Tanh)
            }
        },
        **always(Verdict("03_sigmoid_tanh", "saturated")),
    ),
    "six sigmoid layers": Failure(
        report="The loss stays at ln 10 from the first step.",
        ill=Training(
            partial(mlp, 64, *[32] * 6, 10, activation=nn.Sigmoid),
            digits,
            CROSS_ENTROPY,
            hits,
            rate=0.1,
            steps=300,
        ),
        remedies={
            "batch norm": {
                "build": partial(
                    mlp,
                    64,
                    *[32] * 6,
                    10,
                    activation=nn.Sigmoid,
                    norm=nn.BatchNorm1d,
                )
            }
        },
        **always(Verdict("04_vanishing_gradients", "shrinks")),
    ),
}
