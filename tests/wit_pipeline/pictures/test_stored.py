from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stores import Counting, s3
from wit_pipeline.crawl.crawl import NO_IMAGE
from wit_pipeline.pictures.stored import GAP, SPAN, Pictures, joined
from wit_pipeline.vocabulary import manifest, tar
from wit_pipeline.vocabulary.asked import RECEIPT, attempt
from wit_pipeline.vocabulary.errors import RunError
from wit_pipeline.vocabulary.manifest import Counts, Receipt, aside, describe
from wit_pipeline.vocabulary.records import Image
from wit_pipeline.vocabulary.store import place

pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::DeprecationWarning"
)
SIZE = 20_000  # bytes of a picture


def content(number: int) -> bytes:
    """What is a JPEG by its first bytes."""
    return b"\xff\xd8\xff\xe0" + bytes([number + 1]) * (SIZE - 4)


def stored(crawl: Path, count: int) -> list[Image]:
    """The images of a crawl of one unit, written as a crawl writes them."""
    end = attempt(crawl)
    path = crawl / f"unit-000000{end}.tar"
    with aside(path) as temporary, tar.Writer(temporary) as archive:
        offsets = [archive.add(f"{number:06d}.jpg", content(number)) for number in range(count)]
    receipt = Receipt(unit="unit-000000", plan="", counts=Counts(), files=(describe(path),))
    manifest.write_receipt(crawl / f"unit-000000{RECEIPT}", receipt)
    return [replace(NO_IMAGE, unit=0, offset=offset, length=SIZE) for offset in offsets]


@pytest.fixture(params=["here", "s3"])
def crawl(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    if request.param == "here":
        yield tmp_path / "crawl"
    else:
        with s3() as server:
            yield place(server.at("crawl"))


def test_each_picture_is_what_was_stored(crawl: Path) -> None:
    images = stored(crawl, 9)
    with Pictures(crawl) as pictures:
        pictures.fetch(images[::2])
        assert [pictures.read(image) for image in images] == [content(number) for number in range(9)]
        with pytest.raises(RunError, match=f"no image lies at {images[1].offset + 7}"):
            pictures.read(replace(images[1], offset=images[1].offset + 7))


def test_what_is_fetched_is_what_was_asked_for() -> None:
    """A shard's pictures lie anywhere in the tars: by the server's own bytes, heads of answers included."""
    with s3() as server:
        count = Counting(server.authority)
        images = stored(place(server.at("crawl")), 60)
        asked = [image for number, image in enumerate(images) if number % 3 == 0 or number < 20]
        with Pictures(place(server.at("crawl", count.authority))) as pictures:
            before = count.sent
            pictures.fetch(asked)
            for number, image in enumerate(images):
                if image in asked:
                    assert pictures.read(image) == content(number)
            assert len(asked) * SIZE <= count.sent - before <= 1.2 * len(asked) * SIZE
        count.close()


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 60), st.integers(1, 9)), unique_by=lambda x: x[:2])
)
def test_reads_hold_all_pictures_and_little_else(places: list[tuple[int, int, int]]) -> None:
    wanted = [
        (Path(str(path)), replace(NO_IMAGE, offset=1000 * start, length=1000 * length))
        for path, start, length in places
    ]
    reads = joined(wanted)
    assert sorted((str(read.path), image.offset) for read in reads for image in read.images) == sorted(
        (str(path), image.offset) for path, image in wanted
    )
    for read in reads:
        covered = {
            byte for image in read.images for byte in range(image.offset, image.offset + image.length, 1000)
        }
        assert all(
            read.start <= image.offset and image.offset + image.length <= read.end for image in read.images
        )
        assert (read.end - read.start) - 1000 * len(covered) <= (read.end - read.start) / 20 or len(
            read.images
        ) == 1
        assert read.end - read.start <= SPAN or len(read.images) == 1
    assert GAP < 1000 * 9
