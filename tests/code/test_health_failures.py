"""Failures that people report are named, and the advice on each heals it."""

from dataclasses import replace
from functools import cache

import pytest
import torch

from tests.code.failures import FAILURES
from utils import health

NAMES = list(FAILURES)
NAMED_AFTER = [name for name in NAMES if FAILURES[name].after]
FOLLOWED = [(name, word) for name in NAMES for word in FAILURES[name].remedies]


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@cache
def ill(name):
    return FAILURES[name].ill.run()


@cache
def healed(name, word):
    return FAILURES[name].follow(word).run()


def findings(name, training, model):
    """Return what the report finds on all the data of a training."""
    report = health.report(
        model,
        training.data(),
        loss=training.loss,
        all_data=FAILURES[name].all_data,
    )
    return report.findings


def fitting(found, verdict):
    """Return the findings that say what a verdict wants."""
    return [
        finding
        for finding in found
        if finding.chapter == verdict.chapter
        and verdict.word.lower()
        in f"{finding.layer}: {finding.problem}".lower()
    ]


def first(failure):
    """Return the verdict of the first report that sees the failure."""
    return failure.before or failure.after


# Without the report


@pytest.mark.parametrize("name", NAMES)
def test_the_ill_training_fails(name):
    failure = FAILURES[name]
    # nan is no skill either.
    assert not failure.ill.worth(ill(name)) >= failure.fails


@pytest.mark.parametrize(("name", "word"), FOLLOWED)
def test_the_remedy_followed_to_the_letter_heals_it(name, word):
    failure = FAILURES[name]
    training = failure.follow(word)
    assert training.worth(healed(name, word)) > failure.learns


# With the report


@pytest.mark.parametrize("name", NAMES)
def test_what_can_be_seen_before_training_is_said(name):
    failure = FAILURES[name]
    found = findings(name, failure.ill, failure.ill.start())
    if failure.before:
        assert fitting(found, failure.before), found
    else:
        assert not found


@pytest.mark.parametrize("name", NAMED_AFTER)
def test_what_is_wrong_after_training_is_said(name):
    failure = FAILURES[name]
    found = findings(name, failure.ill, ill(name))
    assert fitting(found, failure.after), found


@pytest.mark.parametrize(("name", "word"), FOLLOWED)
def test_the_first_report_that_sees_it_advises_what_heals(name, word):
    failure = FAILURES[name]
    model = failure.ill.start() if failure.before else ill(name)
    found = findings(name, failure.ill, model)
    remedies = [
        finding.remedy.lower() for finding in fitting(found, first(failure))
    ]
    assert any(word.lower() in remedy for remedy in remedies), remedies


@pytest.mark.parametrize(("name", "word"), FOLLOWED)
def test_the_finding_is_gone_where_the_remedy_was_followed(name, word):
    failure = FAILURES[name]
    found = findings(name, failure.follow(word), healed(name, word))
    assert not fitting(found, first(failure))


def test_a_last_layer_that_starts_at_0_is_named_though_it_learns():
    training = FAILURES["zeros"].follow("He's")
    model = training.start()
    for p in model[-1].parameters():
        torch.nn.init.zeros_(p)
    x, y = training.data()
    report = health.report(model, (x, y), loss=training.loss)
    (finding,) = report.findings
    assert "exactly 0" in finding.problem
    trained = replace(training, build=lambda: model).run()
    assert training.worth(trained) > FAILURES["zeros"].learns
    assert not health.report(trained, (x, y), loss=training.loss).findings
