"""Published architectures in small, each at the start that its authors give.

They are written as people write them: functions and modules, in-place and
shared ones, classes of other libraries, tuples, dicts and dataclasses. The
rows above each say by hand which activations it calls, in their order.
"""

import functools
import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm
from torch.utils.checkpoint import checkpoint

ZOO = {}


def published(*rows, loss=None):
    """Enter a function that builds (model, x) in the table, seeded.

    Each row is (name, axis of the units in what enters, number of units).
    Calls on no sample, of experts that no token chose, have none.
    """

    def enter(build):
        @functools.wraps(build)
        def seeded():
            with torch.random.fork_rng():
                torch.manual_seed(0)
                return build()

        seeded.rows, seeded.loss = rows, loss
        ZOO[build.__name__] = seeded
        return seeded

    return enter


def at(axis, units, *names):
    """Return rows with as many units along the same axis."""
    return [(name, axis, units) for name in names]


def calls(name, count):
    """Return the names of one activation that is called again and again."""
    return [name, *(f"{name} (call {i})" for i in range(2, count + 1))]


def each(numbers, pattern, *rows):
    """Return the rows with `pattern` before the name, for each number."""
    return [
        (pattern.format(i) + name, axis, units)
        for i in numbers
        for name, axis, units in rows
    ]


def pictures(samples, channels, size):
    return torch.randn(samples, channels, size, size)


def words(samples, length):
    return torch.randint(50, (samples, length))


WEIGHTED = nn.Conv2d, nn.ConvTranspose2d, nn.Embedding, nn.Linear


def start(model, weights):
    """Start all weights by a function, and biases at 0."""
    for module in model.modules():
        if isinstance(module, WEIGHTED):
            weights(module.weight)
            if getattr(module, "bias", None) is not None:
                nn.init.zeros_(module.bias)
    return model


he_fan_out = functools.partial(
    nn.init.kaiming_normal_, mode="fan_out", nonlinearity="relu"
)
he_fan_in = functools.partial(nn.init.kaiming_normal_, nonlinearity="relu")
lecun = functools.partial(nn.init.kaiming_normal_, nonlinearity="linear")
small = functools.partial(nn.init.normal_, std=0.02)
# BERT's 0.02, made for a width of 768, at one of 32.
medium = functools.partial(nn.init.normal_, std=0.1)


def conv(fan_in, fan_out, size=3, stride=1, **more):
    return nn.Conv2d(
        fan_in, fan_out, size, stride, size // 2, bias=False, **more
    )


def pooled(width):
    """Average over the positions, then classify."""
    return nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10)


# --- Convolutions: residual, dense, plain, gated ---


class FunctionalBlock(nn.Module):
    """He et al. 2015, in the functional form of the CIFAR repositories."""

    def __init__(self, fan_in, width, stride=1):
        super().__init__()
        self.conv1 = conv(fan_in, width, stride=stride)
        self.conv2 = conv(width, width)
        self.bn1, self.bn2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.shortcut = nn.Sequential()
        if fan_in != width:
            layers = conv(fan_in, width, 1, stride), nn.BatchNorm2d(width)
            self.shortcut = nn.Sequential(*layers)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out)


class SharedBlock(FunctionalBlock):
    """The same with one in-place module for both, as in torchvision."""

    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return self.relu(out)


class PreactivationBlock(FunctionalBlock):
    """He et al. 2016."""

    def __init__(self, fan_in, width, stride=1):
        super().__init__(fan_in, width, stride)
        self.bn1 = nn.BatchNorm2d(fan_in)

    def forward(self, x):
        out = F.relu(self.bn1(x))
        shortcut = self.shortcut(out) if len(self.shortcut) else x
        out = self.conv1(out)
        return self.conv2(F.relu(self.bn2(out))) + shortcut


def residual(block, blocks=2):
    layers = [conv(3, 8), nn.BatchNorm2d(8), nn.ReLU(inplace=True)]
    layers += [block(8, 8) for _ in range(blocks - 1)]
    layers += [block(8, 16, 2), *pooled(16)]
    return start(nn.Sequential(*layers), he_fan_out)


@published(
    *at(1, 8, "2", *calls("3.relu()", 2)), *at(1, 16, *calls("4.relu()", 2))
)
def residual_functional():
    return residual(FunctionalBlock), pictures(16, 3, 16)


SHARED = *at(1, 8, "2", *calls("3.relu", 2)), *at(1, 16, *calls("4.relu", 2))


@published(*SHARED)
def residual_shared():
    return residual(SharedBlock), pictures(16, 3, 16)


@published(*SHARED)
def residual_zero_gamma():
    """Goyal et al. 2017: each block starts as the identity."""
    model = residual(SharedBlock)
    for block in model[3:5]:
        nn.init.zeros_(block.bn2.weight)
    return model, pictures(16, 3, 16)


@published(
    *at(1, 8, "2"),
    *each(range(3, 28), "{}.", *at(1, 8, *calls("relu", 2))),
    *at(1, 16, *calls("28.relu", 2)),
)
def residual_of_53_layers():
    return residual(SharedBlock, 26), pictures(16, 3, 8)


@published(
    *at(1, 8, "2", *calls("3.relu()", 2), "4.relu()"),
    *at(1, 16, "4.relu() (call 2)"),
)
def residual_preactivation():
    return residual(PreactivationBlock), pictures(16, 3, 16)


