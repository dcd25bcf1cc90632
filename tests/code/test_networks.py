"""The batched training: right, reproducible, members independent."""

import copy
from functools import partial

import nbformat
import numpy as np
import pytest
import torch
from nbclient import NotebookClient
from torch import nn
from torch.nn import functional as F

from tests.code.fresh import printed
from utils import activations, data, diagnostics, health, networks

TORCH_OPTIMIZERS = {
    "sgd": torch.optim.SGD,
    "momentum": lambda parameters, lr: torch.optim.SGD(
        parameters, lr, momentum=0.9
    ),
    "adam": torch.optim.Adam,
}


@pytest.fixture(scope="module")
def digits():
    return data.digits()


@pytest.fixture(scope="module")
def spirals():
    return data.spirals(n=300)


@pytest.fixture(scope="module")
def trained(spirals):
    """Return a batch whose layers, seeds and rates all differ in number."""
    return networks.train(
        spirals,
        widths=(6, 5),
        seeds=[4, 0, 9],
        learning_rates=[0.1, 0.02],
        epochs=2,
    )


def parameters(result, seed=0, rate=0):
    """Return the trained parameters of one member."""
    return [
        p[seed, rate] for p in result.weights + result.biases + result.slopes
    ]


def global_state():
    """Return what training must not change."""
    legacy = np.random.get_state()  # noqa: NPY002
    return (
        torch.get_rng_state().tolist(),
        legacy[1].tolist(),
        legacy[2],
        torch.get_default_dtype(),
        torch.get_num_threads(),
    )


def of_torch(result, options, dataset, seed, rate, epochs):
    """Train a member the plain way, from its start on; return the network.

    Also return each step's gradient norm, as clip_grad_norm_ gives it.
    """
    network = result.initial.network(seed, rate).train()
    hidden, norms = [], []
    for module in network.modules():
        if options.get("batch_norm") and isinstance(module, nn.Linear):
            module.bias.requires_grad_(module is network[-1])
        if isinstance(module, (nn.ReLU, nn.PReLU, nn.Tanh)):
            module.register_forward_hook(
                lambda module, given, output: hidden.append(output)
            )
    learned = [p for p in network.parameters() if p.requires_grad]
    update = TORCH_OPTIMIZERS[options.get("optimizer", "sgd")](learned, rate)
    x, y = map(torch.as_tensor, (dataset.x_train, dataset.y_train))
    rng = np.random.default_rng(seed)
    sizes = dataset.features, *options["widths"], dataset.outputs
    networks.initialise(sizes, rng)
    for _ in range(epochs):
        for rows in torch.as_tensor(rng.permutation(len(x))).split(32):
            hidden.clear()
            update.zero_grad()
            if y.is_floating_point():
                loss = (network(x[rows])[:, 0] - y[rows]).square().mean()
            else:
                loss = F.cross_entropy(network(x[rows]), y[rows])
            penalty = sum(a.abs().sum(1).mean() for a in hidden)
            loss = loss + options.get("activation_l1", 0) * penalty
            loss.backward()
            norms.append(
                nn.utils.clip_grad_norm_(
                    learned, options.get("max_norm", np.inf)
                )
            )
            update.step()
    return network.eval(), torch.stack(norms)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"optimizer": "momentum"},
        {"optimizer": "adam"},
        {"activation": "prelu"},
        {"activation": "prelu", "optimizer": "adam"},
        {"activation": "tanh", "optimizer": "momentum"},
        {"batch_norm": True},
        {"batch_norm": True, "optimizer": "adam"},
        {"residual": True},
        {"residual": True, "batch_norm": True, "activation": "prelu"},
        {"max_norm": 0.4},
        {"max_norm": 1.0, "batch_norm": True, "activation": "prelu"},
        {"max_norm": np.inf},
        {"activation_l1": 0.01},
    ],
    ids=str,
)
def test_a_member_learns_what_torch_learns(spirals, options):
    # 240 training samples: the last minibatch of an epoch has 16.
    widths = (12, 12, 12) if "residual" in options else (16, 12)
    options = {"widths": widths, **options}
    result = networks.train(
        spirals, seeds=[2, 5], epochs=3, learning_rates=[0.01, 0.03], **options
    )
    network, norms = of_torch(result, options, spirals, 5, 0.03, epochs=3)
    actual = result.network(5, 0.03).state_dict()
    for name, expected in network.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            torch.testing.assert_close(
                actual[name], expected, rtol=0, atol=1e-10, msg=name
            )
    if "max_norm" in options:
        np.testing.assert_allclose(
            result.gradient_norm[:, 1, 1], norms, rtol=1e-9
        )
        clipped = (norms > options["max_norm"]).float().mean().item()
        assert clipped == 0 or 0.05 < clipped < 0.95
        assert (clipped == 0) == (options["max_norm"] == np.inf)
    else:
        assert result.gradient_norm.shape == (0, 2, 2)


