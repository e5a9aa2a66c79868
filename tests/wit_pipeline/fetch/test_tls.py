"""https on loopback: a certificate that is trusted, one that is not, and a handshake that never ends."""

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from wit_pipeline.fetch.client import Client, FetchError
from wit_pipeline.fetch.http import wire
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.records import Reason

PAGE = b"over TLS"
MAKE = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=loopback"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, its key in the same file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed, and makes the certificate")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    out = ["-keyout", f"{path}.key", "-out", f"{path}.crt", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(["openssl", *MAKE.split(), *out], check=True, capture_output=True)
    path.write_text(Path(f"{path}.key").read_text() + Path(f"{path}.crt").read_text())
    return path


@contextmanager
def served(certificate: Path) -> Iterator[str]:
    """The authority of an https server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Each test loads the certificates that it trusts."""
    wire._certificates.cache_clear()
    yield
    wire._certificates.cache_clear()


def client(authority: str, timeout: float = 5.0) -> Client:
    config = CrawlConfig(allow_hosts=(authority,), timeout=timeout, robots=False, opt_outs=(), retries=0)
    return Client(config)


def test_a_certificate_that_is_trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with served(certificate) as authority:
        assert client(authority).fetch(f"https://{authority}/").body == PAGE


def test_a_certificate_that_is_not(certificate: Path) -> None:
    with served(certificate) as authority, pytest.raises(FetchError) as caught:
        client(authority).fetch(f"https://{authority}/")
    assert caught.value.reason is Reason.TLS_ERROR
    assert "certificate not valid" in caught.value.detail


def drip(listener: socket.socket, stop: threading.Event) -> None:
    """The head of a TLS record of 16 kB, and then a byte now and then: six times the client's patience."""
    connection, _ = listener.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(b"\x16\x03\x03\x40\x00")
        end = time.monotonic() + 3.0
        while time.monotonic() < end and not stop.wait(0.05):
            try:
                connection.sendall(b"\x02")
            except OSError:
                return


def test_a_handshake_that_drips_ends_at_the_deadline() -> None:
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener, stop))
        thread.start()
        authority = f"127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(FetchError) as caught:
            client(authority, timeout=0.5).fetch(f"https://{authority}/")
        stop.set()
        thread.join()
    assert caught.value.reason is Reason.TIMEOUT  # although bytes kept coming
