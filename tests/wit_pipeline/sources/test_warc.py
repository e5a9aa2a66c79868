import gzip
import zipfile
from pathlib import Path

import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType

from tests.archives import PACKS, answer, arc, packed, page, pages, record, with_dictionary, zipped
from tests.factories import local_world, records_of, world
from wit_pipeline.sources import warc
from wit_pipeline.sources.archives import records, tape, wacz
from wit_pipeline.sources.archives.heads import target
from wit_pipeline.sources.archives.walk import Record, Wanted
from wit_pipeline.sources.source import Split
from wit_pipeline.sources.warc import WarcSource
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.records import Raw, Reason, Reject

CONFIG = WarcSource(path=("x",))


def read(content: bytes, name: str = "a") -> list[Raw | Reject]:
    return records_of(CONFIG, name, world({name: content}))


def facts(found: list[Raw | Reject]) -> list[tuple[str, str, str]]:
    return [
        (item.url, item.text, item.page_url) if isinstance(item, Raw) else ("", item.reason, item.detail)
        for item in found
    ]


def expected(count: int) -> list[tuple[str, str, str]]:
    return [(f"http://a.test/{i}.jpg", f"dog {i}", f"http://a.test/{i}") for i in range(count)]


FORMATS = {
    **{f"warc {way}": packed(pages(3), way) for way in PACKS},
    **{f"arc {way}": packed(arc(3), way) for way in PACKS},
    "dictionary": with_dictionary(pages(3), compress=True),
    "wacz": zipped({"datapackage.json": b"{}", "archive/a.warc.gz": packed(pages(3), "gz")}),
    "wacz plain": zipped({"archive/a.warc": packed(pages(3), "plain")}),
    "wacz deflated": zipped({"archive/a.warc": packed(pages(3), "plain")}, zipfile.ZIP_DEFLATED),
    "wacz deflated gz": zipped({"archive/a.warc.gz": packed(pages(3), "gz")}, zipfile.ZIP_DEFLATED),
    "wacz of two": zipped(
        {"archive/": b"", "archive/1": packed(pages(2), "gz"), "archive/2": packed(pages(1, 2), "zst")}
    ),
}


@pytest.mark.parametrize("split", [50, 1 << 20])
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_images(name: str, split: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "SPLIT_BYTES", split)
    for path in ("a.warc.gz", "a.wacz", "what ever"):  # the content decides
        assert facts(read(FORMATS[name], path)) == expected(3)


def test_where_an_image_stands() -> None:
    items = pages(2)
    found = read(packed(items, "gz"), "d/a.warc.gz")
    offsets = [sum(len(gzip.compress(item)) for item in items[:number]) for number in (1, 3)]
    assert [item.where for item in found] == [f"d/a.warc.gz#{offset}.0" for offset in offsets]
    found = read(gzip.compress(b"".join(items)), "a")
    assert [item.where for item in found] == [f"a#0+{len(b''.join(items[:number]))}.0" for number in (1, 3)]
    found = read(FORMATS["wacz of two"], "a.wacz")
    assert found[2].where.startswith("a.wacz!archive/2#")


@pytest.mark.parametrize(
    ("item", "found"),
    [
        (record(answer(page(0)), "http://a.test/0"), True),
        (record(answer(page(0)), "<http://a.test/0>"), True),
        (record(answer(page(0), "")), True),
        (record(answer(page(0), status="404 Not Found")), False),
        (record(answer(page(0), "image/png")), False),
        (record(answer(page(0)), kind="request"), False),
        (record(answer(page(0)), kind="revisit"), False),
        (record(page(0), kind="resource", content_type="text/html"), True),
        (record(page(0), kind="resource", content_type="text/html; charset=utf-8"), True),
        (record(page(0), kind="resource", content_type="application/octet-stream"), True),
        (record(page(0), kind="resource", content_type="text/plain"), False),
        (record(page(0), kind="metadata", content_type="text/html"), False),
        (record(page(0), kind="conversion", content_type="text/html"), False),
        (record(b"20080430204825\n", content_type="text/dns"), False),
        (record(answer(page(0), more="X: " + "x" * 20_000 + "\r\n").replace(b"X: ", b"A: ", 1)), True),
        (
            record(
                b"HTTP/1.1 200 OK\r\nX: %s\r\nContent-Type: text/html\r\n\r\n" % (b"x" * 20_000) + page(0)
            ),
            True,
        ),
        (b"http://a.test/0 1.1.1.1 20140216050221 text/html %d\n%s\n" % (len(page(0)), page(0)), True),
        (b"http://a.test/0 1.1.1.1 20140216050221 image/png %d\n%s\n" % (len(page(0)), page(0)), False),
        (b"http://a.test/0 1.1.1.1 20140216050221 no-type %d\n%s\n" % (len(page(0)), page(0)), True),
    ],
)
def test_which_records_are_pages(item: bytes, found: bool) -> None:
    assert [item.text for item in read(item) if isinstance(item, Raw)] == ["dog 0"] * found