@pytest.mark.parametrize(
    "options",
    [
        {"batch_norm": True},
        {"residual": True},
        {"batch_norm": True, "residual": True, "activation": "prelu"},
    ],
    ids=str,
)
def test_predictions_are_those_of_the_torch_network(spirals, options):
    result = networks.train(
        spirals,
        widths=(8, 8, 8),
        seeds=2,
        epochs=2,
        learning_rates=[0.05, 0.1],
        **options,
    )
    x = torch.as_tensor(spirals.x_test)
    network = result.network(1, 0.05)
    seen = []
    for module in network.modules():
        if isinstance(module, (nn.ReLU, nn.PReLU)):
            module.register_forward_hook(
                lambda module, given, output: seen.append((given[0], output))
            )
    torch.testing.assert_close(
        network(x), result.predict(x)[1, 0], rtol=0, atol=1e-12
    )
    hidden = result.activations(x)
    assert len(seen) == len(hidden) == 3
    for expected, (z, a) in zip(seen, hidden):
        torch.testing.assert_close(z[1, 0], expected[0], rtol=0, atol=1e-12)
        torch.testing.assert_close(a[1, 0], expected[1], rtol=0, atol=1e-12)


def test_snapshots_are_the_networks_after_that_step(spirals):
    # 8 steps an epoch.
    options = {
        "widths": (6,),
        "seeds": 2,
        "learning_rates": [0.1, 0.2],
        "optimizer": "adam",
        "batch_norm": True,
    }
    two = networks.train(
        spirals, epochs=2, snapshots=[0, 8, 11, 16], **options
    )
    one = networks.train(spirals, epochs=1, **options)
    assert list(two.snapshots) == [0, 8, 11, 16]
    assert two.snapshots[0] is two.initial
    for kind in networks.KINDS:
        for step, other in (8, one), (16, two):
            for p, q in zip(
                getattr(two.snapshots[step], kind), getattr(other, kind)
            ):
                assert torch.equal(p, q), (step, kind)
    assert not torch.equal(two.snapshots[11].weights[0], one.weights[0])
    assert repr(two.snapshots[8]) == (
        "Networks(2-6-2 relu, 2 seeds x 2 learning rates)"
    )


def test_names_are_those_of_the_numpy_activations():
    assert list(networks.ACTIVATIONS) == list(activations.ACTIVATIONS)


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (torch.abs, "abs"),
        (nn.LeakyReLU(0.1), "LeakyReLU(negative_slope=0.1)"),
        (partial(F.leaky_relu, negative_slope=0.1), "partial"),
    ],
)
def test_a_function_can_be_trained_as_a_name_can(spirals, function, name):
    result = networks.train(
        spirals, activation=function, widths=(4, 4), seeds=2, epochs=1
    )
    for z, a in result.activations(spirals.x_test):
        assert torch.equal(a, function(z)) and (z < 0).any()
    assert repr(result).startswith(f"TrainingResult(2-4-4-2 {name}, 2 seeds")
    x = torch.as_tensor(spirals.x_test)
    torch.testing.assert_close(
        result.network(1, 0.1)(x), result.predict(x)[1, 0]
    )


