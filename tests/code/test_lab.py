"""The Python side of the live lab: settings, twin, page, picture, widget."""

import base64
import html
import io
import json
import re
import warnings

import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from PIL import Image
from torch import nn

from utils import data, kernel, lab, networks, plotting

WIDGET = "application/vnd.jupyter.widget-view+json"


def small(**settings):
    return lab.Lab(**{"widths": (5, 5), "steps": 20, **settings})


# --- settings ---


def test_settings_hold_all_keys_in_the_form_of_json():
    settings = lab.Lab(
        "digits",
        widths=np.array([8, 8]),
        weight_init=2,
        bias_init=np.float64(0.5),
        learning_rate=1,
        seed=np.int64(7),
    ).settings
    assert tuple(settings) == lab.CONTROLS
    assert json.loads(json.dumps(settings)) == {
        "dataset": "digits",
        "activation": "relu",
        "depth": 2,
        "width": 8,
        "weight_init": 2.0,
        "bias_init": 0.5,
        "optimizer": "sgd",
        "learning_rate": 1.0,
        "batch_norm": False,
        "residual": False,
        "seed": 7,
        "steps": 300,
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dataset": "moons"}, "dataset must be one of spirals, curve, digi"),
        ({"dataset": data.spirals()}, "dataset must be one of spirals"),
        ({"activation": "swish"}, "activation must be one of .* got 'swish'"),
        ({"widths": (8, 6)}, r"1 to 30 equal numbers from 2 .* \(8, 6\)"),
        ({"widths": ()}, r"widths must be 1 to 30 .* got \(\)"),
        ({"widths": 31 * (4,)}, "widths must be 1 to 30 equal numbers"),
        ({"widths": 65}, r"from 2 to 64, such as .* got \(65,\)"),
        ({"widths": 1}, "widths must be whole, at least 2"),
        (
            {"weight_init": "lecun"},
            "weight_init must be one of default, he, x",
        ),
        ({"weight_init": 0}, "weight_init must be positive"),
        ({"bias_init": "zero"}, "bias_init must be 'default' or a finite"),
        ({"optimizer": "rprop"}, "optimizer must be one of sgd, momentum"),
        ({"learning_rate": 0}, "learning_rate must be positive"),
        ({"seed": 2**32}, "seed must be below 2"),
        ({"seed": -1}, "seed must be whole"),
        ({"steps": 1.5}, "steps must be whole"),
        (
            {"widths": 30 * (64,), "steps": 407},
            "steps must be at most 406 with 30 layers of 64 units",
        ),
        ({"name": "my lab"}, "name must be small letters, .* got 'my lab'"),
        ({"name": "7th"}, "name must be small letters"),
        ({"name": "lab&seed"}, "name must be small letters"),
        ({"presets": ["hursh"]}, "presets must be one of spirals, .*'hur"),
        ({"views": ("answers",)}, "views must be one of answer, loss, unit"),
        ({"controls": "rate"}, "controls must be one of dataset, activation"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        lab.Lab(**arguments)


@pytest.mark.parametrize("key", ["batch_norm", "residual"])
def test_a_switch_is_true_or_false(key):
    with pytest.raises(TypeError, match=f"{key} must be True or False, got i"):
        lab.Lab(**{key: 1})


@pytest.mark.parametrize("key", lab.PRESETS)
def test_preset_is_a_lab_with_a_title_and_something_to_look_for(key):
    preset = lab.PRESETS[key]
    assert re.fullmatch("[a-z]+(-[a-z0-9]+)*", key)
    assert 0 < len(preset.title) < 40
    assert preset.look.endswith(".")
    assert lab.Lab(**preset.settings).settings


# --- the twin ---


def by_hand(own):
    """Train as plain torch does; return losses and counts after each step."""
    s, torch_optimizers = own.settings, torch.optim
    dataset = {
        "spirals": data.spirals(),
        "curve": data.curve(),
        "digits": data.digits(600),
    }[s["dataset"]]
    x, y = map(torch.as_tensor, (dataset.x_train, dataset.y_train))
    sizes = [x.shape[1], *s["depth"] * [s["width"]]]
    sizes.append(1 if s["dataset"] == "curve" else int(y.max()) + 1)
    rng = np.random.default_rng(s["seed"])
    weights, biases = networks.initialise(
        sizes, rng, s["weight_init"], s["bias_init"]
    )
    linear = [
        nn.Linear(p, q, dtype=torch.float64) for p, q in zip(sizes, sizes[1:])
    ]
    for layer, weight, bias in zip(linear, weights, biases):
        layer.weight.data = torch.as_tensor(weight.T.copy())
        layer.bias.data = torch.as_tensor(bias)
        layer.bias.requires_grad_(not s["batch_norm"] or layer is linear[-1])
    norms = [
        nn.BatchNorm1d(s["width"], dtype=torch.float64)
        if s["batch_norm"]
        else nn.Identity()
        for _ in linear[1:]
    ]
    function = {"relu": torch.relu, "gelu": nn.GELU()}[s["activation"]]
    parameters = [
        p
        for module in (*linear, *norms)
        for p in module.parameters()
        if p.requires_grad
    ]
    rate = s["learning_rate"]
    descend = {
        "sgd": torch_optimizers.SGD(parameters, rate),
        "momentum": torch_optimizers.SGD(parameters, rate, momentum=0.9),
        "adam": torch_optimizers.Adam(parameters, rate),
    }[s["optimizer"]]

    def call(x, y):
        counts = []
        for i, (layer, norm) in enumerate(zip(linear, norms)):
            z = norm(layer(x))
            counts.append((z > 0).sum(0).tolist())
            skip = x if s["residual"] and i else 0
            x = function(z) + skip
        out = linear[-1](x)
        if s["dataset"] == "curve":
            return ((out[:, 0] - y) ** 2).mean(), counts
        return nn.functional.cross_entropy(out, y), counts

    found, rows = [call(x, y)], []
    for _ in range(s["steps"]):
        if not len(rows):
            rows = torch.as_tensor(rng.permutation(len(x)))
        descend.zero_grad()
        call(x[rows[:32]], y[rows[:32]])[0].backward()
        rows = rows[32:]
        descend.step()
        found.append(call(x, y))
    losses, counts = zip(*found)
    return [loss.item() for loss in losses], np.array(counts)


SETTINGS = [
    {},
    {"widths": 4 * (6,), "learning_rate": 1.0, "steps": 30},
    {"batch_norm": True, "optimizer": "adam", "learning_rate": 0.01},
    {"dataset": "curve", "optimizer": "momentum", "learning_rate": 0.01},
    {"dataset": "digits", "residual": True, "activation": "gelu"},
    {"weight_init": "default", "bias_init": "default", "seed": 3},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_twin_counts_what_plain_torch_counts(settings):
    own = small(**settings)
    run = own.train()
    losses, counts = by_hand(own)
    assert run.steps == own.settings["steps"]
    np.testing.assert_allclose(run.losses, losses, rtol=1e-9)
    assert np.array_equal(run.on, counts)
    points = {"spirals": 480, "curve": 200, "digits": 600}
    assert run.points == points[own.settings["dataset"]]
    deaths, revivals = np.zeros((2, own.settings["depth"]), dtype=int)
    for before, after in zip(counts, counts[1:]):
        deaths += ((before > 0) & (after == 0)).sum(1)
        revivals += ((before == 0) & (after > 0)).sum(1)
    if own.settings["activation"] != "relu":
        # It has a slope where it is off: nothing dies.
        deaths[:] = revivals[:] = 0
    assert np.array_equal(run.deaths, deaths)
    assert np.array_equal(run.revivals, revivals)
    assert np.array_equal(run.dead, (counts[-1] == 0).sum(1))
    assert np.array_equal(run.always_on, (counts[-1] == run.points).sum(1))


def test_settings_that_are_compared_kill_and_revive_units():
    run = small(**SETTINGS[1]).train()
    assert run.deaths.sum() > 3 and run.revivals.sum() > 3
    assert run.always_on.sum() + run.dead.sum() > 0


@pytest.mark.parametrize("key", ["leaky", "same-elu", "same-gelu", "sigmoid"])
def test_nothing_dies_that_has_a_slope_everywhere(key):
    own = lab.Lab(**lab.PRESETS[key].settings)
    run = own.train()
    assert not run.deaths.any() and not run.revivals.any()
    told = own._told()
    assert not re.search("dead|death|revival|off", told), told
    side = "small slope" if key == "leaky" else "below 0"
    assert f"{side} for all: " in told


def test_nothing_is_off_without_an_activation():
    run = lab.Lab(**lab.PRESETS["hinges-straight"].settings).train()
    assert (run.on == run.points).all()
    assert run.always_on.tolist() == [8, 8] and not run.dead.any()
    assert not run.deaths.any()


def test_a_quarter_of_the_harsh_rate_leaves_few_units_dead():
    title, look, settings = lab.PRESETS["gentle"]
    runs = [lab.Lab(**settings | {"seed": seed}).train() for seed in range(10)]
    lasting = sum(run.dead.sum() <= 3 for run in runs)
    assert lasting >= 9 and "at the end few units are dead" in look
    assert sum((run.on[:, 0] > 0).all() for run in runs) >= 9
    assert "none of layer 1 ever was" in look


def test_no_steps_are_a_run_too():
    run = small(steps=0).train()
    assert run.on.shape == (1, 2, 5) and run.losses.shape == (1,)
    assert run.deaths.tolist() == run.revivals.tolist() == [0, 0]


@pytest.mark.parametrize(
    "settings",
    [
        {"batch_norm": True, "weight_init": 1.5, "bias_init": 0.25},
        {"dataset": "curve", "activation": "prelu", "learning_rate": 1e-05},
        {"dataset": "digits", "residual": True, "bias_init": "default"},
        {"steps": 0},
    ],
    ids=str,
)
def test_the_code_in_python_gives_the_same_network(settings):
    own, found = small(**settings), {}
    exec(own.python(), found)
    kept = own.train().result.snapshots[own.settings["steps"]]
    for kind in networks.KINDS:
        for a, b in zip(getattr(found["trained"], kind), getattr(kept, kind)):
            assert torch.equal(a, b)


# --- what is shown ---


def test_page_gives_lab_js_its_settings_and_one_module():
    own = small(
        name="lab-two",
        presets=["harsh", "hinges"],
        views=["map", "loss"],
        controls=["seed"],
    )
    page = BeautifulSoup(own.page(), "html.parser")
    assert page.div["id"] == "lab-two"
    config = json.loads(page.div["data-lab"])
    presets = config.pop("presets")
    assert config == {
        "name": "lab-two",
        "settings": own.settings,
        "views": ["map", "loss"],
        "controls": ["seed"],
    }
    assert [preset["key"] for preset in presets] == ["harsh", "hinges"]
    for preset in presets:
        assert set(preset) == {"key", "title", "look", "settings"}
        assert set(preset["settings"]) == set(own.settings)
    assert presets[0]["settings"]["learning_rate"] == 1
    assert own.page().endswith(lab.SCRIPT)
    (told,) = small(presets="harsh", listed=False)._config()["presets"]
    assert set(told) == {"key", "settings"}
    # Old browsers and pages from disk take a script, but no module.
    (script,) = page.find_all("script")
    assert script.attrs == {}
    assert "mount(document)" in script.string
    assert "export" not in script.string
    assert (
        own.page()
        == small(
            name="lab-two",
            presets=["harsh", "hinges"],
            views=["map", "loss"],
            controls="seed",
        ).page()
    )


def test_without_scripts_the_page_says_what_python_computed():
    own = small(widths=3 * (6,), learning_rate=1.0)
    run = own.train()
    told = html.unescape(
        re.search("<noscript>(.+?)</noscript>", own.page())[1]
    )
    assert f"the loss is {run.losses[-1]:.3g}" in told
    for name, counts in (
        ("deaths", run.deaths),
        ("revivals", run.revivals),
        ("of 6 units, dead", run.dead),
        ("always on", run.always_on),
    ):
        assert f"{name}: {', '.join(map(str, counts))}" in told
    other = small(activation="tanh", learning_rate=1e9)
    assert "below 0 for all: " in other.page()


@pytest.mark.parametrize("dataset", lab.DATASETS)
def test_a_run_that_diverges_is_told_and_drawn_in_silence(dataset):
    own = small(dataset=dataset, activation="identity", learning_rate=1e60)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "the training has diverged" in own.page()
        assert own._picture()


def bundle(own, monkeypatch, person):
    monkeypatch.setattr(kernel, "person_watches", lambda: person)
    return own._repr_mimebundle_()


@pytest.mark.parametrize("dataset", lab.DATASETS)
def test_a_program_gets_page_picture_and_text(monkeypatch, dataset):
    own = small(dataset=dataset)
    shown, metadata = bundle(own, monkeypatch, person=False)
    assert set(shown) == {"text/html", "image/png", "text/plain"}
    assert own._widget is None and own.state == {}
    assert shown["text/html"] == own.page()
    png = Image.open(io.BytesIO(base64.b64decode(shown["image/png"])))
    assert png.format == "PNG"
    assert "deaths: " in metadata["image/png"]["alt"]
    assert re.fullmatch(rf"Lab\({dataset}, .* 20 steps\)", shown["text/plain"])


def test_a_person_gets_a_widget_whose_state_comes_back(monkeypatch):
    own = small(name="lab-live")
    shown, _ = bundle(own, monkeypatch, person=True)
    assert set(shown) == {WIDGET, "image/png", "text/plain"}
    assert shown["text/plain"] == repr(own)
    assert own.state == {}
    widget = own._widget
    assert widget.model_id == shown[WIDGET]["model_id"]
    assert widget.lab["name"] == "lab-live"
    assert widget.digits == lab.digits_text()
    assert widget.get_state()["_esm"] == lab.SOURCE
    # As the message of lab.js arrives.
    widget.set_state({"state": {"step": 20, "loss": 0.5}})
    assert own.state == {"step": 20, "loss": 0.5}
    # A second view of the same lab is the same widget.
    assert bundle(own, monkeypatch, person=True)[0] == shown


def test_text_of_the_digits_is_the_digits():
    text = lab.digits_text()
    rows = [text[i : i + 65] for i in range(0, len(text), 65)]
    assert len(rows) == 600
    pixels = np.array([[ord(c) - ord("A") for c in row[:64]] for row in rows])
    assert pixels.min() == 0 and pixels.max() == 16
    digits = data.digits(n=600)
    deviation = pixels.std(axis=0)
    deviation[deviation == 0] = 1
    np.testing.assert_allclose(
        (pixels - pixels.mean(axis=0)) / deviation, digits.x_train
    )
    assert [int(row[64]) for row in rows] == digits.y_train.tolist()


def test_states_of_a_unit_have_the_books_colours():
    for state, color in plotting.STATES.items():
        name = state.split()[0]
        assert f"--lab-{name}: {color.lower()};" in lab.TEXT
    assert f"--lab-below: {lab.BELOW.lower()};" in lab.TEXT
    assert lab.BELOW not in plotting.STATES.values()
    for name, (color, _) in zip(("circle", "square"), lab.CLASSES):
        assert f"--lab-{name}: {color.lower()};" in lab.TEXT