@pytest.mark.parametrize(
    ("content_type", "told"),
    [("text/plain", True), ("application/html", True), ("image/png", True), ("text/html", False)],
)
def test_what_looks_like_a_page_and_is_said_to_be_none_is_told(content_type: str, told: bool) -> None:
    item = record(answer(page(0), content_type))
    found = [item.detail for item in read(item) if isinstance(item, Reject)]
    assert found == [f"it looks like a page, and is stated to be {content_type!r}"] * told


def test_what_a_response_says_reaches_the_page() -> None:
    (found,) = read(record(answer(page(0), more="X-Robots-Tag: noai\r\n")))
    assert isinstance(found, Reject)
    assert found.reason is Reason.PAGE_OPTED_OUT
    body = '<img src="/1.jpg" alt="chien mouillé">'.encode("latin-1")
    (raw,) = read(record(answer(body, "text/html; charset=latin-1")))
    assert isinstance(raw, Raw)
    assert raw.text == "chien mouillé"


def test_a_page_that_cannot_be_read_is_one_reject() -> None:
    bad = record(answer(b"nonsense" * 9, more="Content-Encoding: br\r\n"), "http://a.test/bad")
    found = read(bad + b"".join(pages(1)), "a")
    assert [item.where for item in found] == ["a#0", f"a#{len(bad) + len(pages(1)[0])}.0"]
    assert isinstance(found[0], Reject)
    assert found[0].url == "http://a.test/bad"
    assert found[0].reason is Reason.SOURCE_UNREADABLE
    assert found[0].detail.startswith("content coding br: ")


def test_an_empty_file_is_the_users() -> None:
    with pytest.raises(UserError, match="is empty"):
        read(b"", "a.warc")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zipped({"a.txt": b"hello"}), r"is a ZIP without a file in archive/; a warc source takes"),
        (zipped({"archive/": b""}), r"is a ZIP without a file in archive/"),
        (zipped({}), r"is a ZIP without a file in archive/"),
        (FORMATS["wacz"][:-30], r"is a ZIP that cannot be read: File is not a zip file; a warc source takes"),
    ],
)
@pytest.mark.parametrize("name", ["a.wacz", "a.warc.gz"])
def test_a_zip_that_is_no_wacz_is_the_users(content: bytes, message: str, name: str) -> None:
    with pytest.raises(UserError, match=message):
        read(content, name)


def changed(name: str, sign: bytes, offset: int, new: bytes) -> bytes:
    """A WACZ with some bytes changed, so many behind the last occurrence of a sign."""
    content = FORMATS[name]
    at = content.rindex(sign) + offset
    return content[:at] + new + content[at + len(new) :]


@pytest.mark.parametrize(
    ("content", "images", "where", "detail"),
    [
        (changed("wacz of two", b"PK\x01\x02", 8, b"\1"), 2, "a!archive/2", "is encrypted"),
        (changed("wacz of two", b"PK\x01\x02", 10, b"\x63"), 2, "a!archive/2", "That compression method"),
        (changed("wacz of two", b"PK\x03\x04", 0, b"XX"), 2, "a!archive/2", "does not lie where"),
        (changed("wacz of two", b"\x28\xb5\x2f\xfd", 0, b"XX"), 2, "a!archive/2#", "no packed record begins"),
        (changed("wacz deflated", b"PK\x01\x02", -250, b"\xff" * 60), 0, "a!archive/a.warc", "Error -3"),
        (changed("wacz deflated", b"PK\x01\x02", 16, b"XXXX"), 0, "a!archive/a.warc", "Bad CRC-32"),
        (changed("wacz", b"PK\x01\x02", 20, b"\xff\xff"), 3, "a!archive/a.warc.gz", "no packed record"),
    ],
)
def test_a_damaged_wacz(content: bytes, images: int, where: str, detail: str) -> None:
    found = read(content, "a")
    assert len([item for item in found if isinstance(item, Raw)]) == images
    rejects = [item for item in found if isinstance(item, Reject)]
    assert rejects[0].where.startswith(where)
    assert detail in rejects[0].detail


def test_a_deflated_archive_is_not_read_again_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    items = [item for number in range(150) for item in (*pages(1, number), b"garbage\r\n")]
    content = zipped({"archive/a.warc": packed(items, "plain")}, zipfile.ZIP_DEFLATED)
    monkeypatch.setattr(tape, "CHUNK", 100)
    found = read(content, "a")
    assert isinstance(found[-1], Reject)
    assert found[-1].detail.startswith("is too damaged to be read on")
    assert len(read(zipped({"archive/a.warc": packed(items, "plain")}), "a")) == 300


