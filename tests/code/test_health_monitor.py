"""A Monitor sees what layers sees, when it happened, and disturbs nothing."""

import copy
import csv
import gc
import io
import json
import pickle
import weakref
from functools import partial

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose
from torch import nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader

from utils import health

pytestmark = [
    pytest.mark.filterwarnings("error"),
    pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning"),
]


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


X, Y = normal(64, 5), torch.arange(64) % 3
COUNTS = ("dead", "always_on")
SHARES = ("zero_fraction", "nonfinite_fraction", "gradient_norm")


def plain():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))


def run(model, steps=1, x=X):
    for _ in range(steps):
        model(x).square().mean().backward()


def watched(model, steps=1, run=run, **options):
    """Return a Monitor that watched so many steps."""
    with health.Monitor(model, **{"every": 1, **options}) as watch:
        run(model, steps)
    return watch


def twice(model, x):
    """Return a Monitor that was started twice, and looks at both ends."""
    watch = watched(model, 3, x=x, every=3)
    with watch:
        run(model, 3)
    return watch


def steps_of(watch):
    return [look.step for look in watch.looks]


class Busy(nn.Module):
    """Do what could disturb, or be disturbed by, one who watches."""

    def __init__(self, reentrant=None):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.c = (
            nn.Linear(5, 16),
            nn.Linear(16, 16),
            nn.Linear(16, 3),
        )
        self.norm, self.random = nn.BatchNorm1d(16), nn.RReLU()
        self.over, self.reentrant = nn.ReLU(inplace=True), reentrant

    def block(self, x):
        return F.dropout(self.random(self.norm(self.b(x))), 0.2, self.training)

    def forward(self, x):
        x = self.over(self.a(x))
        x = F.leaky_relu_(x.view(-1, 4, 4)[:, :].flatten(1) - 0.1)
        if self.reentrant is None:
            x = self.block(x)
        else:
            x = checkpoint(self.block, x, use_reentrant=self.reentrant)
        return self.c(x.mul_(torch.sigmoid(x)))


class Steered(nn.Module):
    """Four ReLU units, each on or off as is said, or nan."""

    def __init__(self):
        super().__init__()
        self.bias, self.act = nn.Parameter(torch.zeros(4)), nn.ReLU()

    def set(self, *on):
        self.bias.data = torch.tensor(
            [{"-": -9.0, "+": 0.0, "?": torch.nan}[state] for state in on]
        )

    def forward(self, x):
        return self.act(x + self.bias)


RAMP = torch.linspace(-1, 1, 30)[:, None].expand(30, 4)


def steered(*states, x=RAMP, **options):
    model = Steered()
    with health.Monitor(model, **{"every": 1, **options}) as watch:
        for on in states:
            model.set(*on)
            run(model, x=x)
    return watch


# What it sees


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.read, self.head = nn.GRU(5, 8, batch_first=True), nn.Linear(8, 3)

    def forward(self, x):
        return torch.tanh(self.head(self.read(x)[0]))


SEEN = {
    "plain": (plain, X),
    "busy": (Busy, X),
    "checkpoint": (partial(Busy, False), X),
    "pictures": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 8, 3),
            nn.BatchNorm2d(8),
            nn.ReLU(True),
            nn.Conv2d(8, 8, 1),
            nn.SiLU(True),
        ),
        normal(20, 3, 6, 6),
    ),
    "transformer": (
        lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
        normal(4, 9, 8),
    ),
    "recurrent": (Recurrent, normal(9, 4, 5)),
    "a dict": (plain, {"input": X}),
    "tokens": (
        lambda: nn.Sequential(nn.Embedding(9, 5), *plain()),
        torch.arange(60).reshape(12, 5) % 9,
    ),
}