class DenseLayer(nn.Module):
    """Huang et al. 2017: each adds 8 channels to those it is given."""

    def __init__(self, width):
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(width), conv(width, 16, 1)
        self.norm2, self.conv2 = nn.BatchNorm2d(16), conv(16, 8)

    def forward(self, *features):
        out = self.conv1(F.relu(self.norm1(torch.cat(features, 1))))
        return self.conv2(F.relu(self.norm2(out)))


class DenseNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = conv(3, 8)
        self.layers = nn.ModuleList([DenseLayer(8 + 8 * i) for i in range(4)])
        self.norm, self.head = nn.BatchNorm2d(40), nn.Linear(40, 10)

    def forward(self, x):
        features = [self.stem(x)]
        for layer in self.layers:
            features.append(layer(*features))
        out = torch.relu_(self.norm(torch.cat(features, 1)))
        return self.head(F.adaptive_avg_pool2d(out, (1, 1)).flatten(1))


@published(
    *[
        (f"layers.{i}.{name}", 1, units)
        for i in range(4)
        for name, units in zip(calls("relu()", 2), (8 + 8 * i, 16))
    ],
    *at(1, 40, "relu()"),
)
def densenet():
    return start(DenseNet(), he_fan_in), pictures(16, 3, 16)


@published(
    *[*at(1, 8, "1", "3"), *at(1, 16, "6", "8")],
    *[*at(1, 32, "11", "13", "15", "18", "20", "22"), *at(-1, 64, "26")],
)
def vgg():
    """Simonyan and Zisserman 2014 with the start of He et al. 2015."""
    layers, width = [], 3
    for size in [8, 8, 0, 16, 16, 0, 32, 32, 32, 0, 32, 32, 32, 0]:
        if size:
            layers += [nn.Conv2d(width, size, 3, padding=1), nn.ReLU(True)]
            width = size
        else:
            layers.append(nn.MaxPool2d(2))
    layers += [nn.Flatten(), nn.Linear(128, 64), nn.ReLU(True)]
    model = nn.Sequential(*layers, nn.Linear(64, 10))
    return start(model, he_fan_in), pictures(16, 3, 32)


class HardSigmoid(nn.Module):
    def __init__(self):
        super().__init__()
        self.relu = nn.ReLU6(inplace=True)

    def forward(self, x):
        return self.relu(x + 3) / 6


class HardSwish(nn.Module):
    def __init__(self):
        super().__init__()
        self.sigmoid = HardSigmoid()

    def forward(self, x):
        return x * self.sigmoid(x)


class SqueezeExcitation(nn.Module):
    def __init__(self, width):
        super().__init__()
        layers = nn.Linear(width, 8), nn.ReLU(True), nn.Linear(8, width)
        self.fc = nn.Sequential(*layers, HardSigmoid())

    def forward(self, x):
        gate = self.fc(x.mean((2, 3)))
        return x * gate.view(*gate.shape, 1, 1)


class InvertedResidual(nn.Sequential):
    """Howard et al. 2019, of MobileNetV3."""

    def __init__(self, width=16, wide=32):
        layers = [conv(width, wide, 1), nn.BatchNorm2d(wide), HardSwish()]
        layers += [conv(wide, wide, groups=wide), nn.BatchNorm2d(wide)]
        layers += [SqueezeExcitation(wide), HardSwish()]
        layers += [conv(wide, width, 1), nn.BatchNorm2d(width)]
        super().__init__(*layers)

    def forward(self, x):
        return x + super().forward(x)


@published(
    ("2", 1, 16),
    *each(
        range(3, 6),
        "{}.",
        *[("2", 1, 32), ("5.fc.1", -1, 8), ("5.fc.3", -1, 32), ("6", 1, 32)],
    ),
)
def mobilenet_v3():
    layers = [conv(3, 16, stride=2), nn.BatchNorm2d(16), HardSwish()]
    layers += [InvertedResidual() for _ in range(3)]
    model = start(nn.Sequential(*layers, *pooled(16)), he_fan_out)
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
    return model, pictures(32, 3, 32)


class SwishFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return gradient * (s * (1 + x * (1 - s)))


class MemoryEfficientSwish(nn.Module):
    def forward(self, x):
        return SwishFunction.apply(x)


class MBConv(nn.Module):
    """Tan and Le 2019, of EfficientNet; the gate is a function here."""

    def __init__(self, width=16, wide=32):
        super().__init__()
        self.expand, self.bn0 = conv(width, wide, 1), nn.BatchNorm2d(wide)
        self.depthwise = conv(wide, wide, groups=wide)
        self.bn1 = nn.BatchNorm2d(wide)
        self.reduce, self.widen = nn.Conv2d(wide, 4, 1), nn.Conv2d(4, wide, 1)
        self.project, self.bn2 = conv(wide, width, 1), nn.BatchNorm2d(width)
        self.swish = MemoryEfficientSwish()

    def forward(self, inputs):
        x = self.swish(self.bn0(self.expand(inputs)))
        x = self.swish(self.bn1(self.depthwise(x)))
        squeezed = F.adaptive_avg_pool2d(x, 1)
        squeezed = self.widen(self.swish(self.reduce(squeezed)))
        x = torch.sigmoid(squeezed) * x
        return self.bn2(self.project(x)) + inputs


@published(
    ("2", 1, 16),
    *each(
        range(3, 6),
        "{}.",
        *at(1, 32, *calls("swish", 2)),
        *[("swish (call 3)", 1, 4), ("sigmoid()", 1, 32)],
    ),
)
def efficientnet():
    layers = [conv(3, 16, stride=2), nn.BatchNorm2d(16), nn.SiLU()]
    layers += [*[MBConv() for _ in range(3)], *pooled(16)]
    return start(nn.Sequential(*layers), he_fan_out), pictures(32, 3, 32)


