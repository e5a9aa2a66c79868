import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import md5, sha1, sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_pipeline.listed.entries import BITS, Entry
from wit_pipeline.listed.lists import PIECE, BlockList
from wit_pipeline.listed.marks import NO_MARKS, Marks, completed, of_fetched, of_stored
from wit_pipeline.listed.near import Near
from wit_pipeline.vocabulary.errors import UserError

FETCHED, STORED = (sha256(content).hexdigest() for content in (b"fetched", b"stored"))
DRAWN = random.Random(0)  # noqa: S311


@dataclass(frozen=True)
class Picture:
    sha256: str = FETCHED
    stored_sha256: str = STORED
    phash: str = "0" * 16
    weak: float = 0.1


MARKS = of_stored(of_fetched(b"fetched", {"md5", "sha1"}), b"stored", {"md5", "sha1"}, "a" * 64, 80)


def of(*lines: str) -> BlockList:
    return read("\n".join(lines).encode())


def read(content: bytes) -> BlockList:
    return BlockList.read(["list.txt"], lambda path: io.BytesIO(content))


def turned(code: str, bits: int) -> str:
    """A code in hex with so many of its bits turned."""
    mask = sum(1 << bit for bit in DRAWN.sample(range(4 * len(code)), bits))
    return f"{int(code, 16) ^ mask:0{len(code)}x}"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (sha256(b"fetched").hexdigest(), True),
        (sha256(b"stored").hexdigest().upper(), True),
        (md5(b"fetched").hexdigest(), True),
        (md5(b"stored").hexdigest(), True),
        (sha1(b"fetched").hexdigest(), True),
        (sha1(b"stored").hexdigest(), True),
        (f"{'a' * 64},100", True),
        ("pdq:" + turned("a" * 64, 31), True),
        ("pdq:" + turned("a" * 64, 32), False),
        (f"{'a' * 64},49", False),
        ("0" * 16, True),
        ("1" + "0" * 15, False),
        (sha256(b"other").hexdigest(), False),
        (md5(b"other").hexdigest(), False),
        (sha1(b"fetched").hexdigest()[:32], False),  # another kind's sum that begins so
    ],
)
def test_a_picture_is_known_by_each_of_its_sums_and_codes(line: str, found: bool) -> None:
    assert bool(of(line).found_image(Picture(), MARKS)) is found


def test_flat_pictures_have_no_phash() -> None:
    assert not of("0" * 16).found_image(Picture(weak=0.9), NO_MARKS)


def test_how_near_is_said_of_the_lines_below() -> None:
    code, other = "0" * 64, "f" * 64
    listed = of(f"pdq:{other}", "pdq within 3", f"pdq:{code}", "phash within 4", "f" * 16)
    (one,) = listed.lists
    for bits in (0, 3, 4, 31):
        assert bool(one.near("pdq", turned(code, bits))) is (bits <= 3)
        assert bool(one.near("pdq", turned(other, bits))) is (bits <= BITS["pdq"])
    for bits in (4, 5):
        assert bool(one.near("phash", turned("f" * 16, bits))) is (bits <= 4)


@given(
    codes=st.lists(st.binary(min_size=8, max_size=8), max_size=20),
    bits=st.integers(0, 40),
    code=st.binary(min_size=8, max_size=8),
)
def test_the_nearest_is_that_of_a_plain_search(codes: list[bytes], bits: int, code: bytes) -> None:
    apart = [(int.from_bytes(one) ^ int.from_bytes(code)).bit_count() for one in codes]
    found = Near(b"".join(codes), 8, bytes([bits]) * len(codes)).nearest(code)
    assert (found[1] if found else None) == min((one for one in apart if one <= bits), default=None)
    assert found is None or codes[apart.index(found[1])] == found[0]


