"""Train many small networks at once: every seed with every learning rate.

What one network of a batch learns depends on its own seed and learning rate
only. `batch` says what a network is, `training` trains, and `results` is what
training returns.
"""

from .batch import (
    ACTIVATIONS,
    KINDS,
    WEIGHT_INITS,
    Networks,
    ReLUSquared,
    Residual,
    initialise,
)
from .results import Best, ModulesResult, TrainingResult
from .training import OPTIMIZERS, train, train_modules

__all__ = [
    "ACTIVATIONS",
    "KINDS",
    "OPTIMIZERS",
    "WEIGHT_INITS",
    "Best",
    "ModulesResult",
    "Networks",
    "ReLUSquared",
    "Residual",
    "TrainingResult",
    "initialise",
    "train",
    "train_modules",
]