class ConvNeXtBlock(nn.Module):
    """Liu et al. 2022: channels last, a layer scale of 1e-6."""

    def __init__(self, width):
        super().__init__()
        self.dwconv = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.pwconv1 = nn.Linear(width, 4 * width)
        self.act, self.pwconv2 = nn.GELU(), nn.Linear(4 * width, width)
        self.gamma = nn.Parameter(torch.full((width,), 1e-6))

    def forward(self, x):
        out = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        out = self.gamma * self.pwconv2(self.act(self.pwconv1(out)))
        return x + out.permute(0, 3, 1, 2)


@published(*at(-1, 64, "1.act", "2.act", "3.act"))
def convnext():
    pool, flat, head = pooled(16)
    layers = [nn.Conv2d(3, 16, 4, 4), *[ConvNeXtBlock(16) for _ in range(3)]]
    model = nn.Sequential(*layers, pool, flat, nn.LayerNorm(16), head)
    return start(model, small), pictures(16, 3, 32)


class DoubleConv(nn.Sequential):
    def __init__(self, fan_in, width):
        layers = [conv(fan_in, width), nn.BatchNorm2d(width), nn.ReLU(True)]
        layers += [conv(width, width), nn.BatchNorm2d(width), nn.ReLU(True)]
        super().__init__(*layers)


class UNet(nn.Module):
    """Ronneberger et al. 2015, with batch norm and PyTorch's start."""

    def __init__(self):
        super().__init__()
        self.down = nn.ModuleList(map(DoubleConv, (1, 8, 16), (8, 16, 32)))
        self.up = nn.ModuleList(map(DoubleConv, (32, 16), (16, 8)))
        self.widen = nn.ModuleList(
            nn.ConvTranspose2d(2 * width, width, 2, 2) for width in (16, 8)
        )
        self.head = nn.Conv2d(8, 2, 1)

    def forward(self, x):
        first = self.down[0](x)
        second = self.down[1](F.max_pool2d(first, 2))
        x = self.down[2](F.max_pool2d(second, 2))
        x = self.up[0](torch.cat([second, self.widen[0](x)], 1))
        x = self.up[1](torch.cat([first, self.widen[1](x)], 1))
        return self.head(x)


@published(
    *[*at(1, 8, "down.0.2", "down.0.5"), *at(1, 16, "down.1.2", "down.1.5")],
    *[*at(1, 32, "down.2.2", "down.2.5"), *at(1, 16, "up.0.2", "up.0.5")],
    *at(1, 8, "up.1.2", "up.1.5"),
)
def unet():
    return UNet(), pictures(16, 1, 16)


def swish(x):
    return x * torch.sigmoid(x)


class DenoisingBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm1, self.norm2 = (nn.GroupNorm(4, width) for _ in "12")
        self.conv1, self.conv2 = (
            nn.Conv2d(width, width, 3, padding=1) for _ in "12"
        )
        self.time = nn.Linear(32, width)

    def forward(self, x, time):
        out = self.conv1(swish(self.norm1(x)))
        out = out + self.time(swish(time))[:, :, None, None]
        return x + self.conv2(swish(self.norm2(out)))


class Denoiser(nn.Module):
    """Ho et al. 2020, without its U: what is seen, and the step."""

    def __init__(self):
        super().__init__()
        layers = nn.Linear(32, 32), nn.SiLU(), nn.Linear(32, 32)
        self.time = nn.Sequential(*layers)
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.blocks = nn.ModuleList([DenoisingBlock(16) for _ in range(2)])
        self.norm = nn.GroupNorm(4, 16)
        self.head = nn.Conv2d(16, 3, 3, padding=1)

    def forward(self, x, step):
        rates = torch.exp(-math.log(1e4) * torch.arange(16) / 15)
        angles = step[:, None] * rates
        time = self.time(torch.cat([angles.sin(), angles.cos()], -1))
        x = self.stem(x)
        for block in self.blocks:
            x = block(x, time)
        return self.head(swish(self.norm(x)))


SWISHES = zip(calls("mul(sigmoid)", 3), (1, -1, 1), (16, 32, 16))


@published(
    ("time.1", -1, 32),
    *each("01", "blocks.{}.", *SWISHES),
    *at(1, 16, "mul(sigmoid)"),
)
def diffusion():
    return Denoiser(), (pictures(16, 3, 16), torch.randint(1000, (16,)))


