"""The small networks of the chapters on practice, for images and signals.

Their parameters are drawn in the order in which the classes make them, so
that the same seed of torch gives the same network.
"""

import torch
from torch import nn

from . import arguments

# The width of a token, and of the layer between in a feed-forward part.
WIDTH, HIDDEN = 8, 24


def cnn(activation, classes=10):
    """Build a small convolutional network.

    Two convolutions of stride 2 make 6 channels of 4 x 4 and 12 of 2 x 2;
    one linear layer reads these 48 numbers.

    Parameters
    ----------
    activation : callable
        Makes the activation module, such as nn.ReLU.
    classes : int
        The number of classes.

    Returns
    -------
    Sequential
        Maps (N, 64), images row by row, to the logits (N, classes).

    Raises
    ------
    TypeError
        If `activation` cannot be called.

    Examples
    --------
    >>> cnn(nn.ReLU)(torch.zeros(2, 64)).shape
    torch.Size([2, 10])
    """
    _check_maker(activation)
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 6, 3, stride=2, padding=1),
        activation(),
        nn.Conv2d(6, 12, 3, stride=2, padding=1),
        activation(),
        nn.Flatten(),
        nn.Linear(48, classes),
    )


def signal_cnn(activation, classes=10):
    """Build the convolutional network of the authors of MNIST-1D [1]_.

    Three convolutions of stride 2 make 25 channels of 19, 10 and 5 numbers;
    one linear layer reads the last 125.

    Parameters
    ----------
    activation : callable
        Makes the activation module, such as nn.ReLU.
    classes : int
        The number of classes.

    Returns
    -------
    Sequential
        Maps (N, 40), such as the signals of `data.mnist1d`, to the logits
        (N, classes).

    Raises
    ------
    TypeError
        If `activation` cannot be called.

    References
    ----------
    .. [1] Greydanus and Kobak (2024), "Scaling Down Deep Learning with
       MNIST-1D", ICML.

    Examples
    --------
    >>> signal_cnn(nn.ReLU)(torch.zeros(2, 40)).shape
    torch.Size([2, 10])
    """
    _check_maker(activation)
    return nn.Sequential(
        nn.Unflatten(1, (1, 40)),
        nn.Conv1d(1, 25, 5, stride=2, padding=1),
        activation(),
        nn.Conv1d(25, 25, 3, stride=2, padding=1),
        activation(),
        nn.Conv1d(25, 25, 3, stride=2, padding=1),
        activation(),
        nn.Flatten(),
        nn.Linear(125, classes),
    )


class Attention(nn.Module):
    """Self-attention with one head.

    Parameters
    ----------
    width : int
        The width of a token.

    Examples
    --------
    >>> Attention(4)(torch.zeros(2, 5, 4)).shape
    torch.Size([2, 5, 4])
    """

    def __init__(self, width):
        super().__init__()
        self.all_three = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        """Return what the tokens (N, tokens, width) make of each other."""
        query, key, value = self.all_three(x).chunk(3, dim=-1)
        scores = query @ key.mT / query.shape[-1] ** 0.5
        return self.out(scores.softmax(dim=-1) @ value)


class Block(nn.Module):
    """A transformer's block: attention and a feed-forward part.

    Each stands behind a layer normalisation of its own.

    Parameters
    ----------
    width : int
        The width of a token.
    feed_forward : Module
        Maps a token to a token, such as `plain(nn.ReLU())`.
    skip : float
        Factor on what a skip connection carries; 0 cuts it.

    Examples
    --------
    >>> Block(8, plain(nn.ReLU()))(torch.zeros(2, 5, 8)).shape
    torch.Size([2, 5, 8])
    """

    def __init__(self, width, feed_forward, skip=1):
        super().__init__()
        self.attention, self.feed_forward = Attention(width), feed_forward
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.skip = skip

    def forward(self, x):
        """Return the tokens after this block, (N, tokens, width)."""
        x = self.skip * x + self.attention(self.norm_1(x))
        return self.skip * x + self.feed_forward(self.norm_2(x))


