"""Answers to the exercises of chapter 8: wrong ones, and unusual right ones."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from tests.code.exercises import in_other_forms
from utils.checks import variants as check

ALIVE = 0, 1.25, -0.25, -1 / 48
MIRROR = 0.5, 1.278, 0.3195, 1.5, 3


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


class Torchs(nn.PReLU):
    """The module that exists."""

    def __init__(self, start=0.25):
        super().__init__(init=start)


class Holding(nn.Module):
    def __init__(self, start=0.25):
        super().__init__()
        self.inner = nn.PReLU(init=start)

    def forward(self, x):
        return self.inner(x)


class WithBuffer(nn.Module):
    """Keep the 0 for torch.maximum where it is not wanted."""

    def __init__(self, start=0.25):
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(start))
        self.register_buffer("zero", torch.tensor(0.0, dtype=torch.float64))

    def forward(self, x):
        zero = self.zero
        return torch.maximum(x, zero) + self.slope * torch.minimum(x, zero)


def with_if(x, slope):
    return x if (x > 0).all() else right(x, slope)


def of_what_is_shown(x, slope):
    """Round, which the numbers in the messages do not notice."""
    return right(x.round(), slope)


def gaps(first_seed, silu=1 / 32):
    return check._trained("silu", silu, first_seed) - check._trained(
        "relu", 1 / 64, first_seed
    )


# checker, answers, the key of the hint
WRONG = [
    (check.alive, (7 / 6, *ALIVE[1:]), "w"),
    (check.alive, (-7 / 6, *ALIVE[1:]), "w linear"),
    (check.alive, (0, 0, *ALIVE[2:]), "a dead"),
    (check.alive, (0, -1.25, *ALIVE[2:]), "a sign"),
    (check.alive, (0, 2.5, *ALIVE[2:]), "a factor 2"),
    (check.alive, (0, 3.75, *ALIVE[2:]), "a sum"),
    (check.alive, (0, 1.25, 0.25, -1 / 48), "next up"),
    (check.alive, (*ALIVE[:3], 1 / 12), "w_next no slope"),
    (check.alive, (*ALIVE[:3], 0), "w_next slope 0"),
    (check.alive, (*ALIVE[:3], -0.0625), "w_next sum"),
    (check.prelu, (nn.ReLU(),), "a class"),
    (check.prelu, (module(right, float),), "no parameter"),
    (
        check.prelu,
        (
            module(
                right, lambda start: torch.tensor(start, requires_grad=True)
            ),
        ),
        "a tensor",
    ),
    (
        check.prelu,
        (module(right, lambda start: nn.Parameter(torch.full((5,), start))),),
        "one slope",
    ),
    (check.prelu, (Unstarted,), "start"),
    (check.prelu, (module(lambda x, w: right(x, w).float()),), "float32"),
    (
        check.prelu,
        (module(lambda x, a: torch.where(x < 0, x, a * x)),),
        "side",
    ),
    (check.prelu, (module(lambda x, a: torch.relu(x) + a * x),), "added"),
    (check.prelu, (module(lambda x, a: right(x, torch.relu(a))),), "cut at 0"),
    (check.prelu, (module(lambda x, a: torch.maximum(x, a * x)),), "larger"),
    (check.prelu, (module(lambda x, a: right(x, a.detach())),), "detached"),
    (check.prelu, (module(in_place),), "in place"),
    (check.prelu, (module(in_place_with_gradient),), "in place"),
    (check.prelu, (module(by_mask),), "mask"),
    (
        check.prelu,
        (module(lambda x, a: torch.where(x > 0, x, 0.25 * x)),),
        "old slope",
    ),
    (
        check.prelu,
        (module(lambda x, a: torch.where(x > 0, x, a)),),
        "slope alone",
    ),
    (
        check.prelu,
        (module(lambda x, a: torch.relu(x) + a * torch.relu(-x)),),
        "abs x",
    ),
    (check.prelu, (module(lambda x, a: right(x, a.abs())),), "slope's sign"),
    (check.prelu, (module(lambda x, a: None),), "return"),
    (check.prelu, (nn.PReLU,), "torch's"),
    (check.prelu, (Torchs,), "torch's"),
    (check.prelu, (Holding,), "torch's"),
    (check.prelu, (WithBuffer,), "buffer"),
    (check.prelu, (module(with_if),), "if"),
    (check.prelu, (module(of_what_is_shown),), "other numbers"),
    (check.mirror, (1, *MIRROR[1:]), "zero 1"),
    (check.mirror, (0.5, 2.399, *MIRROR[2:]), "silu steepest"),
    (check.mirror, (0.5, -1.278, *MIRROR[2:]), "silu mirror"),
    (check.mirror, (*MIRROR[:2], 5.112, 1.5, 3), "swish stretched"),
    (check.mirror, (*MIRROR[:2], 1.278, 1.5, 3), "swish same"),
    (check.mirror, (*MIRROR[:4], np.inf), "to inf"),
    (check.dropout, ("1", "7"), "selu 1"),
    (check.dropout, ("1.1", "7"), "selu 1.1"),
    (check.dropout, ("7", "7"), "selu 7"),
    (check.dropout, ("1.5", "1.5"), "relu 1"),
    (check.dropout, ("1.5", "1"), "relu 1"),
    (check.dropout, ("1.5", "1.1"), "relu 1.1"),
    (check.dropout, ("1.5", "about 7"), "an option"),
    (check.dropout, ("1.46", "7"), "an option"),
    (check.mirror, (0, *MIRROR[1:]), "zero minus"),
    (check.mirror, (*MIRROR[:2], -0.3195, 1.5, 3), "swish mirror"),
    (check.mirror, (*MIRROR[:3], -1.5, 3), "from mirror"),
    (check.relu_wins, (1 / 8,), "smaller"),
    (check.relu_wins, (1 / 64,), "between"),
    (check.relu_wins, (1 / 1024,), "too small"),
    (check.relu_wins, (256,), "rates"),
    (check.relu_wins, (0.0,), "rates"),
    (check.relu_wins, (-1 / 256,), "rates"),
    (check.relu_wins, (1 / 4,), "smaller"),
    (check.relu_wins, (1 / 4096,), "too small"),
    (check.own_rates, (1 / 8, 1 / 32, gaps(10)), "neighbours"),
    (check.own_rates, (1 / 64, 1 / 32, gaps(0)), "old seeds"),
    (check.own_rates, (1 / 64, 1 / 32, -gaps(10)), "sign"),
    (check.own_rates, (1 / 64, 1 / 32, gaps(10) / 100), "fractions"),
    (
        check.own_rates,
        (1 / 64, 1 / 32, gaps(10).mean()),
        "shape",
    ),
    (check.own_rates, (1 / 512, 1 / 32, gaps(10)), "neighbours"),
    (check.own_rates, (1 / 64, 1 / 32, gaps(10, silu=1 / 64)), "gaps"),
    (check.own_rates, (1 / 64, 1 / 32, np.sort(gaps(10))), "gaps"),
]

# checker, answers
RIGHT = [
    *in_other_forms(check.alive, *ALIVE),
    (check.alive, (0, 1.25, -0.25, -0.021)),
    (
        check.prelu,
        (module(lambda x, a: x.clamp(min=0) + a * x.clamp(max=0)),),
    ),
    (
        check.prelu,
        (module(right, lambda start: nn.Parameter(torch.tensor([start]))),),
    ),
    (
        check.prelu,
        (
            module(
                right, lambda start: nn.Parameter(torch.full((1, 1), start))
            ),
        ),
    ),
    (
        check.prelu,
        (
            module(
                lambda x, a: (
                    torch.maximum(x, torch.tensor(0.0))
                    + a * torch.minimum(x, torch.zeros_like(x))
                )
            ),
        ),
    ),
    (check.prelu, (module(lambda x, a: x.relu() - a * (-x).relu()),)),
    (
        check.prelu,
        (module(lambda x, a: (1 + a) / 2 * x + (1 - a) / 2 * abs(x)),),
    ),
    (check.prelu, (module(lambda x, a: F.prelu(x, a)),)),
    *in_other_forms(check.mirror, *MIRROR),
    (check.mirror, (0.5, 1.28, 0.32, 3 / 2, 3.0)),
    (check.dropout, (1.5, 7)),
    (check.dropout, ("1.50", "7.0")),
    (check.dropout, (np.float64(1.5), torch.tensor(7))),
    (check.dropout, ("1.5 ", "'7'")),
    *in_other_forms(check.dropout, 1.5, 7, leave_out=["only entry"]),
    *in_other_forms(check.relu_wins, 1 / 256),
    (check.own_rates, (1 / 64, 1 / 32, gaps(10))),
    (check.own_rates, (1 / 64, 1 / 32, gaps(10)[:, None])),
    (check.own_rates, (1 / 64, 1 / 32, list(gaps(10).round(2)))),
    (check.own_rates, ([1 / 64], torch.tensor(1 / 32), tuple(gaps(10)))),
]