class MNIST(nn.Module):
    """PyTorch's own first example."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 16, 3), nn.Conv2d(16, 32, 3)
        self.dropout1, self.dropout2 = nn.Dropout(0.25), nn.Dropout(0.5)
        self.fc1, self.fc2 = nn.Linear(4608, 64), nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(self.dropout1(x), 1)
        x = self.dropout2(F.relu(self.fc1(x)))
        return F.log_softmax(self.fc2(x), dim=1)


@published(*zip(calls("relu()", 3), (1, 1, -1), (16, 32, 64)))
def mnist_example():
    return MNIST(), pictures(32, 1, 28)


@published(("1", 1, 6), ("4", 1, 16), ("8", -1, 84))
def lenet():
    """LeCun et al. 1998, with the start of Glorot and Bengio 2010."""
    layers = [nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2)]
    layers += [nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten()]
    layers += [nn.Linear(256, 84), nn.Tanh(), nn.Linear(84, 10)]
    model = start(nn.Sequential(*layers), nn.init.xavier_uniform_)
    return model, pictures(32, 1, 28)


class DQN(nn.Module):
    """Mnih et al. 2015 as in CleanRL: takes bytes, and scales them itself."""

    def __init__(self):
        super().__init__()
        layers = [nn.Conv2d(4, 16, 8, 4), nn.ReLU(), nn.Conv2d(16, 32, 4, 2)]
        layers += [nn.ReLU(), nn.Conv2d(32, 32, 3, 1), nn.ReLU()]
        layers += [nn.Flatten(), nn.Linear(128, 64), nn.ReLU()]
        self.network = nn.Sequential(*layers, nn.Linear(64, 6))

    def forward(self, x):
        return self.network(x / 255.0)


@published(
    ("network.1", 1, 16),
    *at(1, 32, "network.3", "network.5"),
    ("network.8", -1, 64),
)
def dqn():
    """A dark screen with some bright places, as in the games."""
    dark = torch.rand(32, 4, 11, 11) < 0.8
    screen = torch.randint(256, dark.shape).masked_fill(dark, 0)
    return DQN(), F.interpolate(screen.byte(), scale_factor=4)


# --- Networks that generate ---


def dcgan(*layers):
    """Start as Radford et al. 2015 do."""
    model = start(nn.Sequential(*layers), small)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
    return model


@published(("2", 1, 32), ("5", 1, 16), ("7", 1, 3))
def dcgan_generator():
    up = functools.partial(nn.ConvTranspose2d, kernel_size=4, bias=False)
    layers = [up(32, 32), nn.BatchNorm2d(32), nn.ReLU(True)]
    layers += [up(32, 16, stride=2, padding=1), nn.BatchNorm2d(16)]
    layers += [nn.ReLU(True), up(16, 3, stride=2, padding=1), nn.Tanh()]
    return dcgan(*layers), torch.randn(32, 32, 1, 1)


def half(fan_in, fan_out):
    return nn.Conv2d(fan_in, fan_out, 4, 2, 1, bias=False)


@published(("1", 1, 16), ("4", 1, 32), ("7", 1, 64), ("9", 1, 1))
def dcgan_discriminator():
    layers = [half(3, 16), nn.LeakyReLU(0.2, inplace=True)]
    for width in (16, 32):
        layers += [half(width, 2 * width), nn.BatchNorm2d(2 * width)]
        layers += [nn.LeakyReLU(0.2, inplace=True)]
    layers += [nn.Conv2d(64, 1, 4, bias=False), nn.Sigmoid()]
    return dcgan(*layers), pictures(32, 3, 32)


@published(*zip("135", (1, 1, 1), (16, 32, 64)))
def spectral_discriminator():
    """Miyato et al. 2018, who keep the largest factor of a layer at 1."""
    layers = []
    for fan_in, width in zip((3, 16, 32), (16, 32, 64)):
        layers += [spectral_norm(half(fan_in, width)), nn.LeakyReLU(0.1)]
    layers += [nn.Flatten(), spectral_norm(nn.Linear(1024, 1))]
    return nn.Sequential(*layers), pictures(32, 3, 32)


class VAE(nn.Module):
    """PyTorch's example of Kingma and Welling 2013."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc21 = nn.Linear(784, 100), nn.Linear(100, 10)
        self.fc22, self.fc3 = nn.Linear(100, 10), nn.Linear(10, 100)
        self.fc4 = nn.Linear(100, 784)

    def forward(self, x):
        hidden = F.relu(self.fc1(x.view(-1, 784)))
        mu, logvar = self.fc21(hidden), self.fc22(hidden)
        std = torch.exp(0.5 * logvar)
        z = mu + torch.randn_like(std) * std
        out = torch.sigmoid(self.fc4(F.relu(self.fc3(z))))
        return out, mu, logvar


@published(*at(-1, 100, *calls("relu()", 2)), *at(-1, 784, "sigmoid()"))
def vae():
    """Its pixels lie between 0 and 1, and most are 0."""
    return VAE(), (torch.rand(64, 1, 28, 28) * 5 - 4).clamp(min=0)


# --- Transformers ---


class Attention(nn.Module):
    def __init__(self, width, causal=False, turn=lambda x: x):
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.c_proj = nn.Linear(width, width)
        self.causal, self.turn = causal, turn

    def forward(self, x, mask=None):
        q, k, v = self.qkv(x).unflatten(-1, (3, 4, -1)).permute(2, 0, 3, 1, 4)
        q, k = self.turn(q), self.turn(k)
        if mask is None:
            out = F.scaled_dot_product_attention(
                q, k, v, is_causal=self.causal
            )
        else:
            scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
            out = (scores + mask).softmax(-1) @ v
        return self.c_proj(out.transpose(1, 2).flatten(2))


