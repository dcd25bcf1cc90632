"""Learning task after task: torch's steps, recycled units, no mixing."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from utils import data
from utils.experiments import changing
from utils.experiments.changing import Cohort, Learner

DIGITS = data.digits()
SIZES = 64, 8, 8, 8, 10
X = torch.tensor(DIGITS.x_train[:96]).reshape(1, 96, 64)
Y = torch.tensor(DIGITS.y_train[:96]).reshape(1, 96)
TORCH = {
    "sgd": lambda p, own: torch.optim.SGD(p, own.rate),
    "adam": lambda p, own: torch.optim.AdamW(
        p, own.rate, (0.9, own.beta2), weight_decay=own.decay
    ),
}


def as_module(nets):
    """Return the first network in torch's modules."""
    network = nn.Sequential()
    for weight, bias in zip(nets.weights, nets.biases):
        linear = nn.Linear(*weight.shape[1:], dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(weight[0].T)
            linear.bias.copy_(bias[0, 0])
        network.extend([linear, nn.ReLU()])
    return network[:-1]


@pytest.mark.parametrize(
    ("optimizer", "learner"),
    [
        ("sgd", Learner(0.1)),
        ("adam", Learner(0.01)),
        ("adam", Learner(0.01, decay=0.5)),
        ("adam", Learner(0.01, beta2=0.9)),
    ],
)
def test_steps_are_those_of_torch(optimizer, learner):
    nets = Cohort([Learner(0.3), learner], [5], optimizer, SIZES)
    alone = Cohort([learner], [5], optimizer, SIZES)
    network = as_module(nets)
    descent = TORCH[optimizer](network.parameters(), learner)
    for rows in torch.arange(96).split(32):
        for each in (nets, alone):
            each.step(X[:, rows], Y[:, rows])
        descent.zero_grad()
        F.cross_entropy(network(X[0, rows]), Y[0, rows]).backward()
        descent.step()
    for weight, own, part in zip(nets.weights, alone.weights, network[::2]):
        np.testing.assert_allclose(weight[1].detach().T, part.weight.detach())
        np.testing.assert_allclose(weight[1].detach(), own[0].detach())


def test_decay_of_sgd_takes_a_share_of_the_rate():
    plain, decayed = (
        Cohort([Learner(0.1, decay=decay)], [5], "sgd", SIZES)
        for decay in (0, 0.5)
    )
    start = plain.weights[0].detach().clone()
    for nets in (plain, decayed):
        nets.step(X, Y)
    lost = (plain.weights[0] - decayed.weights[0]).detach()
    np.testing.assert_allclose(lost, 0.05 * start)


def test_a_seed_and_a_learner_learn_the_same_among_others():
    learners = {
        "recycled": Learner(0.01, recycles=0.3),
        "renewed": Learner(0.01, renews=0.1, longest=1.0),
        "forgetting": Learner(0.01, torch.tanh, forgets=True),
    }
    options = {"dataset": data.digits(n=300), "tasks": 5, "epochs": 2}
    both = changing.follow(learners, [0, 1], "adam", **options)
    for name, learner in learners.items():
        one = changing.follow({name: learner}, [1], "adam", **options)
        for key, value in one.items():
            np.testing.assert_allclose(both[key][1:], value, err_msg=key)


def test_recycling_a_dead_unit_leaves_every_answer_as_it_was():
    nets = Cohort(
        [Learner(0.01, recycles=0), Learner(0.01)], [0], "adam", SIZES
    )
    with torch.no_grad():
        nets.biases[1][:, 0, 3] = -1e6
    nets.step(X, Y)
    before, old = nets.forward(X)[0].detach(), nets.weights[1].detach().clone()
    assert nets.silent(X)[0][0, 0, 1] >= 12.5
    nets.recycle(X)
    np.testing.assert_allclose(nets.forward(X)[0].detach(), before)
    dead, _ = nets.silent(X)
    assert dead[0].max() == 0 < dead[1, 0, 1]
    assert (nets.weights[1][1] == old[1]).all()
    assert (nets.weights[1][0, :, 3] != old[0, :, 3]).all()
    # A unit that begins anew itself may listen to one that does.
    out, kept = (weight[3] for weight in nets.weights[2].detach())
    assert ((out == 0) | (nets.weights[3][0] == 0).all(dim=1)).all()
    assert kept.all()
    mean, square = nets.states[1]
    assert not mean[0, :, 3].any() and not square[0, :, 3].any()


def test_nothing_begins_anew_in_a_dead_layer_of_who_does_not_recycle():
    nets = Cohort([Learner(0.01), Learner(0.01, renews=1)], [0], "adam", SIZES)
    with torch.no_grad():
        nets.biases[1][:] = -1e6
    before = [weight.detach().clone() for weight in nets.weights]
    assert nets.silent(X)[0][..., 1].min() == 100
    nets.recycle(X)
    for weight, old in zip(nets.weights, before):
        np.testing.assert_array_equal(weight.detach()[0], old[0])
    assert nets.renewed().tolist() == [[[0, 0, 0]], [[0, 0, 0]]]


def test_units_that_are_off_begin_anew_with_a_leak_as_well():
    nets = Cohort(
        [Learner(0.01, changing.leaky(0.01), recycles=0)], [0], "adam", SIZES
    )
    with torch.no_grad():
        nets.biases[1][:, 0, 3] = -1e6
    dead, off = nets.silent(X)
    assert not dead.any() and off[0, 0, 1] >= 12.5
    nets.recycle(X)
    assert not nets.silent(X)[1][0, 0, 1]
    np.testing.assert_allclose(nets.renewed()[0, 0], off[0, 0])


def test_who_renews_draws_from_living_units_beyond_the_first_layer():
    nets = Cohort([Learner(0.01, renews=0.5)], range(9), "adam", SIZES)
    with torch.no_grad():
        nets.biases[1][:, 0, 3] = -1e6
    old = [weight.detach().clone() for weight in nets.weights]
    nets.recycle(X.repeat(9, 1, 1))
    first, second, *_ = (
        (new != was).any(dim=1) for new, was in zip(nets.weights, old)
    )
    assert not first.any() and not second[:, 3].any()
    share = nets.renewed().mean(dim=(0, 1))
    assert share[0] == 0 and 25 < share[1:].min() < share[1:].max() < 75


def test_no_step_is_longer_than_the_longest():
    free, short = (
        Cohort([Learner(0.01, longest=own)], [0], "adam", SIZES)
        for own in (np.inf, 0.5)
    )
    for nets in (free, short):
        nets.start = nets.weights[2].detach().clone()
        nets.step(X, Y)
    own, other = ((n.weights[2] - n.start).abs().max() for n in (free, short))
    np.testing.assert_allclose([own.item(), other.item()], [0.01, 0.005], 1e-4)


def test_adam_begins_anew_where_it_forgets():
    nets = Cohort(
        [Learner(0.01, forgets=True), Learner(0.01)], [0], "adam", SIZES
    )
    nets.step(X, Y)
    nets.forget()
    mean, square = nets.states[0]
    assert not mean[0].any() and not square[0].any() and square[1].any()
    assert nets.steps.flatten().tolist() == [0, 1]


def test_the_last_ten_tasks_are_the_last_two_blocks():
    found = {
        "accuracy, relu": np.arange(20.0).reshape(2, 10),
        "off, relu": np.arange(60.0).reshape(2, 10, 3),
    }
    last = changing.last_ten(found, "accuracy", "relu")
    assert last.tolist() == [8.5, 18.5]
    last = changing.last_ten(found, "off", "relu")
    assert last.tolist() == [27.0, 57.0]
