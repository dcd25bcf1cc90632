"""What the tests of the built book share: where it is, and a server."""

import functools
import http.server

import pytest

from tools.browser import serving
from tools.paths import HTML

# Nothing but the site itself, its inline code, and pictures in the page.
POLICY = (
    "default-src 'self'; img-src 'self' data:; "
    "script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'"
)


@pytest.fixture(scope="session")
def site():
    """Return the folder of the built book."""
    if not (HTML / "index.html").exists():
        pytest.fail(f"no book in {HTML}: run `make book` first")
    return HTML


@pytest.fixture(scope="session")
def server(site):
    """Serve the built book on loopback; return its address.

    Each page comes with a policy; a browser says in an error what it refused.
    """

    class Handler(http.server.SimpleHTTPRequestHandler):
        def end_headers(self):
            self.send_header("Content-Security-Policy", POLICY)
            super().end_headers()

        def log_message(self, *args):
            pass

    with serving(functools.partial(Handler, directory=site)) as address:
        yield address