class PostNorm(nn.Module):
    """Vaswani et al. 2017 with torch's layers, over tokens."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(50, 32)
        layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 4)
        self.head = nn.Linear(32, 50)

    def forward(self, tokens):
        return self.head(self.encoder(self.embedding(tokens) * math.sqrt(32)))


@published(*each("0123", "encoder.layers.{}.", *at(-1, 64, "relu()")))
def transformer_encoder():
    return PostNorm(), words(16, 12)


# Its output is normalised: the mean of its squares is 1, whatever it does.
@published(
    *each("01", "encoder.layers.{}.", *at(-1, 64, "relu()")),
    *each("01", "decoder.layers.{}.", *at(-1, 64, "relu()")),
    loss=lambda output: output[..., 0].square().mean(),
)
def transformer_of_torch():
    """It takes what it reads and what it has written so far."""
    model = nn.Transformer(32, 4, 2, 2, 64, batch_first=True)
    return model, (torch.randn(8, 12, 32), torch.randn(8, 10, 32))


class NewGELU(nn.Module):
    """As of GPT-2."""

    def forward(self, x):
        inner = math.sqrt(2.0 / math.pi) * (x + 0.044715 * torch.pow(x, 3.0))
        return 0.5 * x * (1.0 + torch.tanh(inner))


class MLP(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.act, self.c_proj = NewGELU(), nn.Linear(4 * width, width)

    def forward(self, x):
        return self.c_proj(self.act(self.c_fc(x)))


class Block(nn.Module):
    def __init__(self, width, mlp=MLP):
        super().__init__()
        self.ln_1, self.attn = nn.LayerNorm(width), Attention(width, True)
        self.ln_2, self.mlp = nn.LayerNorm(width), mlp(width)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    """Radford et al. 2019 in the form of nanoGPT."""

    def __init__(self, mlp=MLP, layers=4):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(50, 32), nn.Embedding(16, 32)
        self.h = nn.ModuleList([Block(32, mlp) for _ in range(layers)])
        self.ln_f = nn.LayerNorm(32)
        self.lm_head = nn.Linear(32, 50, bias=False)
        start(self, small)
        self.wte.weight = self.lm_head.weight
        for name, weight in self.named_parameters():
            if name.endswith("c_proj.weight"):
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * layers))

    def forward(self, idx, targets=None):
        x = self.wte(idx) + self.wpe(torch.arange(idx.shape[1]))
        for block in self.h:
            x = block(x)
        logits = self.lm_head(self.ln_f(x))
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits.flatten(0, 1), targets.flatten())


@published(*each("0123", "h.{}.mlp.", *at(-1, 128, "act")))
def gpt():
    return GPT(), words(16, 16)


@published(
    *each(range(12), "h.{}.mlp.", *at(-1, 128, "act")),
    loss=lambda output: output[1],
)
def gpt_with_targets():
    return GPT(layers=12), (words(4, 16), words(4, 16))


class CheckpointedGPT(GPT):
    """Chen et al. 2016: forgets what is inside a block, and runs it again."""

    def forward(self, idx):
        x = self.wte(idx) + self.wpe(torch.arange(idx.shape[1]))
        for block in self.h:
            x = checkpoint(block, x, use_reentrant=False)
        return self.lm_head(self.ln_f(x))


@published(*each("0123", "h.{}.mlp.", *at(-1, 128, "act")))
def gpt_checkpointed():
    return CheckpointedGPT(), words(16, 16)


def squared_relu(x):
    return F.relu(x).square()


class SquaredMLP(MLP):
    def forward(self, x):
        return self.c_proj(squared_relu(self.c_fc(x)))


@published(*each("0123", "h.{}.mlp.", *at(-1, 128, "square(relu)")))
def gpt_of_zero_branches():
    """So et al. 2021 in the "speed run": branches that start at 0.

    No gradient enters them at first; it passes beside them.
    """
    model = GPT(SquaredMLP)
    for name, weight in model.named_parameters():
        if name.endswith("c_proj.weight"):
            nn.init.zeros_(weight)
    return model, words(16, 16)


class RMSNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        scale = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
        return x * scale * self.weight


def rotary(x):
    """Turn pairs of features by angles that grow along the tokens."""
    half = x.shape[-1] // 2
    rates = 1e4 ** -(torch.arange(half) / half)
    angles = torch.arange(x.shape[-2])[:, None] * rates
    a, b = x.chunk(2, -1)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


class SwiGLU(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.gate_proj = nn.Linear(width, 2 * width, bias=False)
        self.up_proj = nn.Linear(width, 2 * width, bias=False)
        self.down_proj = nn.Linear(2 * width, width, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class LlamaBlock(Block):
    def __init__(self, width, mlp=SwiGLU):
        super().__init__(width, mlp)
        self.attn.turn = rotary
        self.ln_1, self.ln_2 = RMSNorm(width), RMSNorm(width)


def llama_of(mlp, blocks):
    layers = [nn.Embedding(50, 32)]
    layers += [LlamaBlock(32, mlp) for _ in range(blocks)]
    layers += [RMSNorm(32), nn.Linear(32, 50, bias=False)]
    return start(nn.Sequential(*layers), small)


@published(*each("1234", "{}.mlp.", *at(-1, 64, "silu()")))
def llama():
    """Touvron et al. 2023."""
    return llama_of(SwiGLU, 4), words(16, 16)


class Experts(nn.Module):
    """Shazeer et al. 2017, each token to one of three gated experts.

    The third never wins here: it runs on no token.
    """

    def __init__(self, width):
        super().__init__()
        self.router = nn.Linear(width, 3, bias=False)
        self.w1 = nn.ModuleList([nn.Linear(width, 128) for _ in range(3)])
        self.w2 = nn.ModuleList([nn.Linear(64, width) for _ in range(3)])

    def forward(self, x):
        out = torch.zeros_like(x)
        logits = self.router(x) - torch.tensor([0.0, 0.0, 9.0])
        weight, choice = logits.softmax(-1).max(-1)
        for i, (w1, w2) in enumerate(zip(self.w1, self.w2)):
            chosen = choice == i
            gate, value = w1(x[chosen]).chunk(2, -1)
            found = w2(F.gelu(gate) * value)
            out[chosen] = weight[chosen].unsqueeze(-1) * found
        return out


@published(*each("12", "{}.mlp.", *at(-1, 64, *calls("gelu()", 2))))
def mixture_of_experts():
    return llama_of(Experts, 2), words(16, 16)


class ViTBlock(Block):
    def __init__(self, width):
        super().__init__(width)
        self.attn.causal = False
        self.mlp = nn.ModuleDict(
            {"fc1": nn.Linear(width, 128), "fc2": nn.Linear(128, width)}
        )

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp.fc2(F.gelu(self.mlp.fc1(self.ln_2(x))))


class ViT(nn.Module):
    """Dosovitskiy et al. 2020, with the start of DeiT."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 32, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, 32) * 0.02)
        self.places = nn.Parameter(torch.randn(1, 17, 32) * 0.02)
        self.blocks = nn.ModuleList([ViTBlock(32) for _ in range(4)])
        self.norm, self.head = nn.LayerNorm(32), nn.Linear(32, 10)
        for part in (self.blocks, self.head):
            start(part, small)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1)
        x = x + self.places
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


