"""Checkers for the exercises of chapter 4, vanishing gradients."""

import functools

import numpy as np

from utils.checks.answers import (
    agrees,
    close,
    equals,
    hint_for,
    number,
    readable,
)
from utils.checks.feedback import Hint, attempted, checker, need, shown


@checker
def leaky(
    mean_square_slope, scale, he_factor, two_slopes, cosine, cosine_other
):
    """Exercise 1: factor, scale and cosine of Leaky ReLU, by hand."""
    attempted(
        mean_square_slope=mean_square_slope,
        scale=scale,
        he_factor=he_factor,
        two_slopes=two_slopes,
        cosine=cosine,
        cosine_other=cosine_other,
    )
    equals(
        mean_square_slope,
        "mean_square_slope",
        0.52,
        {
            Hint(
                "slope mean",
                "that is the mean slope: square first, then average.",
            ): 0.6,
            Hint(
                "slope squared mean",
                "that squares the mean slope: square first, then average.",
            ): 0.36,
            Hint(
                "slope relu",
                "that is ReLU's: here the slope left of 0 is not 0.",
            ): 0.5,
            Hint(
                "slope sum",
                "half of the slopes are 1 and half are 0.2: take the mean.",
            ): 1.04,
            Hint("slope root", "that is the root of the mean square."): 0.52
            ** 0.5,
        },
        Hint("slope", "what slopes are there, and how often does each occur?"),
        "a mean square such as 0.25",
        rtol=0.003,
    )
    equals(
        scale,
        "scale",
        1 / 0.52,
        {
            Hint(
                "scale he",
                "that is He's, for ReLU, whose mean square slope is 1/2.",
            ): 2,
            Hint(
                "scale inverse", "chi = c E f'^2 should be 1: solve for c."
            ): 0.52,
            Hint(
                "scale mean",
                "that preserves the mean slope, but chi contains the mean "
                "square.",
            ): 1 / 0.6,
        },
        Hint("scale", "which c makes chi = c E f'^2 equal to 1?"),
        "a scale such as 1.25",
        rtol=0.003,
    )
    equals(
        he_factor,
        "he_factor",
        1.04**14.5,
        {
            Hint("he squared", "that is the factor on the squared norm."): 1.04
            ** 29,
            Hint("he 30", "30 layers have 29 steps between them."): 1.04**15,
            Hint("he one step", "that is a single step."): 1.04**0.5,
            Hint(
                "he inverse",
                "chi is above 1 here: which way does the norm go?",
            ): 1.04**-14.5,
            Hint(
                "he 1", "He's scale gives chi = 1 for ReLU, but not here."
            ): 1,
        },
        Hint(
            "he",
            "chi is c E f'^2: in each of 29 steps the norm changes by "
            "its root.",
        ),
        "a factor such as 1.25",
        rtol=0.004,
    )
    pair = "two numbers such as [0.5, 2]"
    equals(
        two_slopes,
        "two_slopes",
        [-1, 1],
        {
            Hint(
                "two once", "that is one slope twice: a square has two roots."
            ): [1, 1],
            Hint("two relu", "at a = 0 it is ReLU, which needs c = 2."): [
                0,
                1,
            ],
        },
        Hint("two", "for which a is (1 + a^2) / 2 equal to 1?"),
        pair,
        unordered=True,
    )
    what = "a cosine such as 0.75"
    equals(
        cosine,
        "cosine",
        0.64 / 1.04 / np.pi,
        {
            Hint("cosine relu", "that is ReLU's, at a = 0."): 1 / np.pi,
            Hint(
                "cosine norm",
                "divide by 1 + a^2, so that an input has a cosine of 1 "
                "with itself.",
            ): 0.64 / np.pi,
            Hint(
                "cosine J",
                "a right angle has a cosine of 0, so only the part with J "
                "is left.",
            ): 1,
            Hint("cosine square", "1 - a counts squared."): 0.8 / 1.04 / np.pi,
        },
        Hint(
            "cosine",
            "put 0 for the cosine and 0.2 for a in the chapter's map.",
        ),
        what,
        atol=0.005,
    )
    equals(
        cosine_other,
        "cosine_other",
        2 / np.pi,
        {
            Hint(
                "other linear",
                "that is the linear network, which changes no angle: take "
                "your other slope.",
            ): 0,
            Hint("other relu", "that is ReLU's, at a = 0."): 1 / np.pi,
            Hint("other norm", "divide by 1 + a^2, which is 2."): 4 / np.pi,
        },
        Hint(
            "other",
            "put 0 for the cosine and your slope for a in the chapter's map.",
        ),
        what,
        atol=0.005,
    )
    return (
        "mean squares count, and a slope of -1 is as good as 1, for the "
        "gradient."
    )


