"""What tests of different folders share: a browser."""

import os

import pytest

from tools.browser import chromium


@pytest.fixture(scope="session")
def browser():
    """Start a Chromium; fail in CI, skip loudly elsewhere."""
    with chromium() as found:
        if found is None:
            message = (
                "NO BROWSER FOUND: the browser tests did not run. "
                "`make test` gets one, and so does `python -m tools.browser`."
            )
            (pytest.fail if os.environ.get("CI") else pytest.skip)(message)
        yield found