@pytest.mark.parametrize("name", SEEN)
def test_a_look_equals_layers_on_the_same_batch_and_state(name):
    make, x = SEEN[name]
    torch.manual_seed(0)
    model = make()
    expected = health.layers(model, x)
    with health.Monitor(model, every=1) as watch:
        output = model(**x) if isinstance(x, dict) else model(x)
        output.square().mean().backward()
    (look,) = watch.looks
    assert list(look.layers) == [layer.name for layer in expected]
    for layer in expected:
        row = look.layers[layer.name]
        assert row["units"] == layer.dead.size
        for key in COUNTS:
            assert row[key] == getattr(layer, key).sum()
        for key in SHARES:
            assert_allclose(row[key], getattr(layer, key), rtol=1e-5)
        assert (row["deaths"], row["revivals"]) == (0, 0)


def test_a_look_comes_before_the_step():
    model = plain()
    expected = []
    rate = torch.optim.SGD(model.parameters(), lr=1.0)
    with health.Monitor(model, every=2) as watch:
        for _ in range(4):
            expected.append(health.layers(model, X)[0].gradient_norm)
            run(model)
            rate.step(), rate.zero_grad()
    assert steps_of(watch) == [0, 2]
    assert_allclose(
        [look.layers["1"]["gradient_norm"] for look in watch.looks],
        expected[::2],
        rtol=1e-5,
    )


@pytest.mark.parametrize(
    ("every", "steps"),
    [
        (1, [0, 1, 2, 3, 4, 5, 6]),
        (3, [0, 3, 6]),
        (10, [0]),
        (np.int64(4), [0, 4]),
    ],
)
def test_it_looks_at_every_so_many_steps(every, steps):
    assert steps_of(watched(plain(), 7, every=every)) == steps


def test_validation_does_not_count():
    model = plain()
    with health.Monitor(model, every=2) as watch:
        for _ in range(5):
            model.eval()(X)
            model.train()
            with torch.no_grad():
                model(X)
            run(model)
    assert steps_of(watch) == [0, 2, 4]


def test_gradients_that_accumulate_are_looked_at_pass_by_pass():
    model, parts = plain(), X.split(16)
    alone = [health.layers(model, part)[0].gradient_norm for part in parts]
    with health.Monitor(model, every=1) as watch:
        for part in parts:
            run(model, x=part)
    assert_allclose(
        [look.layers["1"]["gradient_norm"] for look in watch.looks],
        alone,
        rtol=1e-5,
    )


def test_two_passes_before_one_backward_pass_both_have_a_gradient():
    model = plain()
    alone = [
        health.layers(model, part)[0].gradient_norm for part in X.split(32)
    ]
    with health.Monitor(model, every=1) as watch:
        sum(model(part).square().mean() for part in X.split(32)).backward()
    assert_allclose(
        [look.layers["1"]["gradient_norm"] for look in watch.looks],
        alone,
        rtol=1e-5,
    )


def test_a_second_backward_pass_gives_no_wrong_norm():
    model = plain()
    (expected,) = health.layers(
        model, X, lambda out: out[:, 0].mean() + out[:, 1:].square().mean()
    )
    with health.Monitor(model, every=1) as watch:
        output = model(X)
        output[:, 0].mean().backward(retain_graph=True)
        output[:, 1:].square().mean().backward()
    norm = watch.looks[0].layers["1"]["gradient_norm"]
    assert norm is None or norm == pytest.approx(expected.gradient_norm)


def test_data_of_its_own_are_looked_at_before_the_step():
    model = plain()
    loss, own = nn.CrossEntropyLoss(), (X[:40], Y[:40])
    expected = health.layers(model, own, loss)[0]
    value = loss(model(own[0]), own[1]).item()
    with health.Monitor(model, own, loss, every=2) as watch:
        run(model, 3, X[40:])
    # And once more at the end.
    assert steps_of(watch) == [0, 2, 3]
    for look in watch.looks:
        assert look.loss == pytest.approx(value)
        assert look.layers["1"]["gradient_norm"] == pytest.approx(
            expected.gradient_norm
        )


