"""What the tests of the built book share: where it is, a server, a browser."""

import contextlib
import functools
import http.server
import os
import shutil
import threading
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
HTML = ROOT / "_build" / "html"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")

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


@contextlib.contextmanager
def serving(handler):
    """Serve on loopback, on a free port; yield the address."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}/"
        httpd.shutdown()


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


@contextlib.contextmanager
def chromium():
    """Start the Chromium on PATH; yield None where there is none."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        yield None
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


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
