"""What training returns: the trained networks and how they got there."""

import copy
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, vmap

from .. import arguments
from .batch import Networks, place


class Best(NamedTuple):
    """What `result.best()` returns.

    Parameters
    ----------
    accuracy : ndarray
        Test accuracy of every seed at that rate after the last epoch, in
        percent, (S,).
    learning_rate : float
        The rate.
    column : int
        Its place among the R learning rates.
    """

    accuracy: np.ndarray
    learning_rate: float
    column: int


class _Curves:
    """What results with `train_loss` and `test_accuracy` have in common."""

    @property
    def final_accuracy(self):
        """Test accuracy after the last epoch in percent, (S, R)."""
        return 100 * self.test_accuracy[-1]

    def best(self, by="test_accuracy"):
        """Return the accuracies of all seeds at the best rate, and the rate.

        Parameters
        ----------
        by : {"test_accuracy", "train_loss"}
            What makes a rate the best after the last epoch: the highest mean
            accuracy over the seeds, or the lowest mean loss. A rate at which
            a loss is nan comes last; of equally good ones the first is taken.

        Returns
        -------
        Best
            `accuracy` (S,) in percent, `learning_rate` and `column`.

        Raises
        ------
        ValueError
            If `by` is another name, if there was no epoch and so no loss, or
            if there are no classes and so no accuracy.

        Examples
        --------
        >>> from utils import data, networks
        >>> result = networks.train(data.spirals(), seeds=2, epochs=30,
        ...                         learning_rates=[0.001, 0.1])
        >>> best = result.best()
        >>> best.accuracy.shape, best.learning_rate, best.column
        ((2,), 0.1, 1)
        """
        goodness = {
            "test_accuracy": lambda: self._accuracy()[-1].mean(axis=0),
            "train_loss": self._negative_loss,
        }
        score = arguments.choice("by", by, goodness)()
        column = int(score.argmax())
        return Best(
            self.final_accuracy[:, column],
            self.learning_rates[column],
            column,
        )

    def epochs_to(self, goal, by="test_accuracy"):
        """Return the epochs after which each network first reaches a goal.

        Parameters
        ----------
        goal : float
            The share of right answers to reach, from 0 to 1, or the loss to
            go below.
        by : {"test_accuracy", "train_loss"}
            What is to reach it. An epoch's loss is the mean over its
            minibatches; before training there is none.

        Returns
        -------
        ndarray
            (S, R), whole epochs; inf where the goal is never reached.

        Raises
        ------
        ValueError
            If `by` is another name, if `goal` is not positive and finite or
            an accuracy above 1, or if there are no classes and so no accuracy.

        Examples
        --------
        >>> from utils import data, networks
        >>> result = networks.train(data.spirals(), seeds=2, epochs=30,
        ...                         learning_rates=[0.001, 0.1])
        >>> result.epochs_to(0.8).tolist()
        [[inf, 16.0], [inf, 14.0]]
        """
        goal = arguments.positive("goal", goal)
        reached = arguments.choice(
            "by",
            by,
            {
                "test_accuracy": lambda: self._accuracy() >= goal,
                "train_loss": lambda: np.pad(
                    self.train_loss < goal, ((1, 0), (0, 0), (0, 0))
                ),
            },
        )()
        if by == "test_accuracy" and goal > 1:
            raise ValueError(
                f"goal must be a share up to 1, such as 0.9, got {goal:g}"
            )
        return np.where(reached.any(axis=0), reached.argmax(axis=0), np.inf)

    def _accuracy(self):
        if np.isnan(self.test_accuracy).all():
            raise ValueError(
                "by='test_accuracy' needs a data set with classes, and these "
                "networks learned numbers; take by='train_loss'"
            )
        return self.test_accuracy

    def _negative_loss(self):
        if len(self.train_loss) == 0:
            raise ValueError(
                "by='train_loss' needs an epoch of training, got none; take "
                "epochs=1 or more, or by='test_accuracy'"
            )
        loss = self.train_loss[-1].mean(axis=0)
        return -np.where(np.isnan(loss), np.inf, loss)