@pytest.mark.parametrize("x", [[X[:30], X[30:]], DataLoader(X, 30)])
def test_data_of_its_own_may_be_batches(x):
    watch = watched(plain(), 3, x=x)
    assert steps_of(watch) == [0, 1, 2, 3]
    expected = health.layers(plain(), X)[0].gradient_norm
    norms = [look.layers["1"]["gradient_norm"] for look in watch.looks]
    assert_allclose(norms, expected, rtol=1e-5)


@pytest.mark.parametrize("x", [None, X])
def test_the_loss_that_is_logged_belongs_to_the_look(x):
    model = plain()
    with health.Monitor(model, x, every=3) as watch:
        for step in range(7):
            run(model)
            watch.log(torch.tensor(10.0 * step))
    assert [look.loss for look in watch.looks][:3] == [0, 30, 60]


def test_no_loss_is_kept_that_nobody_gave():
    for options in ({}, {"x": X}):
        assert {
            look.loss for look in watched(plain(), 2, **options).looks
        } == {None}


# Deaths and revivals


def test_deaths_and_revivals_by_hand():
    watch = steered("++++", "-+++", "--++", "+--+", "----", "++++")
    rows = [look.layers["act"] for look in watch.looks]
    assert [row["dead"] for row in rows] == [0, 1, 2, 2, 4, 0]
    assert [row["deaths"] for row in rows] == [0, 1, 1, 1, 2, 0]
    assert [row["revivals"] for row in rows] == [0, 0, 0, 1, 0, 4]
    assert watch.events == [
        "act: half of its units or more died between steps 1 and 2.",
        "act: all of its units died between steps 3 and 4.",
    ]
    assert all(event in repr(watch) for event in watch.events)


def test_an_event_says_the_looks_between_which_it_came():
    states = ["++++"] * 4 + ["--++"] * 9
    assert steered(*states, every=3).events == [
        "act: half of its units or more died between steps 3 and 6."
    ]
    (event,) = steered(*states[4:]).events
    assert "at step 0 already" in event


def test_nan_is_an_event_and_no_revival():
    watch = steered("--++", "????", "--++")
    rows = [look.layers["act"] for look in watch.looks]
    assert [row["nonfinite_fraction"] for row in rows] == [0, 1, 0]
    assert [row["revivals"] for row in rows] == [0, 0, 0]
    assert any("nan" in e and "steps 0 and 1" in e for e in watch.events)


def test_a_model_that_calls_itself_is_looked_at_as_a_whole():
    class Tree(nn.Linear):
        def forward(self, x, depth=2):
            if depth:
                x = self(x, depth - 1) + self(x, depth - 1)
            return torch.tanh(super().forward(x))

    model = Tree(5, 5)
    expected = health.layers(model, X)
    watch = watched(model, 4, every=2)
    assert steps_of(watch) == [0, 2]
    rows = watch.looks[0].layers
    assert list(rows) == [layer.name for layer in expected]
    assert_allclose(
        [row["gradient_norm"] for row in rows.values()],
        [layer.gradient_norm for layer in expected],
        rtol=1e-5,
    )


def test_no_event_is_said_to_be_none():
    watch = watched(plain(), 3)
    assert watch.events == []
    assert "No layer died" in repr(watch) and "3 looks at 1 layer." in repr(
        watch
    )


# Training goes on as if nobody watched


def trained(make, watch=None):
    """Return the state after 20 steps, and the random state."""
    model = make()
    rate = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    torch.manual_seed(1)
    watch = watch and watch(model).start()
    for step in range(20):
        rows = torch.randint(64, (16,))
        F.cross_entropy(model(X[rows]), Y[rows]).backward()
        if step % 2:
            rate.step(), rate.zero_grad()
    if watch:
        watch.stop()
        assert len(watch.looks) > 6
    return [*model.state_dict().values(), torch.get_rng_state()]