def test_a_directory_that_would_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wacz, "MOST_READ", 100)
    with pytest.raises(UserError, match="its directory is above 100 bytes"):
        read(FORMATS["wacz of two"], "a.wacz")


def test_what_is_no_archive_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "SPLIT_BYTES", 100)
    for content in (b"hello\n" * 100, b"\x89PNG\r\n\x1a\n" * 100, b"\0" * 1000, b"BZh91AY&SY" * 99):
        (found,) = read(content, "a.warc")
        assert isinstance(found, Reject)
        assert found.reason is Reason.SOURCE_UNREADABLE
        assert found.detail.startswith("no record begins here: ")
    assert read(b"\r\n" * 400, "a.warc") == []


def test_a_split_of_a_zip_that_has_another_name_is_read_by_the_first_alone() -> None:
    content = FORMATS["wacz"]
    where = world({"a": content})
    first, second = (Split(source=0, path="a", first=at, last=at + 200) for at in (0, 200))
    assert facts(list(warc.read(CONFIG, first, where))) == expected(3)
    assert list(warc.read(CONFIG, second, where)) == []


# Elements that are images, and Rejects; the Rejects were looked at one by one.
REAL = {
    "archivesunleashed+aut/badexample.arc.gz": (0, 2),  # a record without a date, one cut short
    "archivesunleashed+aut/example.arc.gz": (788, 0),
    "archivesunleashed+aut/example.warc.gz": (788, 0),
    "archivesunleashed+aut/issue-493.warc": (10, 0),
    "archivesunleashed+aut/issue-514.warc": (3, 0),
    "commoncrawl+whirlwind-python/whirlwind.warc": (13, 0),
    "commoncrawl+whirlwind-python/whirlwind.warc.gz": (13, 0),
    "iipc+webarchive-commons/IAH-20080430204825-00000-blackbook-truncated.arc": (53, 0),
    "iipc+webarchive-commons/IAH-urls-wget.warc": (50, 0),
    "iipc+webarchive-commons/IAH-urls-wget.warc.gz": (50, 0),
    "iipc+webarchive-commons/link-extraction-test.warc": (3, 0),
    "webrecorder+pywb/bad.arc": (0, 1),  # no length in any record but one of a byte
    "webrecorder+pywb/example.warc": (0, 1),  # a Content-Length that is 4 bytes short
    "webrecorder+pywb/iana.warc.gz": (32, 0),
    "webrecorder+warcio/bad.arc": (0, 1),
    "webrecorder+warcio/example-space-in-url.arc": (0, 1),  # a length that reaches beyond the end
    "webrecorder+warcio/example-trunc.warc": (0, 1),  # a Content-Length that is 2 bytes short
}


def test_real_archives(real_data: Path) -> None:
    found, refused = {}, []
    folder = real_data / "warc_samples"
    for path in sorted(folder.rglob("*.*")):
        if path.name == "SOURCE.txt":
            continue
        try:
            items = records_of(CONFIG, str(path), local_world())
        except UserError:
            refused.append(path.name)
            continue
        images = {item.where for item in items if isinstance(item, Raw)}
        images = {where for where in images if where.rpartition(".")[2].isdigit()}  # an `img` each
        found[str(path.relative_to(folder))] = (len(images), sum(isinstance(item, Reject) for item in items))
    assert {name: counts for name, counts in found.items() if counts != (0, 0)} == REAL
    assert refused == ["invalid_example_1.wacz"]
    assert len(found) == 50


def test_real_records_are_those_that_fastwarc_reads(real_data: Path) -> None:
    wanted = Wanted(kinds=frozenset(("response", "resource")), test=lambda head, start: True, most=1 << 30)
    count = 0
    for path in sorted((real_data / "warc_samples").rglob("*.warc*")):
        if path.name == "missing-status-text.warc":  # lines end in \r\r\n, and fastwarc finds no content
            continue
        with path.open("rb") as stream:
            ours = [item for item in records.records(stream, 0, 0, wanted) if isinstance(item, Record)]
        theirs = []
        with path.open("rb") as stream:
            kinds = WarcRecordType.response | WarcRecordType.resource
            try:
                for item in ArchiveIterator(stream, record_types=kinds, parse_http=False):
                    url = item.headers.get("WARC-Target-URI") or ""
                    theirs.append((url.strip("<> "), item.reader.read()))
            except OSError:
                assert path.name in ("example.warc", "example-trunc.warc")
        count += len(ours)
        assert [(target(item.head), item.content) for item in ours][: len(theirs)] == theirs
    assert count > 440
