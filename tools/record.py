"""Run the experiments whose code changed, and record what they find.

::

    python -m tools.record              # all that are not current
    python -m tools.record dying        # those of a module, current or not
    python -m tools.record dying.cures  # one
"""

import importlib
import pkgutil
import sys

import torch

from utils import experiments, records


def found():
    """Return all experiments, by name.

    Returns
    -------
    dict of str to Experiment
        Such as "dying.cures", in the order of modules and of their code.
    """
    modules = (
        importlib.import_module(f"{experiments.__name__}.{module.name}")
        for module in pkgutil.iter_modules(experiments.__path__)
    )
    return {
        value.name: value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, records.Experiment)
        and value.__module__ == module.__name__
    }


def main(names):
    """Record the experiments of these names, or all that are not current."""
    known = found()
    if names:
        chosen = [k for k in known if {k, k.partition(".")[0]} & set(names)]
    else:
        chosen = [k for k in known if not known[k].is_current()]
    there = {*known, *(k.partition(".")[0] for k in known)}
    if unknown := [name for name in names if name not in there]:
        sys.exit(
            f"There is no experiment {', '.join(unknown)}; there are: "
            f"{', '.join(known)}"
        )
    torch.set_num_threads(1)
    for name in chosen:
        print(name, end=" ", flush=True)
        known[name].run()
        print(f"{known[name].record().seconds:.0f} s", flush=True)
    print(f"{len(chosen)} of {len(known)} were run.")


if __name__ == "__main__":
    main(sys.argv[1:])