@pytest.mark.parametrize("reentrant", [None, True, False])
@pytest.mark.parametrize(
    "options",
    [
        {"every": 1},
        {"every": 3},
        {"every": 3, "x": X},
        {"every": 3, "x": DataLoader(X, 30, shuffle=True)},
        {"every": 3, "x": (X, Y), "loss": nn.CrossEntropyLoss()},
    ],
    ids=["1", "3", "x", "loader", "loss"],
)
def test_the_training_is_the_same_to_the_last_bit(reentrant, options):
    make = partial(Busy, reentrant)
    alone = trained(make)
    with_watch = trained(make, lambda m: health.Monitor(m, **options))
    assert all(map(torch.equal, alone, with_watch))


def hooks(*modules):
    """Count what is in the way of torch's functions and of the modules."""
    everywhere = vars(torch.nn.modules.module)
    return len(torch.overrides._get_current_function_mode_stack()) + sum(
        len(value)
        for found in (everywhere, *map(vars, modules))
        for name, value in found.items()
        if name.startswith("_") and name.endswith("hooks") and value
    )


def test_between_looks_nothing_is_in_the_way_but_one_counter():
    model = plain()
    with health.Monitor(model, every=10):
        for _ in range(3):
            output = model(X)
            assert hooks(*model) == 0
            # One before its forward pass, and at most one after.
            assert hooks(model) <= 2
            output.sum().backward()
            assert hooks(*model) == 0
    assert hooks(*model.modules()) == 0


@pytest.mark.parametrize("where", ["loop", "model", "half-way"])
def test_an_exception_leaves_no_hook_and_keeps_its_type(where):
    def fail(*args):
        raise KeyError("as asked")

    model = plain()
    if where == "half-way":
        handle = model[2].register_forward_pre_hook(fail)
    with pytest.raises(KeyError if where != "model" else RuntimeError):
        with health.Monitor(model, every=1) as watch:
            model(normal(3, 4) if where == "model" else X)
            fail()
    if where == "half-way":
        handle.remove()
    assert hooks(*model.modules()) == 0
    assert all(look.layers for look in watch.looks)
    run(model)


def test_a_pass_that_fails_does_not_end_the_watch():
    model = plain()
    with health.Monitor(model, every=1) as watch:
        with pytest.raises(RuntimeError):
            model(normal(3, 4))
        assert hooks() == 0
        run(model, 2)
    assert [look.step for look in watch.looks if look.layers] == [1, 2]
    assert all(look.layers for look in watch.looks)


def test_it_starts_and_stops_as_often_as_one_likes():
    model = plain()
    watch = health.Monitor(model, every=2)
    watch.stop()
    assert watch.start() is watch.start()
    run(model, 5)
    watch.stop()
    watch.stop()
    run(model, 5)
    watch.start()
    run(model, 3)
    watch.stop()
    assert steps_of(watch) == [0, 2, 4, 6]
    assert hooks(*model.modules()) == 0


def test_two_watch_at_once():
    model = plain()
    alone = watched(plain(), 6).looks[0].layers
    with (
        health.Monitor(model, every=1) as one,
        health.Monitor(model, every=2) as two,
        health.Monitor(model, X, every=3) as own,
    ):
        run(model, 6)
    assert [steps_of(w) for w in (one, two, own)] == [
        [0, 1, 2, 3, 4, 5],
        [0, 2, 4],
        [0, 3, 6],
    ]
    for watch in (one, two, own):
        assert list(watch.looks[0].layers) == ["1"]
        for key, value in alone["1"].items():
            assert watch.looks[0].layers["1"][key] == pytest.approx(value)


def test_a_report_in_the_loop_is_no_step():
    model = plain()
    texts = set()
    with health.Monitor(model, every=1) as watch:
        for _ in range(3):
            output = model(X)
            texts.add(str(health.report(model, X)))
            output.square().mean().backward()
            health.layers(model, X)
    assert steps_of(watch) == [0, 1, 2] and len(texts) == 1
    assert None not in {
        look.layers["1"]["gradient_norm"] for look in watch.looks
    }