@published(*each("0123", "blocks.{}.", *at(-1, 128, "gelu()")))
def vit():
    return ViT(), pictures(16, 3, 16)


class MixerBlock(nn.Module):
    """Tolstikhin et al. 2021: mixes the tokens, then the channels."""

    def __init__(self, tokens=16, width=32):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.tokens, self.channels = (
            nn.Sequential(nn.Linear(n, wide), nn.GELU(), nn.Linear(wide, n))
            for n, wide in ((tokens, 24), (width, 64))
        )

    def forward(self, x):
        mixed = self.tokens(self.norm1(x).transpose(1, 2))
        x = x + mixed.transpose(1, 2)
        return x + self.channels(self.norm2(x))


class Patches(nn.Conv2d):
    def forward(self, x):
        return super().forward(x).flatten(2).transpose(1, 2)


class Mean(nn.Module):
    def forward(self, x):
        return x.mean(1)


@published(
    *each("123", "{}.", ("tokens.1", -1, 24), ("channels.1", -1, 64)),
)
def mlp_mixer():
    layers = [Patches(3, 32, 4, 4), *[MixerBlock() for _ in range(3)]]
    layers += [nn.LayerNorm(32), Mean(), nn.Linear(32, 10)]
    model = start(nn.Sequential(*layers), nn.init.xavier_uniform_)
    return model, pictures(16, 3, 16)


class GELUActivation(nn.Module):
    """As of the library transformers: a class that holds a function."""

    def __init__(self):
        super().__init__()
        self.act = F.gelu

    def forward(self, x):
        return self.act(x)


class BertLayer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.attention, self.dropout = Attention(width), nn.Dropout(0.1)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.intermediate = nn.Linear(width, 2 * width)
        self.intermediate_act_fn = GELUActivation()
        self.output = nn.Linear(2 * width, width)

    def forward(self, x, mask):
        x = self.norm1(x + self.dropout(self.attention(x, mask)))
        out = self.output(self.intermediate_act_fn(self.intermediate(x)))
        return self.norm2(x + self.dropout(out))


@dataclass
class ClassifierOutput:
    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    hidden_states: tuple | None = None


class Bert(nn.Module):
    """Devlin et al. 2018."""

    def __init__(self):
        super().__init__()
        self.embeddings, self.norm = nn.Embedding(50, 32), nn.LayerNorm(32)
        self.layer = nn.ModuleList([BertLayer(32) for _ in range(4)])
        self.pooler = nn.Sequential(nn.Linear(32, 32), nn.Tanh())
        self.classifier = nn.Linear(32, 2)

    def forward(self, input_ids, attention_mask=None, labels=None):
        x = self.norm(self.embeddings(input_ids))
        mask = (1.0 - attention_mask[:, None, None].float()) * -1e4
        for layer in self.layer:
            x = layer(x, mask)
        logits, loss = self.classifier(self.pooler(x[:, 0])), None
        if labels is not None:
            loss = F.cross_entropy(logits, labels)
        return ClassifierOutput(loss, logits)


BERT = (
    *each("0123", "layer.{}.", *at(-1, 64, "intermediate_act_fn")),
    ("pooler.1", -1, 32),
)


def sentences():
    lengths = torch.randint(4, 13, (32, 1))
    mask = (torch.arange(12) < lengths).long()
    return {"input_ids": words(32, 12), "attention_mask": mask}


@published(*BERT)
def bert():
    return start(Bert(), medium), sentences()


@published(*BERT)
def bert_with_labels():
    """It returns its own loss."""
    labels = torch.randint(2, (32,))
    return start(Bert(), medium), {**sentences(), "labels": labels}


# --- Recurrent networks, and networks of several parts ---