class Gated(nn.Module):
    """A feed-forward part whose hidden units are multiplied by a gate.

    It has two thirds of the hidden units of `plain`, and so as many
    parameters.

    Parameters
    ----------
    activation : Module
        The gate's activation: nn.SiLU() makes SwiGLU, nn.ReLU() ReGLU, and
        nn.Identity(), which is none, the bilinear layer.
    width : int
        The width of a token.
    hidden : int
        The hidden units of `plain`.

    Examples
    --------
    >>> sum(p.numel() for p in Gated(nn.SiLU()).parameters())
    384
    """

    def __init__(self, activation, width=WIDTH, hidden=HIDDEN):
        super().__init__()
        hidden = hidden * 2 // 3
        self.gate = nn.Sequential(_linear(width, hidden), activation)
        self.value = _linear(width, hidden)
        self.out = _linear(hidden, width)

    def forward(self, x):
        """Return tokens of the same width."""
        return self.out(self.gate(x) * self.value(x))


def plain(activation, width=WIDTH, hidden=HIDDEN):
    """Build a feed-forward part: one hidden layer, without biases.

    Parameters
    ----------
    activation : Module
        The activation, such as nn.ReLU().
    width : int
        The width of a token.
    hidden : int
        The hidden units.

    Returns
    -------
    Sequential
        Maps a token to a token; the activation is its part 1.

    Examples
    --------
    >>> sum(p.numel() for p in plain(nn.ReLU()).parameters())
    384
    """
    return nn.Sequential(
        _linear(width, hidden), activation, _linear(hidden, width)
    )


# The kinds of feed-forward part, of a token's width and as many hidden units
# as are asked for; all have as many parameters.
FEED_FORWARD = {
    "ReLU": lambda *sizes: plain(nn.ReLU(), *sizes),
    "GELU": lambda *sizes: plain(nn.GELU(), *sizes),
    "SwiGLU": lambda *sizes: Gated(nn.SiLU(), *sizes),
    "ReGLU": lambda *sizes: Gated(nn.ReLU(), *sizes),
    "bilinear": lambda *sizes: Gated(nn.Identity(), *sizes),
    "none": lambda *sizes: plain(nn.Identity(), *sizes),
}


class Transformer(nn.Module):
    """A small transformer, to which each row of an image is a token.

    Parameters
    ----------
    kind : str
        Name in FEED_FORWARD of each block's feed-forward part.
    depth : int
        The number of blocks.
    skip : float
        See `Block`.

    Raises
    ------
    ValueError
        If there is no such kind.

    Examples
    --------
    >>> Transformer("ReLU")(torch.zeros(2, 64)).shape
    torch.Size([2, 10])
    """

    def __init__(self, kind, depth=1, skip=1):
        super().__init__()
        build = arguments.choice("kind", kind, FEED_FORWARD)
        self.embed = nn.Linear(8, WIDTH)
        self.place = nn.Parameter(0.1 * torch.randn(8, WIDTH))
        self.blocks = nn.Sequential(
            *[Block(WIDTH, build(), skip) for _ in range(depth)]
        )
        self.head = nn.Linear(8 * WIDTH, 10)

    def embedded(self, x):
        """Return what enters the first block, (N, 8, width), for (N, 64)."""
        return self.embed(x.unflatten(1, (8, 8))) + self.place

    def forward(self, x):
        """Return the logits (N, 10) for images (N, 64)."""
        return self.head(self.blocks(self.embedded(x)).flatten(1))


def _linear(fan_in, fan_out):
    return nn.Linear(fan_in, fan_out, bias=False)


def _check_maker(activation):
    if not callable(activation):
        raise TypeError(
            "activation must make a module, such as nn.ReLU, got "
            f"{activation!r}"
        )
