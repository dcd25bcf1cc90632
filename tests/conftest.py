"""What tests of different folders share: a browser."""

import os

import pytest

from tools.browser import BROWSERS, chromium


@pytest.fixture(scope="session")
def browser():
    """Start the Chromium on PATH; fail in CI, skip loudly elsewhere."""
    with chromium() as found:
        if found is None:
            message = (
                "NO BROWSER FOUND: the browser tests did not run. "
                f"Install one of {', '.join(BROWSERS)}."
            )
            (pytest.fail if os.environ.get("CI") else pytest.skip)(message)
        yield found