@dataclass(eq=False, repr=False)
class TrainingResult(_Curves, Networks):
    """The trained networks and how they got there.

    Besides what every `Networks` holds, with T steps in all.

    Parameters
    ----------
    optimizer : str
        As given to `train`.
    train_loss : ndarray
        Cross-entropy, or squared error where the targets are numbers, the
        mean over each epoch's minibatches, (epochs, S, R).
    test_accuracy : ndarray
        Share of right answers before training, then after every epoch,
        (epochs + 1, S, R). A diverged network answers class 0 once its
        outputs are nan. All nan where the targets are numbers.
    diverged : ndarray of bool
        Whether the loss or a parameter is not finite, (S, R).
    gradient_norm : ndarray
        Norm of the whole gradient at every step, before clipping, (T, S, R);
        empty, (0, S, R), where max_norm was not given.
    initial : Networks
        The networks before training.
    snapshots : dict of int to Networks
        The networks after the steps that were asked for.
    """

    optimizer: str
    train_loss: np.ndarray
    test_accuracy: np.ndarray
    diverged: np.ndarray
    gradient_norm: np.ndarray
    initial: Networks
    snapshots: dict

    def __repr__(self):
        """Return what was trained, no arrays."""
        return (
            f"{super().__repr__()[:-1]}, {len(self.train_loss)} epochs "
            f"of {self.optimizer}, {self.diverged.sum()} diverged)"
        )


@dataclass(eq=False, repr=False)
class ModulesResult(_Curves):
    """Trained modules, S seeds times R learning rates, and their curves.

    Parameters
    ----------
    skeleton : Module
        A module of the same structure, without numbers.
    seeds : tuple of int
        The S seeds.
    learning_rates : tuple of float
        The R learning rates.
    optimizer : str
        As given to `train_modules`.
    parameters : dict of str to Tensor
        (S, R, ...), under the names that they have in torch.
    train_loss, test_accuracy, diverged : ndarray
        As in `TrainingResult`.
    """

    skeleton: nn.Module
    seeds: tuple
    learning_rates: tuple
    optimizer: str
    parameters: dict
    train_loss: np.ndarray
    test_accuracy: np.ndarray
    diverged: np.ndarray

    def __repr__(self):
        """Return what was trained, no arrays."""
        return (
            f"ModulesResult({type(self.skeleton).__name__}, "
            f"{len(self.seeds)} seeds x {len(self.learning_rates)} "
            f"learning rates, {len(self.train_loss)} epochs of "
            f"{self.optimizer}, {self.diverged.sum()} diverged)"
        )

    def predict(self, x):
        """Return the logits of every module.

        Parameters
        ----------
        x : array_like
            Samples, (N, features).

        Returns
        -------
        Tensor
            (S, R, N, classes).
        """
        flat = {name: p.flatten(0, 1) for name, p in self.parameters.items()}
        x = torch.as_tensor(x, dtype=next(iter(flat.values())).dtype)
        with torch.no_grad():
            logits = stacked(self.skeleton, flat, in_dims=(0, None))(x)
        return logits.unflatten(0, self.diverged.shape)

    def network(self, seed, learning_rate):
        """Return a copy of one module, as `Networks.network` does."""
        member = place(self, seed, learning_rate)
        own = {name: p[member] for name, p in self.parameters.items()}
        network = copy.deepcopy(self.skeleton).to_empty(device="cpu")
        network.load_state_dict(own)
        return network.eval()


def stacked(skeleton, parameters, in_dims=(0, 0)):
    """Return the function of x that calls every member at once."""
    call = vmap(lambda own, x: functional_call(skeleton, own, (x,)), in_dims)
    return lambda x: call(parameters, x)
