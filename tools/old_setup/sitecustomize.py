"""What `ast` lost in Python 3.14, for a `setup.py` that is older.

That of deepCR reads its version by `ast.Constant.s`. The set-up has this
folder on Python's path while it installs requirements-wild.txt, and Python
runs a file of this name whenever it starts, also to build a package.
"""

import ast

if not hasattr(ast.Constant, "s"):
    ast.Constant.s = property(lambda constant: constant.value)