class LSTMClassifier(nn.Module):
    """Hochreiter and Schmidhuber 1997, fused; only the head can be seen."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(50, 16)
        self.lstm = nn.LSTM(16, 32, batch_first=True)
        self.fc1, self.fc2 = nn.Linear(32, 32), nn.Linear(32, 2)

    def forward(self, tokens):
        _, (hidden, _) = self.lstm(self.embedding(tokens))
        return self.fc2(F.relu(self.fc1(hidden[-1])))


@published(("relu()", -1, 32))
def lstm_classifier():
    return LSTMClassifier(), words(32, 12)


class LSTMByHand(nn.Module):
    """Gers et al. 2000: the forget gates start open, with a bias of 1."""

    def __init__(self):
        super().__init__()
        self.i2h = nn.Linear(8, 128)
        self.h2h, self.head = nn.Linear(32, 128, bias=False), nn.Linear(32, 2)
        nn.init.ones_(self.i2h.bias[:32].data)

    def forward(self, x):
        h = c = x.new_zeros(len(x), 32)
        for step in x.unbind(1):
            forget, enter, leave, new = (self.i2h(step) + self.h2h(h)).chunk(
                4, 1
            )
            c = torch.sigmoid(forget) * c + torch.sigmoid(enter) * new.tanh()
            h = torch.sigmoid(leave) * torch.tanh(c)
        return self.head(h)


@published(
    *[
        (f"{name}() (call {call})".replace(" (call 1)", ""), -1, 32)
        for i in range(0, 20, 2)
        for name, call in (
            *[("sigmoid", 3 * i // 2 + 1), ("sigmoid", 3 * i // 2 + 2)],
            *[("tanh", i + 1), ("sigmoid", 3 * i // 2 + 3), ("tanh", i + 2)],
        )
    ]
)
def lstm_by_hand():
    return LSTMByHand(), torch.randn(32, 10, 8)


class RNN(nn.Module):
    """It says something after every step."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.i2h, self.h2h = nn.Linear(8, 32), nn.Linear(32, 32, bias=False)
        self.h2o = nn.Linear(32, 4)

    def forward(self, x):
        hidden, said = x.new_zeros(len(x), 32), []
        for step in x.unbind(1):
            hidden = self.function(self.i2h(step) + self.h2h(hidden))
            said.append(self.h2o(hidden))
        return torch.stack(said, 1)


@published(*at(-1, 32, *calls("tanh()", 20)))
def tanh_rnn():
    """Unrolled by hand, from orthogonal states (Saxe et al. 2013)."""
    model = RNN(lambda z: torch.tanh(z))
    nn.init.orthogonal_(model.h2h.weight)
    return model, torch.randn(32, 20, 8)


@published(*at(-1, 32, *calls("relu()", 20)))
def identity_rnn():
    """Le et al. 2015."""
    model = start(
        RNN(lambda z: z.relu()), functools.partial(nn.init.normal_, std=1e-3)
    )
    nn.init.eye_(model.h2h.weight)
    return model, torch.randn(32, 20, 8)


class WaveNetLayer(nn.Module):
    def __init__(self, width, dilation):
        super().__init__()
        self.filter, self.gate = (
            nn.Conv1d(width, width, 2, dilation=dilation) for _ in "12"
        )
        self.residual, self.skip = (nn.Conv1d(width, width, 1) for _ in "12")
        self.dilation = dilation

    def forward(self, x):
        past = F.pad(x, (self.dilation, 0))
        out = torch.tanh(self.filter(past)) * torch.sigmoid(self.gate(past))
        return x + self.residual(out), self.skip(out)


class WaveNet(nn.Module):
    """Van den Oord et al. 2016."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv1d(1, 16, 1)
        self.layers = nn.ModuleList(WaveNetLayer(16, 2**i) for i in range(4))
        self.end1, self.end2 = nn.Conv1d(16, 16, 1), nn.Conv1d(16, 32, 1)

    def forward(self, x):
        x, total = self.stem(x), 0
        for layer in self.layers:
            x, skip = layer(x)
            total = total + skip
        return self.end2(self.end1(total.relu()).relu())


@published(
    *each("0123", "layers.{}.", *at(1, 16, "tanh()", "sigmoid()")),
    *at(1, 16, *calls("relu()", 2)),
)
def wavenet():
    return WaveNet(), torch.randn(8, 1, 64)


class GraphConvolution(nn.Module):
    def __init__(self, fan_in, fan_out):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(fan_in, fan_out))
        self.bias = nn.Parameter(torch.zeros(fan_out))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x, adjacency):
        return torch.mm(adjacency, torch.mm(x, self.weight)) + self.bias


class GCN(nn.Module):
    """Kipf and Welling 2016."""

    def __init__(self):
        super().__init__()
        self.gc1 = GraphConvolution(100, 16)
        self.gc2 = GraphConvolution(16, 4)

    def forward(self, x, adjacency):
        x = F.relu(self.gc1(x, adjacency))
        x = F.dropout(x, 0.5, training=self.training)
        return F.log_softmax(self.gc2(x, adjacency), dim=1)


@published(("relu()", -1, 16))
def graph_convolution():
    """Bags of words, and the neighbours of each of 60 papers."""
    x = (torch.rand(60, 100) < 0.1).float() + 1e-3
    near = ((torch.rand(60, 60) < 0.05) | torch.eye(60, dtype=bool)).float()
    return GCN(), (x / x.sum(1, True), near / near.sum(1, True))


def orthogonal(fan_in, fan_out, std=2**0.5):
    layer = nn.Linear(fan_in, fan_out)
    nn.init.orthogonal_(layer.weight, std)
    nn.init.zeros_(layer.bias)
    return layer


class ActorCritic(nn.Module):
    """Schulman et al. 2017 as in CleanRL: the actor's outputs start small."""

    def __init__(self):
        super().__init__()
        self.critic, self.actor = (
            nn.Sequential(
                *[orthogonal(4, 64), nn.Tanh(), orthogonal(64, 64)],
                *[nn.Tanh(), orthogonal(64, size, std)],
            )
            for size, std in ((1, 1.0), (2, 0.01))
        )

    def forward(self, x):
        return self.actor(x), self.critic(x)


@published(*at(-1, 64, "actor.1", "actor.3", "critic.1", "critic.3"))
def actor_critic():
    return ActorCritic(), torch.randn(64, 4)


