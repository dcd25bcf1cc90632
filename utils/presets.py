"""Experiments for the lab: settings that show what the book says.

Each holds for at least nine of ten seeds, and the fate of its units does not
hang on the last digit, so that the page repeats Python's numbers.
"""

from typing import NamedTuple


class Preset(NamedTuple):
    """Settings worth a try.

    Parameters
    ----------
    title : str
        What the link says.
    look : str
        One sentence: what to look for.
    settings : dict
        Arguments of `lab.Lab`.
    """

    title: str
    look: str
    settings: dict


def _preset(title, look, **settings):
    """Return a preset, whose rate is 1/4 unless it says otherwise."""
    return Preset(title, look, {"learning_rate": 0.25} | settings)


# What several share.
CURVE = {
    "dataset": "curve",
    "widths": (8,),
    "weight_init": "default",
    "bias_init": "default",
    "optimizer": "momentum",
    "learning_rate": 0.02,
}
DEEP = {"widths": (16,) * 30, "learning_rate": 0.01, "seed": 7}
BLIND = {
    "widths": (32,) * 10,
    "weight_init": "default",
    "bias_init": "default",
    "learning_rate": 1 / 16,
}
SAME = {"optimizer": "adam", "learning_rate": 0.01, "steps": 150}

PRESETS = {
    # Landing page.
    "spirals": _preset(
        "ReLU at work",
        "Straight pieces join until the boundary winds between the spirals.",
        optimizer="adam",
        learning_rate=0.01,
        steps=600,
    ),
    # Chapter 2.
    "straight": _preset(
        "Three layers without a kink",
        "The boundary can turn and shift, but it stays one straight line.",
        activation="identity",
        learning_rate=0.03,
    ),
    "hinges": _preset(
        "Eight hinges",
        "Eight units bend a line in at most eight places; watch the corners "
        "move.",
        **CURVE,
        seed=2,
    ),
    "hinges-few": _preset(
        "Three hinges",
        "Too few corners for this curve: part of it is never followed.",
        **CURVE | {"widths": (3,), "seed": 1},
    ),
    "hinges-many": _preset(
        "Sixty-four hinges",
        "With hinges to spare the corners become too small to see.",
        **CURVE | {"widths": (64,), "seed": 4},
    ),
    "hinges-straight": _preset(
        "No hinge at all",
        "Two layers without a kink can only tilt a straight line.",
        **CURVE | {"widths": (8, 8), "activation": "identity"},
    ),
    # Chapter 4.
    "scale-small": _preset(
        "Thirty layers, scale 1/3",
        "Every gradient of the first step is about 10⁻¹³, and the loss does "
        "not move.",
        **DEEP,
        weight_init=1 / 3,
    ),
    "scale-he": _preset(
        "Thirty layers, scale 2 (He)",
        "The same draws, scaled up: gradients of a useful size in every "
        "layer, and the loss falls.",
        **DEEP,
    ),
    "scale-large": _preset(
        "Thirty layers, scale 4",
        "The loss starts in the thousands, and the first steps kill whole "
        "layers.",
        **DEEP,
        weight_init=4.0,
    ),
    "sigmoid": _preset(
        "Ten layers of sigmoid",
        "On its way to the first layer the gradient loses a factor of about "
        "ten at every layer.",
        activation="sigmoid",
        widths=(16,) * 10,
        weight_init="default",
        bias_init="default",
        seed=9,
    ),
    "blind": _preset(
        "Ten layers, PyTorch's initialisation",
        "From layer 5 or so on, every unit is dead or always on: the network "
        "cannot tell its inputs apart.",
        **BLIND,
    ),
    "blind-norm": _preset(
        "The same, with batch normalisation",
        "The same weights, but now no unit is dead and the loss falls at "
        "once.",
        **BLIND,
        batch_norm=True,
    ),
    "residual": _preset(
        "Thirty layers with a way past",
        "Small weights, but each layer adds its input to its output: thirty "
        "layers learn.",
        **DEEP | {"seed": 0},
        weight_init=0.1,
        residual=True,
    ),
    # Chapter 5.
    "too-large": _preset(
        "One step too large",
        "The loss shoots up, and within a few steps the whole second layer "
        "is dead.",
        widths=(16, 16),
        learning_rate=4.0,
        seed=3,
    ),
    "quarter": _preset(
        "A quarter of that rate",
        "The loss still jumps, but every jump heals, and the spirals come "
        "apart.",
        widths=(16, 16),
        learning_rate=1.0,
        seed=3,
    ),
    # Chapter 7.
    "harsh": _preset(
        "A harsh rate",
        "In the map of units: lines that never end in layer 1, dashes in "
        "layers 2 and 3.",
        learning_rate=1.0,
    ),
    "gentle": _preset(
        "A quarter of the harsh rate",
        "Most deaths last for a few steps: at the end few units are dead, and "
        "none of layer 1 ever was.",
    ),
    "momentum": _preset(
        "Momentum at a harsh rate",
        "Look for lines in layer 1 that do end: dead units that came back.",
        widths=(32, 32, 32),
        optimizer="momentum",
        learning_rate=0.4,
        seed=11,
        steps=200,
    ),
    "adam": _preset(
        "Adam at a harsh rate",
        "Look for lines in layer 1 that do end: dead units that came back.",
        widths=(32, 32, 32),
        optimizer="adam",
        learning_rate=0.2,
        seed=7,
        steps=200,
    ),
    "born-dead": _preset(
        "Born dead",
        "Biases of −1.5 silence all of layer 3 before the first step; "
        "nothing below it ever moves.",
        bias_init=-1.5,
    ),
    "leaky": _preset(
        "The harsh rate with Leaky ReLU",
        "No unit can die now; see whether the boundary gets any better.",
        activation="leaky_relu",
        learning_rate=1.0,
    ),
    # Chapter 8.
    "same-relu": _preset(
        "Same start: ReLU",
        "Corners in the boundary; note the loss at step 150.",
        **SAME,
    ),
    "same-leaky": _preset(
        "Same start: Leaky ReLU",
        "Almost the same picture as ReLU's, corners included.",
        **SAME,
        activation="leaky_relu",
    ),
    "same-elu": _preset(
        "Same start: ELU",
        "A smooth boundary, and no unit is below 0 for every point.",
        **SAME,
        activation="elu",
    ),
    "same-gelu": _preset(
        "Same start: GELU",
        "No corners, and ahead of ReLU by step 75.",
        **SAME,
        activation="gelu",
    ),
    "same-silu": _preset(
        "Same start: SiLU",
        "GELU's close relative: no corners, and no unit is below 0 for every "
        "point.",
        **SAME,
        activation="silu",
    ),
    "same-tanh": _preset(
        "Same start: tanh",
        "Round curves, and behind ReLU at step 150.",
        **SAME,
        activation="tanh",
    ),
    # Lab page.
    "digits": _preset(
        "Real digits",
        "Ten classes, 64 inputs: layer 1 keeps every unit, and the loss "
        "falls fast.",
        dataset="digits",
        steps=200,
        seed=2,
    ),
}
