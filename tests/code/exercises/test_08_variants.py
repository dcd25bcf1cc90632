"""Wrong answers to the exercises of chapter 8, and what each is told."""

import numpy as np
import pytest
import torch
from torch import nn

from utils.checks import variants as check

NUMBER = "a number such as -1.5"
PLACE = "a place on the x axis such as 0.9"
OPTION = "the option that the run shows"
ALIVE = 0, 1.25, -0.25, -1 / 48
MIRROR = 0.5, 1.278, 0.3195, 1.5, 3
WITH = "with the slope {}: module([-2, -1, 0, 1, 3])"


def module(forward, make=lambda start: nn.Parameter(torch.tensor(start))):
    class PReLU(nn.Module):
        def __init__(self, start=0.25):
            super().__init__()
            self.slope = make(start)

        def forward(self, x):
            return forward(x, self.slope)

    return PReLU


def right(x, slope):
    return torch.where(x > 0, x, slope * x)


def in_place(x, slope):
    x[x < 0] *= slope.item()
    return x


def in_place_with_gradient(x, slope):
    x[x < 0] = slope * x[x < 0]
    return x


def by_mask(x, slope):
    return in_place_with_gradient(x.clone(), slope)


class Unstarted(nn.Module):
    def __init__(self, start=0.25):
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(0.25))

    def forward(self, x):
        return right(x, self.slope)


def gaps(first_seed, silu=1 / 32):
    return check._trained("silu", silu, first_seed) - check._trained(
        "relu", 1 / 64, first_seed
    )