@published(*at(-1, 64, "1", "3"), ("5", -1, 2))
def ddpg_actor():
    """Lillicrap et al. 2015: its actions start near 0."""
    layers = [nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(64, 2), nn.Tanh())
    for parameter in model[4].parameters():
        nn.init.uniform_(parameter, -3e-3, 3e-3)
    return model, torch.randn(64, 8)


class Sine(nn.Module):
    def forward(self, x):
        return torch.sin(30 * x)


@published(*at(-1, 64, "1", "3", "5"))
def siren():
    """Sitzmann et al. 2020, for the places in a picture."""
    layers = [nn.Linear(2, 64), Sine(), nn.Linear(64, 64), Sine()]
    layers += [nn.Linear(64, 64), Sine(), nn.Linear(64, 1)]
    nn.init.uniform_(layers[0].weight, -1 / 2, 1 / 2)
    for layer in layers[2::2]:
        nn.init.uniform_(layer.weight, -0.01, 0.01)  # sqrt(6 / 64) / 30
    return nn.Sequential(*layers), torch.rand(256, 2) * 2 - 1


class QuickGELU(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


class CLIP(nn.Module):
    """Radford et al. 2021: two towers whose outputs have unit length."""

    def __init__(self):
        super().__init__()
        layers = conv(3, 16, 4, 4), nn.BatchNorm2d(16), nn.ReLU(inplace=True)
        self.image = nn.Sequential(*layers, *pooled(16))
        layers = nn.Embedding(50, 32), Block(32), Block(32), Mean()
        self.text = nn.Sequential(*layers, nn.Linear(32, 10, bias=False))
        for block in self.text[1:3]:
            block.mlp.act = QuickGELU()
        self.scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def forward(self, image, text):
        image = F.normalize(self.image(image), dim=-1)
        text = F.normalize(self.text(text), dim=-1)
        return self.scale.exp() * image @ text.T


def contrastive(logits):
    pairs = torch.arange(len(logits))
    return F.cross_entropy(logits, pairs) + F.cross_entropy(logits.T, pairs)


@published(
    ("image.2", 1, 16),
    *each("12", "text.{}.mlp.", *at(-1, 128, "act")),
    loss=contrastive,
)
def clip():
    return CLIP(), (pictures(32, 3, 16), words(32, 12))


class Siamese(nn.Module):
    """Bromley et al. 1993: one network, called for each of two pictures."""

    def __init__(self):
        super().__init__()
        layers = [nn.Conv2d(1, 8, 5), nn.ReLU(True), nn.MaxPool2d(2)]
        layers += [nn.Flatten(), nn.Linear(288, 32), nn.PReLU()]
        self.twin = nn.Sequential(*layers)
        self.head = nn.Linear(32, 1)

    def forward(self, one, other):
        return self.head((self.twin(one) - self.twin(other)).abs())


@published(
    *[("twin.1", 1, 8), ("twin.5", -1, 32)],
    *[("twin.1 (call 2)", 1, 8), ("twin.5 (call 2)", -1, 32)],
)
def siamese():
    return Siamese(), (pictures(32, 1, 16), pictures(32, 1, 16))


@published(*at(-1, 32, *map(str, range(1, 16, 2))))
def selu_network():
    """Klambauer et al. 2017: eight layers, weights of variance 1/fan-in."""
    layers = []
    for fan_in in [20, *[32] * 7]:
        layers += [nn.Linear(fan_in, 32), nn.SELU()]
    model = nn.Sequential(*layers, nn.Linear(32, 3))
    return start(model, lecun), torch.randn(64, 20)


class PointNet(nn.Module):
    """Qi et al. 2016: the largest of each feature over all points."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv1d(3, 32, 1), nn.Conv1d(32, 64, 1)
        self.bn1, self.bn2 = nn.BatchNorm1d(32), nn.BatchNorm1d(64)
        self.fc1, self.fc2 = nn.Linear(64, 32), nn.Linear(32, 10)
        self.bn3 = nn.BatchNorm1d(32)

    def forward(self, x):
        x = x.transpose(2, 1)
        x = F.relu(self.bn1(self.conv1(x)))
        x = torch.max(F.relu(self.bn2(self.conv2(x))), 2)[0]
        return self.fc2(F.relu(self.bn3(self.fc1(x))))


@published(*zip(calls("relu()", 3), (1, 1, -1), (32, 64, 32)))
def pointnet():
    return PointNet(), torch.randn(32, 40, 3)


class Recommender(nn.Module):
    """He et al. 2017: what a user and a thing have in common."""

    def __init__(self):
        super().__init__()
        self.users, self.things = nn.Embedding(40, 16), nn.Embedding(60, 16)
        layers = [nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU()]
        self.mlp, self.head = nn.Sequential(*layers), nn.Linear(24, 1)

    def forward(self, user, thing):
        user, thing = self.users(user), self.things(thing)
        deep = self.mlp(torch.cat([user, thing], -1))
        return self.head(torch.cat([user * thing, deep], -1)).squeeze(-1)


@published(("mlp.1", -1, 16), ("mlp.3", -1, 8))
def recommender():
    """Small embeddings, as in the authors' code."""
    model = start(Recommender(), nn.init.xavier_uniform_)
    for table in (model.users, model.things):
        nn.init.normal_(table.weight, std=0.01)
    return model, (torch.randint(40, (64,)), torch.randint(60, (64,)))


# Each of these classes maps every number on its own: it is one activation.
ELEMENTWISE = (
    *(GELUActivation, HardSigmoid, HardSwish, MemoryEfficientSwish),
    *(NewGELU, QuickGELU, Sine),
)