def test_the_model_can_be_copied_and_saved_in_the_loop():
    model = plain()
    with health.Monitor(model, X, every=1) as watch:
        output = model(X)
        copies = [
            copy.deepcopy(model),
            pickle.loads(pickle.dumps(model)),
            AveragedModel(model).module,
        ]
        torch.save(model, io.BytesIO())
        output.sum().backward()
    for twin in copies:
        assert torch.equal(twin(X), output)
    assert steps_of(watch) == [0, 1]


def test_a_look_holds_no_activations():
    class Keep(nn.Module):
        def forward(self, x):
            self.last = weakref.ref(x)
            return x

    model = nn.Sequential(nn.Linear(5, 8), Keep(), nn.ReLU(), nn.Linear(8, 3))
    with health.Monitor(model, every=5):
        run(model)
        gc.collect()
        assert model[1].last() is None


# What is said


def test_it_exports_plain_numbers():
    watch = steered("++++", "????", "----")
    found = json.loads(json.dumps(watch.to_dict(), allow_nan=False))
    assert found["steps"] == [0, 1, 2]
    assert found["loss"] == [None] * 3
    assert found["events"] == watch.events
    assert found["layers"]["act"]["dead"] == [0, 0, 4]
    assert set(found["layers"]["act"]) == set(watch.looks[0].layers["act"])


def test_the_table_reads_back(tmp_path):
    watch = watched(nn.Sequential(*plain(), nn.Tanh()), 3)
    watch.log(1.5)
    watch.to_csv(tmp_path / "a.csv")
    with open(tmp_path / "a.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["step"], row["layer"]) for row in rows] == [
        (str(step), name) for step in range(3) for name in ("1", "3")
    ]
    expected = watch.to_dict()["layers"]["3"]
    for i, row in enumerate(rows[1::2]):
        for key, values in expected.items():
            assert float(row[key]) == values[i]


class Growing(nn.Module):
    """Run as many of its layers as it has reached."""

    def __init__(self):
        super().__init__()
        self.parts = nn.ModuleList(
            nn.Sequential(nn.Linear(5, 5), nn.ReLU()) for _ in range(3)
        )
        self.count = 0

    def forward(self, x):
        for part in self.parts[: self.count]:
            x = part(x)
        return x