def test_a_function_learns_what_its_name_does(spirals):
    for name, function in (("leaky_relu", nn.LeakyReLU()), ("elu", F.elu)):
        one, other = (
            networks.train(spirals, activation=given, seeds=2, epochs=2)
            for given in (name, function)
        )
        for p, q in zip(one.weights, other.weights):
            assert torch.equal(p, q), name


def test_a_function_reaches_the_report(spirals):
    result = networks.train(
        spirals, activation=torch.abs, widths=(4,), seeds=1, epochs=0
    )
    (layer,) = diagnostics.layers(result, spirals.x_test)
    assert layer.activation == "abs"
    report = health.report(
        result.network(0, 0.1), torch.as_tensor(spirals.x_test)
    )
    assert "Pointwise" in str(report)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (nn.PReLU(), "nothing to learn, got PReLU"),
        (lambda x: x.sum(), r"of a Tensor \(1, 2, 3\) it made a Tensor \(\)"),
        (lambda x: x.numpy().foo, "it failed: "),
        (lambda x: 3.0, r"it made a float \(\)"),
        (activations.relu, "it failed: x must be real numbers"),
        (lambda x: (x > 0).double(), "able to differentiate it"),
        (lambda x, y: x, "it failed: .*argument"),
        (nn.ReLU, r"it made a ReLU \(\)"),
        (None, "activation must be one of identity, .*got None"),
        ("rleu", "activation must be one of identity, .*got 'rleu'"),
    ],
)
def test_what_is_no_activation_is_refused(spirals, given, message):
    with pytest.raises(ValueError, match=message):
        networks.train(spirals, activation=given, epochs=1)