@checker
def double(earlier, itself, later):
    """Exercise 2: predict what one doubled layer does to the others."""
    what = "a factor such as 0.5"
    readable(what, earlier=earlier, itself=itself, later=later)
    equals(
        earlier,
        "earlier",
        2,
        {
            Hint(
                "earlier 1",
                "on its way back the gradient passes through the doubled "
                "matrix.",
            ): 1,
            Hint(
                "earlier 4", "the chain contains layer 15 once, not squared."
            ): 4,
        },
        Hint("earlier", "write dy/dW for one of these layers as a product."),
        what,
    )
    equals(
        itself,
        "itself",
        1,
        {
            Hint(
                "itself 2",
                "dy/dW of this layer contains every matrix except its own.",
            ): 2,
            Hint(
                "itself half",
                "the weights are larger, but their gradient comes from the "
                "other layers.",
            ): 0.5,
        },
        Hint("itself", "which factors of this layer's gradient have changed?"),
        what,
    )
    equals(
        later,
        "later",
        2,
        {
            Hint(
                "later 1",
                "delta is the same here, but the gradient of the weights "
                "is delta times the incoming activations.",
            ): 1,
            Hint(
                "later 4", "ReLU passes the factor of 2 on as it is, once."
            ): 4,
        },
        Hint(
            "later",
            "the gradient of the weights is delta times what comes in.",
        ),
        what,
    )
    return "every layer feels it but the one that was doubled."


# The grid of exercise 3.
GRID = np.linspace(-8, 8, 4001)
DENSITY = np.exp(-(GRID**2) / 2) / np.exp(-(GRID**2) / 2).sum()


def _bump(z):
    return np.exp(-(z**2) / 2)


def _slope(z):
    return -z * _bump(z)


def _mean(f, q, power=2):
    return DENSITY @ f(np.sqrt(q) * GRID) ** power


def _chi(c, forward=lambda q: _mean(_bump, q), layers=100, power=2):
    q = 1.0
    for _ in range(layers):
        q = c * forward(q)
    return c * _mean(_slope, q, power)


@checker
def bump_chi(answer):
    """Exercise 3: chi in great depth for a function without a rule."""
    agrees(
        answer,
        "bump_chi",
        _chi,
        [(5.0,), (1.0,), (20.0,), (5.83,)],
        {
            Hint(
                "chi at 1",
                "that is chi at q = 1: go through the layers first, until "
                "q settles.",
            ): lambda c: _chi(c, layers=0),
            Hint(
                "chi root",
                "that is the factor on the norm, but chi is the one on its "
                "square.",
            ): lambda c: _chi(c) ** 0.5,
            Hint(
                "chi no c back", "the factor c is missing on the way back."
            ): lambda c: _chi(c) / c,
            Hint(
                "chi no c", "the factor c is missing on the way forward."
            ): lambda c: _chi(c, lambda q: _mean(_bump, q) / c),
            Hint(
                "chi not squared",
                "square the slopes before you average them: positive and "
                "negative ones cancel.",
            ): lambda c: _chi(c, power=1),
            Hint(
                "chi mean",
                "the forward map takes the mean square of the activations, "
                "not their mean.",
            ): lambda c: _chi(c, lambda q: _mean(_bump, q, 1)),
            Hint(
                "chi squared mean",
                "square the activations before you average them.",
            ): lambda c: _chi(c, lambda q: _mean(_bump, q, 1) ** 2),
            Hint(
                "chi variance",
                "the forward map takes the mean square of the activations: "
                "do not subtract their mean.",
            ): lambda c: _chi(
                c, lambda q: _mean(lambda z: _bump(z) - _mean(_bump, q, 1), q)
            ),
        },
        Hint(
            "chi",
            "q = c E f(sqrt(q) u)^2, a hundred times, then c E "
            "f'(sqrt(q) u)^2.",
        ),
        "a factor",
        lambda rng: [(float(c),) for c in rng.uniform(0.8, 30, 4)],
        # Whoever integrates in another way has other last digits.
        functools.partial(close, rtol=1e-5),
    )
    return "bump_chi agrees at small and at large scales."


