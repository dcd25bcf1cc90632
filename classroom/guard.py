"""What runs in a student's kernel, beside the student's cells.

Its text is sent there; the grader itself does not import it. It keeps the
handed-out code as it was, and hands the answers over. It holds up what is
done by accident or in passing. It is no wall: a kernel belongs to its student.
"""

import pickle
import sys
import types
import warnings

import numpy
from IPython import get_ipython

shell = get_ipython()
HOOKS = ("ast_transformers", "input_transformers_post")
MANAGER = ("cleanup_transforms", "line_transforms", "token_transformers")
SYSTEM = ("IPython", "ipykernel", "matplotlib", "matplotlib_inline")


def leave(*_):
    """End a cell where `quit()` would end the kernel, some time later."""
    raise SystemExit


def _code(thing):
    return getattr(getattr(thing, "__wrapped__", thing), "__code__", None)


def _parts():
    """Yield (holder, its name, name of the part, part) of what counts."""
    for name, module in sorted(sys.modules.items()):
        if name in ("builtins", "numpy") or name.startswith("utils."):
            for part, thing in list(vars(module).items()):
                if callable(thing) and part != "input":  # ipykernel's own
                    yield module, name, part, thing
                if isinstance(thing, type) and name.startswith("utils.checks"):
                    for method, function in list(vars(thing).items()):
                        if callable(function):
                            yield thing, f"{name}.{part}", method, function


class Guard:
    """Remembers what was there before the student's first cell."""

    def __init__(self, check):
        self.check = check
        self.module = shell.user_ns[check]
        self.parts = [(*part, _code(part[-1])) for part in _parts()]
        self.types = [
            (holder, set(vars(holder)))
            for holder in dict.fromkeys(part[0] for part in self.parts)
            if isinstance(holder, type)
        ]
        self.hooks = [
            (holder, name, list(getattr(holder, name)))
            for holder, names in (
                (shell, HOOKS),
                (shell.input_transformer_manager, MANAGER),
            )
            for name in names
            if hasattr(holder, name)
        ]
        self.errors = numpy.geterr()
        self.filters = list(warnings.filters)
        shell.ask_exit = leave
        self.patched = []

    def before(self, target):
        """Put back what was replaced, and forget the last feedback."""
        self.patched = []
        for holder, where, name, thing, code in self.parts:
            now = vars(holder).get(name)
            changed = now is not thing
            if code is not None and _code(thing) is not code:
                getattr(thing, "__wrapped__", thing).__code__ = code
                changed = True
            if changed:
                setattr(holder, name, thing)
                self.patched.append(f"{where}.{name}".removeprefix("utils."))
        for holder, names in self.types:
            for name in set(vars(holder)) - names:
                delattr(holder, name)
                self.patched.append(f"{holder.__qualname__}.{name}")
        for holder, name, was in self.hooks:
            if list(getattr(holder, name)) != was:
                getattr(holder, name)[:] = was
                self.patched.append(f"IPython's {name}")
        for event, callbacks in shell.events.callbacks.items():
            for callback in list(callbacks):
                module = getattr(callback, "__module__", None) or ""
                if module.partition(".")[0] not in SYSTEM:
                    callbacks.remove(callback)
                    self.patched.append(f"IPython's event {event}")
        if shell.user_ns.get(self.check) is not self.module:
            shell.user_ns[self.check] = self.module
            self.patched.append(self.check)
        numpy.seterr(**self.errors)
        warnings.filters[:] = self.filters
        shell.user_ns.pop(target, None)

    def after(self, target, expressions, path):
        """Write the answers, and what the check here said, to `path`."""
        said = shell.user_ns.get(target)
        told = {
            "patched": sorted(set(self.patched)),
            "state": str(getattr(said, "state", "")),
            "message": str(getattr(said, "message", ""))[:100_000],
            "answers": None,
            "own": [],
        }
        try:
            answers = [eval(text, shell.user_ns) for text in expressions]
            told["own"] = [
                text
                for text, answer in zip(expressions, answers)
                if type(answer).__module__ == "__main__"
                and not callable(answer)
            ]
            told["answers"] = pickle.dumps(answers, 4)
        except Exception:  # functions, modules: not for another process
            pass
        with open(path, "wb") as file:
            pickle.dump(told, file, 4)


def start(check):
    """Make the guard known under a name that cells do not use by accident."""
    module = types.ModuleType("_guard")
    guard = Guard(check)
    module.before, module.after = guard.before, guard.after
    sys.modules["_guard"] = module
