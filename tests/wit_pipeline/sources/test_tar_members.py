import io
import tarfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_pipeline.sources import tar_members
from wit_pipeline.sources.packed import Damaged
from wit_pipeline.sources.tar_members import Member, members
from wit_pipeline.vocabulary.tar import BLOCK

NAME = st.text(st.sampled_from("ab.é/ "), min_size=1, max_size=300).map(
    lambda name: f"x{name}y".replace("//", "/a")
)
FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


def tar(files: list[tuple[str, bytes]], form: int = tarfile.GNU_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def read(content: bytes) -> list[tuple[str, bytes]]:
    return [
        (found.name, content[found.offset : found.offset + found.length])
        for found in members(io.BytesIO(content), len(content))
    ]


def torn(content: bytes) -> tuple[list[Member], str]:
    """The members before a tar breaks, and what is said of it."""
    found: list[Member] = []
    with pytest.raises(Damaged) as caught:
        found.extend(members(io.BytesIO(content), len(content)))
    return found, f"{caught.value}"


@given(
    files=st.lists(st.tuples(NAME, st.binary(max_size=1100)), max_size=4),
    form=st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
)
def test_what_tarfile_writes_is_read(files: list[tuple[str, bytes]], form: int) -> None:
    assert read(tar(files, form)) == files


@pytest.mark.parametrize("form", FORMATS)
def test_only_plain_files_are_members(form: int) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for kind in (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
            info = tarfile.TarInfo("odd")
            info.type, info.linkname, info.size = kind, "1.jpg", 600  # which nothing follows
            archive.addfile(info)
        info = tarfile.TarInfo("1.jpg")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"dog"))
    assert read(buffer.getvalue()) == [("1.jpg", b"dog")]


def test_sparse_files_and_types_of_others_are_passed_over() -> None:
    def header(name: str, kind: bytes, size: int) -> bytearray:
        info = tarfile.TarInfo(name)
        info.type, info.size = kind, size
        return bytearray(info.tobuf(tarfile.GNU_FORMAT))

    sparse = header("holes.jpg", tarfile.GNUTYPE_SPARSE, 5)
    sparse[482] = 1  # its map goes on in another block
    sparse[148:156] = b" " * 8  # the checksum counts itself as blanks
    sparse[148:156] = b"%06o\0 " % sum(sparse)
    more, last = bytearray(BLOCK), bytes(BLOCK)
    more[504] = 1
    odd = header("volume", b"Z", 5)
    data = b"holes" + bytes(BLOCK - 5)
    content = bytes(sparse) + bytes(more) + last + data + bytes(odd) + data + tar([("1.jpg", b"dog")])
    assert read(content) == [("1.jpg", b"dog")]
    pax = tarfile.TarInfo("2.jpg")
    pax.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
    assert read(pax.tobuf(tarfile.PAX_FORMAT) + tar([("1.jpg", b"dog")])) == [("1.jpg", b"dog")]


def test_a_size_in_a_pax_header_counts() -> None:
    info = tarfile.TarInfo("1.jpg")
    info.size, info.pax_headers = 0, {"size": "3"}
    content = info.tobuf(tarfile.PAX_FORMAT) + b"dog" + bytes(BLOCK - 3) + tar([("2.jpg", b"cat")])
    assert read(content) == [("1.jpg", b"dog"), ("2.jpg", b"cat")]


WHOLE = tar([("1.jpg", b"a" * 600), ("2.jpg", b"b" * 600)])


@pytest.mark.parametrize("length", range(0, 3 * BLOCK + 4, 101))
def test_a_tar_that_is_cut_short_gives_what_came_before(length: int) -> None:
    found, message = torn(WHOLE[: 3 * BLOCK + length])
    assert [member.name for member in found] == ["1.jpg", "2.jpg"][: 1 + (length >= BLOCK + 600)]
    assert "cut short" in message


def test_a_tar_that_is_broken_gives_what_came_before() -> None:
    content = bytearray(WHOLE)
    content[3 * BLOCK + 10] ^= 1
    found, message = torn(bytes(content))
    assert [member.name for member in found] == ["1.jpg"]
    assert message == "the tar is broken at byte 1536: bad checksum"


def test_a_header_that_is_too_long_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tar_members, "MAX_HEADER", 200)
    assert read(tar([("a" * 199, b"dog")])) == [("a" * 199, b"dog")]
    assert torn(tar([("a" * 200, b"dog")]))[1] == "the tar has a header of 201 bytes at byte 512"


@pytest.mark.parametrize(
    "record", [b"nonsense", b"99 path=x\n", b"0 path=x\n", b"-5 a=b\n", b"999999999999 a=b\n", b" \n"]
)
def test_a_broken_pax_header_is_said(record: bytes) -> None:
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, len(record)
    content = info.tobuf(tarfile.USTAR_FORMAT) + record + bytes(BLOCK - len(record)) + WHOLE
    assert torn(content) == ([], "the tar has a broken pax header")


@given(content=st.binary(max_size=1200))
def test_nonsense_never_ends_the_run(content: bytes) -> None:
    with suppress(Damaged):
        assert list(members(io.BytesIO(content), len(content))) == [] or len(content) >= BLOCK


@given(at=st.integers(0, len(WHOLE) - 1), bit=st.integers(0, 7))
def test_no_bit_flip_ends_the_run(at: int, bit: int) -> None:
    content = bytearray(WHOLE)
    content[at] ^= 1 << bit
    with suppress(Damaged):
        assert len(read(bytes(content))) <= 2