@pytest.mark.parametrize("name", networks.ACTIVATIONS)
def test_function_and_module_agree_with_numpy(name):
    # Beyond 20, torch's softplus returns x itself.
    x = torch.linspace(-15, 15, 601, dtype=torch.float64)
    weight = {"prelu": [torch.tensor(0.25)]}.get(name, [])
    function, module = networks.ACTIVATIONS[name]
    expected = activations.ACTIVATIONS[name](x.numpy(), *map(float, weight))
    np.testing.assert_allclose(
        function(x, *weight), expected, rtol=1e-12, atol=1e-12
    )
    np.testing.assert_allclose(
        module().double()(x).detach(), expected, rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("name", networks.ACTIVATIONS)
def test_forward_pass_agrees_with_numpy(spirals, name):
    result = networks.train(
        spirals,
        activation=name,
        widths=(5, 4),
        seeds=2,
        learning_rates=[0.01, 0.02],
        epochs=1,
    )
    x = spirals.x_test
    for layer, (w, b) in enumerate(zip(result.weights, result.biases)):
        z = x @ w[1, 0].numpy() + b[1, 0].numpy()
        if layer == 2:
            break
        slope = [float(s[1, 0]) for s in result.slopes[layer : layer + 1]]
        x = activations.ACTIVATIONS[name](z, *slope)
        actual = result.activations(spirals.x_test)[layer]
        np.testing.assert_allclose(actual[0][1, 0], z, atol=1e-12)
        np.testing.assert_allclose(actual[1][1, 0], x, atol=1e-12)
    logits = result.predict(spirals.x_test)[1, 0]
    np.testing.assert_allclose(logits, z, atol=1e-12)
    copied = result.network(1, 0.01)(torch.as_tensor(spirals.x_test))
    np.testing.assert_allclose(copied.detach(), z, atol=1e-12)


@pytest.mark.parametrize("optimizer", TORCH_OPTIMIZERS)
def test_a_member_does_not_depend_on_the_batch(digits, optimizer):
    rates = np.geomspace(1e-3, 0.03, 6).tolist()
    options = {"widths": (16, 16), "epochs": 2, "optimizer": optimizer}
    alone = networks.train(
        digits, seeds=[3], learning_rates=rates[4], **options
    )
    three = networks.train(
        digits, seeds=[3], learning_rates=rates[3:], **options
    )
    sixty = networks.train(digits, seeds=10, learning_rates=rates, **options)
    # Not exactly equal: a lone matrix product is shared out among threads
    # in another way, which changes the last digit.
    for other, seed, rate in (three, 0, 1), (sixty, 3, 4):
        assert np.array_equal(
            other.test_accuracy[:, seed, rate], alone.test_accuracy[:, 0, 0]
        )
        np.testing.assert_allclose(
            other.train_loss[:, seed, rate],
            alone.train_loss[:, 0, 0],
            atol=1e-9,
        )
        for p, q in zip(parameters(other, seed, rate), parameters(alone)):
            torch.testing.assert_close(p, q, rtol=0, atol=1e-9)


def test_the_same_call_gives_the_same_numbers(spirals):
    first, second = (
        networks.train(spirals, seeds=3, epochs=3) for _ in range(2)
    )
    assert np.array_equal(first.train_loss, second.train_loss)
    assert np.array_equal(first.test_accuracy, second.test_accuracy)
    for p, q in zip(
        first.weights + first.biases, second.weights + second.biases
    ):
        assert torch.equal(p, q)


def test_one_thread_and_two_agree(digits):
    threads = torch.get_num_threads()
    results = []
    try:
        for number in 1, 2:
            torch.set_num_threads(number)
            results.append(
                networks.train(
                    digits, seeds=3, learning_rates=[0.03, 0.1], epochs=1
                )
            )
    finally:
        torch.set_num_threads(threads)
    one, two = results
    assert np.array_equal(one.test_accuracy, two.test_accuracy)
    for p, q in zip(one.weights + one.biases, two.weights + two.biases):
        torch.testing.assert_close(p, q, rtol=0, atol=1e-9)


def test_a_diverging_member_is_flagged_and_disturbs_nobody(digits):
    options = {
        "activation": "leaky_relu",
        "widths": (16, 16),
        "seeds": 3,
        "epochs": 2,
    }
    calm = networks.train(digits, learning_rates=[0.05, 0.1], **options)
    mixed = networks.train(digits, learning_rates=[0.05, 1e3, 0.1], **options)
    assert not calm.diverged.any()
    assert (mixed.diverged == [False, True, False]).all()
    assert np.array_equal(mixed.test_accuracy[..., [0, 2]], calm.test_accuracy)
    for p, q in zip(mixed.weights, calm.weights):
        torch.testing.assert_close(p[:, [0, 2]], q, rtol=0, atol=1e-9)


def test_training_leaves_everything_else_alone(spirals):
    arrays = copy.deepcopy(spirals)
    rates = np.array([0.1, 0.2])
    before = global_state()
    networks.train(spirals, seeds=2, learning_rates=rates, epochs=1).network(
        0, 0.1
    )
    assert global_state() == before
    assert rates.tolist() == [0.1, 0.2]
    for name, value in vars(arrays).items():
        assert np.array_equal(getattr(spirals, name), value), name


def test_results_have_the_promised_shapes(trained, spirals):
    assert trained.train_loss.shape == (2, 3, 2)
    assert trained.test_accuracy.shape == (3, 3, 2)
    assert [tuple(w.shape) for w in trained.weights] == [
        (3, 2, 2, 6),
        (3, 2, 6, 5),
        (3, 2, 5, 2),
    ]
    assert [tuple(b.shape) for b in trained.initial.biases] == [
        (3, 2, 6),
        (3, 2, 5),
        (3, 2, 2),
    ]
    assert trained.predict(spirals.x_test).shape == (3, 2, 60, 2)
    assert repr(trained) == (
        "TrainingResult(2-6-5-2 relu, 3 seeds x 2 learning rates, "
        "2 epochs of sgd, 0 diverged)"
    )


def test_accuracy_is_that_of_the_predictions(trained, spirals):
    for networks_then, epoch in (trained.initial, 0), (trained, -1):
        answers = networks_then.predict(spirals.x_test).argmax(-1)
        right = answers.numpy() == spirals.y_test
        np.testing.assert_allclose(
            trained.test_accuracy[epoch], right.mean(-1)
        )


def test_train_loss_is_the_mean_over_all_samples(spirals):
    # At a tiny rate the loss hardly moves: 240 samples, batches of 100.
    result = networks.train(
        spirals,
        widths=(4,),
        seeds=1,
        epochs=1,
        learning_rates=1e-12,
        batch_size=100,
    )
    loss = F.cross_entropy(
        result.predict(spirals.x_train)[0, 0], torch.as_tensor(spirals.y_train)
    )
    assert result.train_loss[0, 0, 0] == pytest.approx(float(loss), rel=1e-9)


def test_rates_of_one_seed_start_alike(trained):
    for start in trained.initial.weights + trained.initial.biases:
        assert torch.equal(start[:, 0], start[:, 1])
        assert not torch.equal(start[0], start[1])


def test_prelu_starts_from_torchs_slope(spirals):
    result = networks.train(spirals, activation="prelu", seeds=2, epochs=1)
    assert all((slope == 0.25).all() for slope in result.initial.slopes)
    assert all((slope != 0.25).all() for slope in result.slopes)


def test_float32_starts_from_the_rounded_float64_weights(spirals):
    double = networks.train(spirals, seeds=2, epochs=0)
    single = networks.train(spirals, seeds=2, epochs=1, dtype=torch.float32)
    for p, q in zip(double.initial.weights, single.initial.weights):
        assert torch.equal(p.float(), q)
    assert single.weights[0].dtype == torch.float32


@pytest.mark.parametrize(
    ("weight_init", "variance"),
    [
        ("default", 1 / 3 / 400),
        ("he", 2 / 400),
        ("xavier", 2 / 500),
        ("lecun", 1 / 400),
        (3, 3 / 400),
    ],
)
def test_initial_weights_have_their_variance(weight_init, variance):
    weights, _ = networks.initialise(
        (400, 100), np.random.default_rng(0), weight_init
    )
    # 40,000 draws: the standard error of the variance is at most 0.7 %.
    assert weights[0].var() == pytest.approx(variance, rel=0.03)
    limit = 1 / np.sqrt(400)
    assert (np.abs(weights[0]).max() <= limit) == (weight_init == "default")


def test_initial_biases():
    def draw(bias_init):
        return networks.initialise(
            (100, 400, 10), np.random.default_rng(0), bias_init=bias_init
        )

    weights, biases = draw("default")
    assert 0.09 < np.abs(biases[0]).max() <= 0.1
    constant_weights, constant = draw(0.5)
    assert all((b == 0.5).all() for b in constant)
    assert all(map(np.array_equal, weights, constant_weights))


def test_no_hidden_layer_is_a_linear_classifier(spirals):
    result = networks.train(spirals, widths=(), seeds=1, epochs=2)
    assert isinstance(result.network(0, 0.1)[0], nn.Linear)
    assert result.activations(spirals.x_test) == []


BAD_ARGUMENTS = [
    ({"activation": "rellu"}, "activation must be one of identity, .*'rellu'"),
    ({"optimizer": "rmsprop"}, "optimizer must be one of sgd, momentum, adam"),
    ({"weight_init": "kaiming"}, "weight_init must be one of default, he"),
    ({"weight_init": -1.0}, "weight_init must be positive"),
    ({"bias_init": "zero"}, "bias_init must be 'default' or a finite number"),
    ({"learning_rates": 0.0}, "learning_rates must be positive"),
    ({"learning_rates": [0.1, -0.1]}, "learning_rates must be positive"),
    ({"learning_rates": [0.1, 0.1]}, "learning_rates must be .* different"),
    ({"learning_rates": []}, "learning_rates must be one or more"),
    ({"learning_rates": "fast"}, "learning_rates must be positive.*'fast'"),
    ({"seeds": []}, "seeds must be one or more"),
    ({"seeds": 0}, "seeds must be whole, at least 1"),
    ({"seeds": [1, 1]}, "seeds must be one or more different"),
    ({"seeds": [0.5]}, "seeds must be whole"),
    ({"widths": (8, 0)}, "widths must be whole, at least 1"),
    ({"epochs": -1}, "epochs must be whole, at least 0"),
    ({"batch_size": 0}, "batch_size must be whole, at least 1"),
    ({"dtype": torch.float16}, "dtype must be torch.float64 or"),
    (
        {"batch_norm": True, "batch_size": 239},
        "batch_norm needs two samples .* batch_size=239 .*, such as 240",
    ),
    ({"batch_norm": True, "batch_size": 1}, "batch_norm needs two samples"),
    ({"residual": True, "widths": (8, 6)}, r"equal widths, .* got \(8, 6\)"),
    ({"max_norm": 0}, "max_norm must be positive"),
    ({"max_norm": "1"}, "max_norm must be positive"),
    ({"activation_l1": -0.1}, "activation_l1 must be positive"),
    ({"snapshots": [0, 121]}, "snapshots must be steps of 0 to 120, got 121"),
    ({"snapshots": 2.5}, "snapshots must be whole, at least 0"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_ARGUMENTS)
def test_bad_arguments_are_named(spirals, arguments, message):
    with pytest.raises(ValueError, match=message):
        networks.train(spirals, **arguments)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_curve_is_fitted_as_torch_fits_it(dtype):
    curve = data.curve(n=100)
    options = {"widths": (6, 5), "optimizer": "momentum"}
    result = networks.train(
        curve, seeds=[3], learning_rates=0.05, epochs=2, dtype=dtype, **options
    )
    assert result.train_loss[1].item() < result.train_loss[0].item()
    assert result.train_loss.dtype == np.float64
    if dtype == torch.float64:
        network, _ = of_torch(result, options, curve, 3, 0.05, epochs=2)
        found = result.network(3, 0.05).parameters()
        for own, wanted in zip(found, network.parameters(), strict=True):
            torch.testing.assert_close(own, wanted, rtol=1e-9, atol=1e-12)


def test_a_curve_has_a_loss_and_no_accuracy():
    result = networks.train(
        data.curve(), seeds=2, learning_rates=[0.001, 0.05], epochs=5
    )
    assert result.predict(data.curve().x_test).shape == (2, 2, 50, 1)
    assert result.test_accuracy.shape == (6, 2, 2)
    assert np.isnan(result.test_accuracy).all()
    assert not result.diverged.any()
    assert result.best(by="train_loss").learning_rate == 0.05
    assert (result.epochs_to(0.6, by="train_loss")[:, 1] < 6).all()
    for ask in (result.best, lambda: result.epochs_to(0.9)):
        with pytest.raises(ValueError, match="take by='train_loss'"):
            ask()


def test_modules_are_trained_on_classes_only():
    with pytest.raises(TypeError, match="which has classes .*got Regression"):
        networks.train_modules(lambda: nn.Linear(1, 1), data.curve())


def test_other_things_than_a_dataset_are_refused():
    with pytest.raises(TypeError, match="dataset must be a Dataset such as"):
        networks.train((np.zeros((2, 2)), np.zeros(2)))


def test_unknown_member_and_wrong_input_are_named(trained):
    with pytest.raises(ValueError, match="seed must be one of .*, got 7"):
        trained.network(7, 0.1)
    with pytest.raises(ValueError, match="learning_rate must be one of"):
        trained.network(4, 0.5)
    with pytest.raises(ValueError, match=r"x must have the shape \(N, 2\)"):
        trained.predict(np.zeros((5, 3)))


PROGRESS = """\
from utils import data, networks
print("before")
_ = networks.train(data.spirals(), seeds=1, epochs=2, progress=True)"""


def test_progress_leaves_no_output_in_a_notebook():
    cells = [nbformat.v4.new_code_cell(PROGRESS) for _ in range(2)]
    client = NotebookClient(nbformat.v4.new_notebook(cells=cells), timeout=60)
    with client.setup_kernel():
        client.execute_cell(cells[0], 0)
        # As JupyterLab does for a person, who sees the bar.
        client.kc.allow_stdin = True
        client.execute_cell(cells[1], 1)
    assert [output.text for output in cells[0].outputs] == ["before\n"]
    assert cells[1].outputs == []


def test_progress_is_shown_on_a_terminal_and_wiped(spirals, capsys):
    networks.train(spirals, seeds=1, epochs=2, progress=True)
    shown = capsys.readouterr().err
    assert "0/2" in shown
    assert shown.split("\r")[-2].strip() == ""


# --- any module ---


class Attention(nn.Module):
    """Mix the four numbers of a sample as two tokens of two."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(2, 4)
        self.norm = nn.LayerNorm(4)
        self.out = nn.Linear(4, 2)
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x):
        tokens = self.norm(self.embed(x)).unflatten(-1, (2, 2))
        mixed = (tokens @ tokens.mT * self.scale).softmax(-1) @ tokens
        return self.out(torch.tanh(mixed.flatten(-2)))


def convolution():
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 2, 3, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(18, 10),
    )


@pytest.mark.parametrize("optimizer", TORCH_OPTIMIZERS)
def test_a_module_learns_what_torch_learns(spirals, optimizer):
    result = networks.train_modules(
        Attention,
        spirals,
        seeds=[3, 5],
        learning_rates=[0.02, 0.01],
        epochs=2,
        batch_size=50,
        optimizer=optimizer,
    )
    for seed, rate in [(3, 0.01), (5, 0.02)]:
        rng = np.random.default_rng(seed)
        torch.manual_seed(seed)
        torch.set_default_dtype(torch.float64)
        model = Attention()
        torch.set_default_dtype(torch.float32)
        steps = TORCH_OPTIMIZERS[optimizer](model.parameters(), lr=rate)
        x = torch.as_tensor(spirals.x_train, dtype=torch.float64)
        y = torch.as_tensor(spirals.y_train)
        for _ in range(2):
            for rows in torch.as_tensor(rng.permutation(len(x))).split(50):
                steps.zero_grad()
                F.cross_entropy(model(x[rows]), y[rows]).backward()
                steps.step()
        found = result.network(seed, rate)
        assert not found.training
        for name, wanted in model.named_parameters():
            torch.testing.assert_close(
                found.get_parameter(name), wanted, rtol=1e-9, atol=1e-11
            )


def test_predictions_and_accuracy_are_those_of_each_module(digits):
    result = networks.train_modules(
        convolution, digits, seeds=2, learning_rates=[0.01, 0.03], epochs=1
    )
    logits = result.predict(digits.x_test)
    assert logits.shape == (2, 2, len(digits.x_test), 10)
    x = torch.as_tensor(digits.x_test, dtype=torch.float64)
    for place in np.ndindex(2, 2):
        model = result.network(
            result.seeds[place[0]], result.learning_rates[place[1]]
        )
        torch.testing.assert_close(logits[place], model(x))
        right = model(x).argmax(1).numpy() == digits.y_test
        assert right.mean() == pytest.approx(result.test_accuracy[-1][place])
    assert result.train_loss.shape == (1, 2, 2)
    assert not result.diverged.any()


def test_a_module_does_not_depend_on_the_batch(digits):
    alone = networks.train_modules(
        convolution, digits, seeds=[1], learning_rates=0.03, epochs=1
    )
    among = networks.train_modules(
        convolution,
        digits,
        seeds=[0, 1],
        learning_rates=[0.01, 0.03],
        epochs=1,
    )
    for name, own in alone.parameters.items():
        torch.testing.assert_close(
            own[0, 0], among.parameters[name][1, 1], rtol=1e-9, atol=1e-12
        )


def test_training_modules_leaves_everything_else_alone(spirals):
    before = global_state()
    networks.train_modules(Attention, spirals, seeds=2, epochs=1)
    assert global_state() == before

    def fails():
        raise OSError("no such file")

    with pytest.raises(OSError, match="no such file"):
        networks.train_modules(fails, spirals)
    assert global_state() == before


SHARED = nn.Linear(2, 2)


@pytest.mark.parametrize(
    "build, error, message",
    [
        (lambda: F.relu, TypeError, r"nn.Linear\(2, 3\), got function"),
        (
            lambda: nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)),
            ValueError,
            "no buffers.* got 1.num_batches_tracked, 1.running_mean, 1.running_var",
        ),
        (
            lambda: nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1)),
            ValueError,
            "no dropout; got 1 in",
        ),
        (lambda: nn.Dropout(0.1), ValueError, "no dropout; got the top in"),
        (
            nn.ReLU,
            ValueError,
            r"trained parameters only, .* got none in ReLU\(\)",
        ),
        (
            lambda: nn.Sequential(nn.Linear(2, 2).requires_grad_(False)),
            ValueError,
            "frozen.* got 0.bias, 0.weight in",
        ),
        (
            lambda: nn.Sequential(*[nn.Linear(2, 2)] * 2),
            ValueError,
            "shared.* got 1.bias, 1.weight in",
        ),
        (
            lambda: nn.Linear(2, 3),
            ValueError,
            r"\(2, 2\) of torch.float64 to logits \(2, 2\), got \(2, 3\)",
        ),
        (
            lambda: nn.Linear(3, 2),
            ValueError,
            r"\(2, 2\) of .* to logits \(2, 2\); it failed: ",
        ),
        (
            lambda: nn.Linear(2, int(2 + torch.initial_seed())),
            ValueError,
            "must be alike, .* failed: stack expects",
        ),
        (lambda: nn.LSTM(2, 2), ValueError, "to logits .*; it failed: "),
        (lambda: SHARED, ValueError, "a new module.* the same ones again"),
        (
            lambda: nn.Sequential(nn.Linear(2, 2), SHARED),
            ValueError,
            "a new module.* the same ones again",
        ),
    ],
)
def test_modules_that_do_not_fit_are_named(spirals, build, error, message):
    with pytest.raises(error, match=message):
        networks.train_modules(build, spirals)


def test_a_module_that_someone_else_holds_is_left_alone(spirals):
    model = nn.Linear(2, 2)
    before = model.weight.detach().clone()
    networks.train_modules(lambda: model, spirals, seeds=1, epochs=1)
    assert torch.equal(model.weight, before)
    assert model.weight.dtype == torch.float32


def test_modules_share_the_checks_of_train(spirals):
    with pytest.raises(ValueError, match="epochs must be whole"):
        networks.train_modules(Attention, spirals, epochs=1.5)
    with pytest.raises(TypeError, match="dataset must be a Dataset"):
        networks.train_modules(Attention, "digits")
    result = networks.train_modules(Attention, spirals, seeds=1, epochs=0)
    with pytest.raises(ValueError, match="seed must be one of those trained"):
        result.network(7, 0.01)


def test_a_rate_is_a_number_and_no_bool():
    with pytest.raises(ValueError, match="learning_rates must be positive"):
        networks.train(data.spirals(), learning_rates=True, epochs=0)


def test_health_knows_squared_relu_by_itself():
    code = (
        "import torch; from utils import health, networks; "
        "model = torch.nn.Sequential(networks.ReLUSquared()); "
        "print(health.report(model, torch.randn(30, 4)).layers[0].activation)"
    )
    assert printed(code) == "ReLUSquared\n"