def test_layers_may_come_and_go(tmp_path):
    model = Growing()
    with health.Monitor(model, every=1) as watch:
        for model.count in (0, 1, 3, 2):
            model(X.clone().requires_grad_()).sum().backward()
    dead = {
        name: [value is not None for value in rows["dead"]]
        for name, rows in watch.to_dict()["layers"].items()
    }
    looks = len(watch.looks)
    assert {name: found[-3:] for name, found in dead.items()} == {
        "parts.0.1": [True, True, True],
        "parts.1.1": [False, True, True],
        "parts.2.1": [False, True, False],
    }
    watch.to_csv(tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert len(lines) == 1 + 1 + 3 + 2
    assert {line.count(",") for line in lines} == {lines[1].count(",")}
    assert looks >= 3 and watch._repr_png_()


@pytest.mark.parametrize(
    "watch",
    [
        lambda: watched(plain(), 5),
        lambda: watched(plain(), 5, x=(X, Y), loss=nn.CrossEntropyLoss()),
        lambda: watched(plain(), 1),
        lambda: steered("++++", "????", "----"),
        lambda: watched(nn.Sequential(*plain(), nn.Tanh()), 2),
        lambda: watched(plain(), 2, run=lambda model, steps: model(X)),
        lambda: twice(plain(), X),
    ],
    ids=["plain", "loss", "one look", "nan", "two", "no gradient", "twice"],
)
def test_it_draws_a_figure_and_shows_a_picture(watch):
    mpl.use("Agg")
    watch = watch()
    before = plt.get_fignums()
    assert watch._repr_png_().startswith(b"\x89PNG")
    assert plt.get_fignums() == before
    figure = watch.plot()
    labels = " ".join(t.get_text() for t in figure.findobj(mpl.text.Text))
    assert "share of dead units" in labels and "gradient norm" in labels
    assert "step" in labels
    assert ("loss" in labels) == (watch.looks[0].loss is not None)
    names = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert names == list(watch.looks[0].layers)
    plt.close(figure)


def test_nothing_watched_is_said_kindly(tmp_path):
    model = plain().eval()
    with health.Monitor(model) as watch:
        model(X)
    assert "Nothing was watched" in repr(watch)
    assert watch.events == [] and watch._repr_png_() is None
    assert watch.to_dict()["steps"] == []
    for act in (watch.plot, partial(watch.to_csv, tmp_path / "a.csv")):
        with pytest.raises(
            ValueError, match=r"training mode.*model.train\(\)"
        ):
            act()


@pytest.mark.parametrize(
    ("model", "said"),
    [(nn.Linear(5, 3), "activation"), (nn.LSTM(5, 3), "inside")],
    ids=["linear", "LSTM"],
)
def test_what_is_not_seen_is_not_called_healthy(model, said):
    with health.Monitor(model, every=1) as watch:
        for _ in range(2):
            output = model(X)
            (output if torch.is_tensor(output) else output[0]).sum().backward()
    text = repr(watch)
    assert said in text and "No layer died" not in text
    json.dumps(watch.to_dict())
    assert watch._repr_png_() is None
    with pytest.raises(ValueError, match="activation|watched"):
        watch.plot()


def test_a_part_that_is_not_seen_is_named():
    model = Recurrent()
    with health.Monitor(model, every=1) as watch:
        model(normal(9, 4, 5)).sum().backward()
    assert "inside read" in repr(watch)
    assert "inside read" in str(watch.to_dict()["unseen"])


class Sign(torch.autograd.Function):
    """Round weights, and let the gradient pass."""

    @staticmethod
    def forward(ctx, weight):
        return weight.sign()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def test_weights_of_an_unknown_function_hide_no_data():
    class Binary(nn.Linear):
        def forward(self, x):
            return F.linear(x, Sign.apply(self.weight), self.bias)

    model = nn.Sequential(Binary(5, 8), nn.ReLU(), nn.Linear(8, 3))
    assert health.report(model, X).unseen == []
    assert watched(model).to_dict()["unseen"] == []


@torch.jit.script
def scripted(x: torch.Tensor) -> torch.Tensor:
    return x * torch.sigmoid(x)


def test_a_function_that_hides_data_is_named():
    class Hiding(nn.Linear):
        def forward(self, x):
            return x + scripted(super().forward(x))

    model = nn.Sequential(Hiding(5, 5), nn.ReLU(), nn.Linear(5, 3))
    assert "what 0 does" in repr(watched(model))


@pytest.mark.parametrize("every", [0, -1, 1.5, True, "a", None])
def test_a_nonsense_pace_is_refused(every):
    with pytest.raises(
        (TypeError, ValueError),
        match=f"every must .* such as 50.*got {every!r}",
    ):
        health.Monitor(plain(), every=every)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((F.relu,), "got function"),
        ((plain(), 50), "x must .*got int"),
        ((plain(), "abc"), "x must .*got str"),
        ((plain(), X.numpy()), "x must .*got ndarray"),
        ((plain(), iter([X])), "list|DataLoader"),
        ((plain(), X, "mse"), "loss must .*got 'mse'"),
        ((plain(), X, nn.MSELoss), "loss must .*MSELoss"),
    ],
)
def test_mistakes_are_named_at_once_and_not_in_the_loop(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        health.Monitor(*arguments)