def _first_over_last(c, width=64, layers=30, draws=10):
    """Return the median over networks of the gradient norm's ratio."""
    rng = np.random.default_rng(0)
    weights = rng.normal(0, (c / width) ** 0.5, (layers, draws, width, width))
    a, slopes = np.ones((draws, width, 1)), []
    for weight in weights:
        z = weight @ a
        a = _bump(z)
        slopes.append(_slope(z))
    start = v = rng.standard_normal((draws, width, 1))
    for weight, slope in zip(weights[:0:-1], slopes[-2::-1]):
        v = slope * (np.swapaxes(weight, 1, 2) @ v)
    return np.median(np.linalg.norm(v, axis=1) / np.linalg.norm(start, axis=1))


@checker
def bump_scale(answer):
    """Exercise 3: a scale that keeps 30 layers alive; it is tried."""
    c = number(answer, "bump_scale", "a weight scale such as 3.5")
    need(
        0 < c < 1000,
        "`bump_scale`",
        "a positive number below 1000",
        shown(c),
        Hint("positive", "c is n times a variance."),
    )
    ratio = _first_over_last(c)
    need(
        0.1 < ratio < 10,
        "the gradient's norm in layer 1",
        "between 0.1 and 10 times that in layer 30",
        f"{ratio:.0e} times",
        hint_for(
            {
                Hint(
                    "one",
                    "c = 1 suits slopes of 1: the bump's are all below 0.61.",
                ): 1,
                Hint("he", "c = 2 is He's, for ReLU."): 2,
                Hint("root", "that is the root of the scale, or q."): 1
                + 2**0.5,
            },
            Hint("vanishes", "the gradient vanishes: chi is below 1.")
            if ratio < 1
            else Hint("explodes", "the gradient explodes: chi is above 1."),
            lambda other: close(c, other, rtol=0.01),
        ),
    )
    return "layer 1 gets as much gradient as layer 30, up to a factor of ten."


@checker
def square(q_fixed, chi_fixed, chi_double):
    """Exercise 4: squared ReLU by hand."""
    attempted(q_fixed=q_fixed, chi_fixed=chi_fixed, chi_double=chi_double)
    factor = "a factor such as 0.75"
    equals(
        q_fixed,
        "q_fixed",
        1 / 3,
        {
            Hint(
                "q no half",
                "half of the pre-activations are negative and give 0.",
            ): 1 / 6,
            Hint(
                "q fourth",
                "E z^4 is 3 q^2, not q^2: squares of a normal number vary.",
            ): 1,
            Hint("q at 1", "that is where it lies at c = 1."): 2 / 3,
            Hint("q zero", "0 is the other fixed point."): 0,
            Hint("q rounded", "give one more digit, or a fraction."): 0.33,
        },
        Hint("q", "solve q = c E f^2, where E f^2 is half of E z^4."),
        "a mean square such as 0.75",
        rtol=0.002,
    )
    equals(
        chi_fixed,
        "chi_fixed",
        4 / 3,
        {
            Hint("chi no half", "half of the slopes are 0."): 8 / 3,
            Hint(
                "chi no 4",
                "the slope of z^2 is 2 z, and its square contains a 4.",
            ): 1 / 3,
            Hint(
                "chi no c",
                "either c is missing, or the square of the 2 in the slope "
                "2 z.",
            ): 2 / 3,
            Hint("chi root", "that is the factor on the norm."): (4 / 3)
            ** 0.5,
            Hint(
                "chi 1",
                "that would hold if f passed a factor on unchanged, as "
                "ReLU does.",
            ): 1,
        },
        Hint("chi", "chi = c E f'^2, with f' = 2 z where z > 0, at q_fixed."),
        factor,
        rtol=0.005,
    )
    equals(
        chi_double,
        "chi_double",
        4 / 3,
        {
            Hint(
                "double c", "c doubles, but the fixed point moves as well."
            ): 8 / 3,
            Hint(
                "double q",
                "the fixed point moves to half of q, but c doubles as well.",
            ): 2 / 3,
        },
        Hint("double", "where is the fixed point at c = 4?"),
        factor,
        rtol=0.005,
    )
    return "4/3 at every scale: c moves the fixed point, and nothing else."