def test_an_address_may_be_told_by_its_md5() -> None:
    for text in ("http://a.test/x", "https://a.test/x", "http://A.test/x#y"):
        listed = of(md5(text.encode()).hexdigest())
        assert listed.found_url("http://A.test/x#y")
    assert not of(md5(b"http://a.test/x").hexdigest()).found_url("http://a.test/y")


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize(("kind", "make"), [("md5", md5), ("sha1", sha1), ("sha256", sha256)])
def test_sums_at_once_are_those_of_line_by_line(kind: str, make: Callable[[bytes], Any], end: bytes) -> None:
    sums = [make(b"%d" % i).hexdigest() for i in range(500)]
    at_once = read(b"".join(one.upper().encode() + end for one in sums))
    by_line = read(end.join([b"# a comment", *map(str.encode, sums), b"", b"example.org"]))
    for listed, more in ((at_once, 0), (by_line, 1)):
        assert len(listed) == 500 + more
        assert all(Entry(kind, one) in listed for one in sums)
        assert Entry(kind, make(b"x").hexdigest()) not in listed


def test_a_sum_that_ends_in_zeros_is_one() -> None:
    sums = ["0" * 32, "1" + "0" * 31, "00" * 15 + "01", "ff" * 8 + "00" * 8]
    listed = of(*sums, *sums)
    assert len(listed) == 4
    assert all(Entry("md5", one) in listed for one in sums)
    assert Entry("md5", "ff" * 7 + "00" * 9) not in listed


def test_an_entry_takes_sixteen_bytes() -> None:
    listed = of(*(f"{i}.test" for i in range(1000)))
    assert listed.lists[0].nbytes == 16_000
    assert all(listed.found_url(f"http://{i}.test/") for i in range(1000))
    assert not any(listed.found_url(f"http://{i}.test/") for i in range(1000, 2000))


def test_lines_across_pieces_are_whole() -> None:
    lines = [md5(b"%d" % i).hexdigest() for i in range(2 * PIECE // 33)]
    assert len(of(*lines)) == len(lines)
    with pytest.raises(UserError, match=rf"line {len(lines) + 1} is no "):
        of(*lines, "x")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a.test\nno entry\n", r"list.txt: line 2 is no http\(s\) URL, .* and no phash: 'no entry'"),
        (b"a.test\n\n\xff\n", "list.txt: line 3 is not UTF-8"),
        (b"a" * 70_000 + b"\n", "list.txt: line 1 is no "),
        (b"a" * (PIECE + 5), "list.txt: line 1 is longer than"),
        ((b"d" * 31 + b" \n") * 3, "list.txt: line 1 is no "),
    ],
)
def test_a_line_that_is_none_is_named(content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(content)


def test_a_list_that_is_not_there() -> None:
    def missing(path: str) -> io.BytesIO:
        raise FileNotFoundError(2, "No such file or directory", path)

    with pytest.raises(UserError, match=r"list.txt: cannot be read: No such file or directory"):
        BlockList.read(["list.txt"], missing)


def test_a_byte_order_mark_and_carriage_returns() -> None:
    assert Entry("domain", "a.test") in read("\ufeffa.test\r\nb.test\r\n".encode())


def test_a_list_has_no_name_but_its_sum() -> None:
    match = of("a.test").found_url("http://a.test/")
    assert match
    assert match.list == sha256(b"a.test").hexdigest()


def test_what_lists_ask_for() -> None:
    listed = of("a.test", "d" * 32, f"{'a' * 64},99", "0" * 16, "e" * 64)
    assert listed.asks == {"md5", "pdq"}
    assert NO_MARKS.lacks(listed.asks)
    assert not MARKS.lacks(listed.asks)
    assert not NO_MARKS.lacks(of("a.test", "0" * 16, "e" * 64).asks)


def test_what_stored_bytes_tell_later() -> None:
    made = completed(NO_MARKS, b"stored", {"md5"}, original=False)
    assert made == Marks(stored_md5=md5(b"stored").hexdigest())
    assert made.lacks({"md5"})
    assert completed(NO_MARKS, b"stored", {"md5"}, original=True).md5 == made.stored_md5
    assert completed(MARKS, b"stored", {"md5", "sha1", "pdq"}, original=False) == MARKS
