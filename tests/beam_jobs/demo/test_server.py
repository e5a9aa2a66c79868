"""The small web's server does what the truth says of it, and remembers what it was asked."""

from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from beam_jobs.demo.server import Server, content_type
from wit_pipeline.fetch.guard import Target
from wit_pipeline.fetch.optout import header_opt_out
from wit_pipeline.fetch.robots import read


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    for name in ("images/a.jpg", "studio/b.png", "slow/c.gif", "members/d.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "robots.txt").write_text("User-agent: *\nDisallow: /private/\n")
    with Server(delay=0) as running:
        running.serve(tmp_path)
        yield running


def test_a_file_is_sent_with_its_type(server: Server) -> None:
    with urlopen(f"{server.base_url}/images/a.jpg") as answer:
        assert answer.read() == b"images/a.jpg"
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert answer.headers["X-Robots-Tag"] is None


@pytest.mark.parametrize(
    ("path", "status"), [("images/none.jpg", 404), ("../x", 404), ("members/d.jpg", 403)]
)
def test_refusals(server: Server, path: str, status: int) -> None:
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{server.base_url}/{path}")
    assert refused.value.code == status
    refused.value.close()


def test_the_studio_opts_out_by_header(server: Server) -> None:
    with urlopen(f"{server.base_url}/studio/b.png") as answer:
        assert header_opt_out(answer.headers.items(), "wit-demo") == "X-Robots-Tag: noai"


def test_robots_txt_closes_one_folder(server: Server) -> None:
    with urlopen(f"{server.base_url}/robots.txt") as answer:
        rules = read(answer.read(), "wit-demo")
    host, port = server.authority.split(":")
    allowed = [
        rules.allows(Target(scheme="http", host=host, port=int(port), path=path))
        for path in ("/private/x.jpg", "/images/a.jpg")
    ]
    assert allowed == [False, True]


def test_requests_are_counted_by_path(server: Server) -> None:
    for _ in range(2):
        urlopen(f"{server.base_url}/slow/c.gif").close()
    assert server.asked == {"/slow/c.gif": 2}


def test_content_types() -> None:
    names = {
        "a.webp": "image/webp",
        "a.html": "text/html",
        "robots.txt": "text/plain",
        "a.odd!": "application/octet-stream",
    }
    assert {name: content_type(Path(name)) for name in names} == names