@checker
def overturned(relu, rival, control):
    """Exercise 5: a fair rival that beats ReLU, and a control."""
    attempted(relu=relu, rival=rival, control=control)
    _comparable("rival", rival, relu)
    _comparable("control", control, relu)
    name, rates = rival.activation_name, rival.learning_rates
    need(
        name in ("elu", "ELU(alpha=1.0)"),
        "the function of `rival`",
        "'elu'",
        repr(name),
        Hint(
            "rival function",
            "the claim is about ELU: change its scale, not the function.",
        ),
    )
    (final, best, _), (other, _, _) = rival.best(), relu.best()
    need(
        min(rates) < best < max(rates),
        "the best rate of `rival`",
        "one inside its grid",
        f"{shown(best)}, the {'largest' if best > min(rates) else 'smallest'}",
        Hint(
            "rival edge",
            "a better rate may lie beyond: extend the grid there.",
        ),
    )
    gap = (final - other).mean()
    error = (final - other).std(ddof=1) / len(final) ** 0.5
    need(
        gap > 2 * error,
        "the accuracy of `rival` minus that of `relu`",
        "above 0 by more than two standard errors",
        f"{gap:.0f} ± {error:.0f} points",
        Hint(
            "rival third",
            "that is the scale at which ELU lost: which one brings its "
            "chi to 1?",
        )
        if close(_scales(rival), 1 / 3, rtol=0.15)
        else Hint(
            "rival noise",
            "that is within the noise of the seeds: nothing to claim yet.",
        )
        if abs(gap) <= 2 * error
        else Hint(
            "rival scale",
            "which scale brings ELU's chi to 1, and which rates suit it?",
        ),
    )
    name, rates = control.activation_name, control.learning_rates
    need(
        name in ("relu", "ReLU()"),
        "the function of `control`",
        "'relu'",
        repr(name),
        Hint(
            "control function",
            "the control changes the scale alone: ReLU must stay.",
        ),
    )
    need(
        close(_scales(control), 1 / 3, rtol=0.15),
        "the weight scales of `control`, layer by layer",
        "the one ELU had, 1/3",
        shown(_scales(control).round(2)),
        Hint("control scale", "ReLU is to start where ELU had to."),
    )
    need(
        max(rates) >= 10 * min(rates),
        "the rates of `control`",
        "the largest at least ten times the smallest",
        shown(rates),
        Hint(
            "control rates",
            "failing at one rate, or at three much alike, is not failing.",
        ),
    )
    return "the rival wins where its scale fits, and ReLU fails without one."


def _comparable(name, result, relu):
    """Raise NotYet unless `result` is from a training like that of relu."""
    need(
        type(result).__name__ == "TrainingResult",
        f"`{name}`",
        "what train(...) returns",
        shown(result),
        Hint("a run", "an example is train('elu', 1 / 2, [0.1, 0.3, 1])."),
    )

    def setting(r):
        widths = [weight.shape[-1] for weight in r.weights]
        return (
            f"widths {shown(widths)}, seeds {shown(r.seeds)}, "
            f"{len(r.train_loss)} epochs of {r.optimizer}"
        )

    need(
        setting(result) == setting(relu),
        f"the training of `{name}`",
        setting(relu),
        setting(result),
        Hint(
            "setting", "keep what `relu` has: a comparison changes one thing."
        ),
    )
    rates = result.learning_rates
    need(
        len(rates) > 2,
        f"the rates of `{name}`",
        "three or more",
        shown(rates),
        Hint(
            "three rates",
            "each contender needs a rate of its own, chosen from several.",
        ),
    )


def _scales(result):
    """Return the weight scale of each hidden layer but the first."""
    return np.array(
        [
            float(weight.var()) * weight.shape[-2]
            for weight in result.initial.weights[1:-1]
        ]
    )