# checker, answers, where it goes wrong, what is expected, what came, hint
WRONG = [
    (
        check.alive,
        (7 / 6, *ALIVE[1:]),
        "`grad_w`",
        NUMBER,
        "1.16667",
        "what is the slope of the function at z < 0 when a = 0?",
    ),
    (
        check.alive,
        (-7 / 6, *ALIVE[1:]),
        "`grad_w`",
        NUMBER,
        "-1.16667",
        "that is the gradient of the linear unit; here each error is multiplied "
        "by the slope, and the slope is 0.",
    ),
    (
        check.alive,
        (0, 0, *ALIVE[2:]),
        "`grad_a`",
        NUMBER,
        "0",
        "the unit is dead, but the slope stands outside of it: df/da is z for "
        "negative z, not a.",
    ),
    (
        check.alive,
        (0, -1.25, *ALIVE[2:]),
        "`grad_a`",
        NUMBER,
        "-1.25",
        "the sign: z is negative and the errors are negative.",
    ),
    (
        check.alive,
        (0, 2.5, *ALIVE[2:]),
        "`grad_a`",
        NUMBER,
        "2.5",
        "the 1/2 of the loss cancels the 2 of the square's derivative.",
    ),
    (
        check.alive,
        (0, 3.75, *ALIVE[2:]),
        "`grad_a`",
        NUMBER,
        "3.75",
        "that is the sum; the loss is a mean over three samples.",
    ),
    (
        check.alive,
        (0, 1.25, 0.25, -1 / 48),
        "`a_next`",
        NUMBER,
        "0.25",
        "that goes up the gradient: the step is minus the rate times it.",
    ),
    (
        check.alive,
        (*ALIVE[:3], 1 / 12),
        "`grad_w_next`",
        NUMBER,
        "0.0833333",
        "that leaves out the slope, which is a_next now.",
    ),
    (
        check.alive,
        (*ALIVE[:3], 0),
        "`grad_w_next`",
        NUMBER,
        "0",
        "that still has the slope 0: it has moved.",
    ),
    (
        check.alive,
        (*ALIVE[:3], -0.0625),
        "`grad_w_next`",
        NUMBER,
        "-0.0625",
        "that is the sum; the loss is a mean over three samples.",
    ),
    (
        check.prelu,
        (nn.ReLU(),),
        "`PReLU`",
        "a class derived from nn.Module",
        "a ReLU",
        "keep the line `class PReLU(nn.Module):`.",
    ),
    (
        check.prelu,
        (module(right, float),),
        "PReLU().parameters()",
        "one parameter, one number",
        "none",
        "the optimizer asks the module for its parameters, and a number in self "
        "is not one: use nn.Parameter(torch.tensor(start)).",
    ),
    (
        check.prelu,
        (
            module(
                right, lambda start: torch.tensor(start, requires_grad=True)
            ),
        ),
        "PReLU().parameters()",
        "one parameter, one number",
        "none",
        "a tensor in self is no parameter, even if it requires gradients: wrap "
        "it in nn.Parameter.",
    ),
    (
        check.prelu,
        (module(right, lambda start: nn.Parameter(torch.full((5,), start))),),
        "PReLU().parameters()",
        "one parameter, one number",
        "shapes [(5,)]",
        "there is one slope for all units.",
    ),
    (
        check.prelu,
        (Unstarted,),
        "the slope of PReLU(0.5)",
        "0.5",
        "0.25",
        "it starts at `start`.",
    ),
    (
        check.prelu,
        (module(lambda x, a: torch.where(x < 0, x, a * x)),),
        WITH.format(0.25),
        "[-0.5, -0.25, 0, 1, 3]",
        "[-2, -1, 0, 0.25, 0.75]",
        "the slope belongs to the negative side.",
    ),
    (
        check.prelu,
        (module(lambda x, a: torch.relu(x) + a * x),),
        WITH.format(0.25),
        "[-0.5, -0.25, 0, 1, 3]",
        "[-0.5, -0.25, 0, 1.25, 3.75]",
        "slope times x is added on the positive side, too.",
    ),
    (
        check.prelu,
        (module(lambda x, a: right(x, torch.relu(a))),),
        WITH.format(-0.5),
        "[1, 0.5, 0, 1, 3]",
        "[0, 0, 0, 1, 3]",
        "the slope was cut off at 0; it may become negative.",
    ),
    (
        check.prelu,
        (module(lambda x, a: torch.maximum(x, a * x)),),
        WITH.format(2),
        "[-4, -2, 0, 1, 3]",
        "[-2, -1, 0, 2, 6]",
        "the larger of x and slope * x is PReLU only for slopes up to 1.",
    ),
    (
        check.prelu,
        (module(lambda x, a: right(x, a.detach())),),
        "the gradient of the slope, " + WITH.format(2),
        "-4",
        "none",
        ".data, .detach(), .item() and float() take the slope out of the graph: "
        "use the parameter itself.",
    ),
    (
        check.prelu,
        (module(in_place),),
        WITH.format(0.25),
        "the input left as it was",
        "an input that changed",
        "x[x < 0] = ... writes into the caller's tensor: use torch.where.",
    ),
    (
        check.prelu,
        (module(in_place_with_gradient),),
        WITH.format(0.25),
        "the input left as it was",
        "an input that changed",
        "x[x < 0] = ... writes into the caller's tensor: use torch.where.",
    ),
    (
        check.prelu,
        (module(by_mask),),
        "networks.train_modules with PReLU",
        "trained networks",
        "an error",
        "all networks are trained as one batch, "
        "and there x[x < 0] does not work: use torch.where.",
    ),
    (
        check.prelu,
        (module(lambda x, a: torch.where(x > 0, x, 0.25 * x)),),
        WITH.format(-0.5),
        "[1, 0.5, 0, 1, 3]",
        "[-0.5, -0.25, 0, 1, 3]",
        "that uses the start, not the slope as it is now.",
    ),
    (
        check.prelu,
        (module(lambda x, a: torch.where(x > 0, x, a)),),
        WITH.format(0.25),
        "[-0.5, -0.25, 0, 1, 3]",
        "[0.25, 0.25, 0.25, 1, 3]",
        "that is the slope itself; multiply it by x.",
    ),
    (
        check.prelu,
        (module(lambda x, a: torch.relu(x) + a * torch.relu(-x)),),
        WITH.format(0.25),
        "[-0.5, -0.25, 0, 1, 3]",
        "[0.5, 0.25, 0, 1, 3]",
        "where x is negative, slope times x is wanted, not slope times |x|.",
    ),
    (
        check.prelu,
        (module(lambda x, a: right(x, a.abs())),),
        WITH.format(-0.5),
        "[1, 0.5, 0, 1, 3]",
        "[-1, -0.5, 0, 1, 3]",
        "the sign of the slope was lost; it may become negative.",
    ),
    (
        check.prelu,
        (module(lambda x, a: None),),
        WITH.format(0.25),
        "a tensor like x",
        "None",
        "is there a `return`?",
    ),
    (
        check.mirror,
        (1, *MIRROR[1:]),
        "`slope_at_zero`",
        "a slope such as 0.9",
        "1",
        "f'(0) + f'(0) = 1, not f'(0) alone.",
    ),
    (
        check.mirror,
        (0.5, 2.399, *MIRROR[2:]),
        "`silu_from`",
        PLACE,
        "2.399",
        "there the slope is largest; it passed 1 before.",
    ),
    (
        check.mirror,
        (0.5, -1.278, *MIRROR[2:]),
        "`silu_from`",
        PLACE,
        "-1.278",
        "that is where the slope is 0; its mirror image is asked for.",
    ),
    (
        check.mirror,
        (*MIRROR[:2], 5.112, 1.5, 3),
        "`swish4_from`",
        PLACE,
        "5.112",
        "a larger beta squeezes the curve: 4x must be 1.278.",
    ),
    (
        check.mirror,
        (*MIRROR[:2], 1.278, 1.5, 3),
        "`swish4_from`",
        PLACE,
        "1.278",
        "the height of the largest slope is the same for every beta, "
        "its place is not.",
    ),
    (
        check.mirror,
        (*MIRROR[:4], np.inf),
        "`hardswish_to`",
        PLACE,
        "inf",
        "beyond 3 Hardswish is x itself: which slope is that?",
    ),
    (
        check.dropout,
        ("1", "7"),
        "`selu_20`",
        OPTION,
        "'1'",
        "the fixed point attracts, but dropout disturbs in every layer, and a "
        "layer takes back only a part.",
    ),
    (
        check.dropout,
        ("1.1", "7"),
        "`selu_20`",
        OPTION,
        "'1.1'",
        "that is one dropout; what the layers do not take back is still there "
        "when the next one comes.",
    ),
    (
        check.dropout,
        ("7", "7"),
        "`selu_20`",
        OPTION,
        "'7'",
        "that piles up all nineteen; each layer takes some back.",
    ),
    (
        check.dropout,
        ("1.5", "1.5"),
        "`relu_20`",
        OPTION,
        "'1.5'",
        "nothing pulls a ReLU network back: at He's start every size is a fixed "
        "point.",
    ),
    (
        check.dropout,
        (1.5, "7"),
        "`selu_20` should be a text.",
        "'1' or '1.1' or '1.5' or '7'",
        "1.5",
        "write one of these, with its quotes.",
    ),
    (
        check.relu_wins,
        (1 / 8,),
        "ReLU's lead at `relu_wins`",
        "10 points or more",
        "-8 points",
        "such large steps do not harm SiLU more than ReLU: go the other way.",
    ),
    (
        check.relu_wins,
        (1 / 64,),
        "ReLU's lead at `relu_wins`",
        "10 points or more",
        "0 points",
        "both have learned; at which rate has only one?",
    ),
    (
        check.relu_wins,
        (1 / 1024,),
        "ReLU's lead at `relu_wins`",
        "10 points or more",
        "2 points",
        "neither has learned much yet: the rate is too small.",
    ),
    (
        check.relu_wins,
        (256,),
        "`relu_wins`",
        "a learning rate such as 0.1",
        "256",
        "rates worth a try lie between 0.0001 and 1.",
    ),
    (
        check.own_rates,
        (1 / 8, 1 / 32, gaps(10)),
        "`relu_rate`",
        "a rate better than its neighbours",
        "87 % here, 96 % at half of it",
        "go on in this direction, until neither half nor twice is clearly "
        "better.",
    ),
    (
        check.own_rates,
        (1 / 64, 1 / 32, gaps(0)),
        "`gaps`",
        "ten numbers, in points",
        check.shown(gaps(0)),
        "these are the seeds that chose the rates; take 10 to 19.",
    ),
    (
        check.own_rates,
        (1 / 64, 1 / 32, -gaps(10)),
        "`gaps`",
        "ten numbers, in points",
        check.shown(-gaps(10)),
        "the sign: SiLU's accuracy minus ReLU's.",
    ),
    (
        check.own_rates,
        (1 / 64, 1 / 32, gaps(10) / 100),
        "`gaps`",
        "ten numbers, in points",
        check.shown(gaps(10) / 100),
        "those are fractions; a point is a percent.",
    ),
    (
        check.own_rates,
        (1 / 64, 1 / 32, gaps(10).mean()),
        "`gaps`",
        "ten numbers, in points of shape (10,)",
        "shape ()",
        "compare the two shapes, step by step.",
    ),
]


@pytest.mark.parametrize(
    ("checker", "answers"),
    [
        (check.alive, (0, 1.25, -0.25, -0.021)),
        (check.alive, tuple(map(np.float32, ALIVE))),
        (
            check.prelu,
            (module(lambda x, a: x.clamp(min=0) + a * x.clamp(max=0)),),
        ),
        (
            check.prelu,
            (
                module(
                    right, lambda start: nn.Parameter(torch.tensor([start]))
                ),
            ),
        ),
        (check.mirror, (0.5, 1.28, 0.32, 3 / 2, 3.0)),
        (check.own_rates, (1 / 64, 1 / 32, gaps(10)[:, None])),
    ],
)
def test_right_answer_in_another_form_is_right(checker, answers):
    assert checker(*answers)
