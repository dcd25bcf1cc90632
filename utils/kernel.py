"""Who runs the code: a person in a live notebook, or a program."""

from IPython import get_ipython


def person_watches():
    """Tell whether a person runs this cell, who can see and answer.

    Jupyter lets a person type input (`allow_stdin` in the request that runs a
    cell [1]_). nbclient forbids it, and with it all that execute notebooks by
    program: the book's build, nbconvert and nbval.

    Returns
    -------
    bool
        True in JupyterLab and its like, False where a program runs the
        notebook and outside of notebooks.

    References
    ----------
    .. [1] https://jupyter-client.readthedocs.io/en/stable/messaging.html

    Examples
    --------
    >>> person_watches()
    False
    """
    shell = get_ipython()
    if not hasattr(shell, "get_parent"):
        return False
    return bool(shell.get_parent().get("content", {}).get("allow_stdin"))
