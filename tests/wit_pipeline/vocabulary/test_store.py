"""A path of a store does what one of this machine does, as far as it goes: by pyarrow's own local system."""

import io
import pickle
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_pipeline.vocabulary import manifest, store
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.store import Store, StorePath, in_store, place

NAMES = st.sampled_from(["a", "b.tar", ".c", "d.e.f", "g-1.parquet"])
KEYS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
PATTERNS = st.sampled_from(["*", "*.tar", "?", "[a-b]*", ".*", "g-[0-9]*.parquet", "none"])
TEXTS = [
    "s3://b/r",
    "s3://b",
    "gs://b/r/x.parquet?endpoint_override=127.0.0.1:1&scheme=http",
    "gs://anonymous@b/r",
    "s3://b/a?[x].tsv",
]


def of_local(folder: Path) -> StorePath:
    """A folder of this machine, seen as a store is seen."""
    return StorePath(Store("file", str(folder)), PurePosixPath())


@given(st.dictionaries(KEYS, st.binary(max_size=99), max_size=6), KEYS, PATTERNS)
def test_what_both_can_do_comes_out_the_same(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], asked: str, pattern: str
) -> None:
    folder = tmp_path_factory.mktemp("both")
    for name, content in files.items():
        path = folder / name
        if (
            not any((folder / part).is_file() for part in map(str, PurePosixPath(name).parents))
            and not path.is_dir()
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    there, here = of_local(folder), folder
    one, other = there / asked, here / asked
    assert (one.name, one.stem, one.suffix, str(one.key)) == (
        other.name,
        other.stem,
        other.suffix,
        str(other),
    )
    assert str(one.with_name("x.y").key) == str(other.with_name("x.y"))
    assert str(one.with_suffix(".z").key) == str(other.with_suffix(".z"))
    assert str(one.parent.key) == str(other.parent)
    assert (one.exists(), one.is_file(), one.is_dir()) == (other.exists(), other.is_file(), other.is_dir())
    assert [path.key for path in there.iterdir()] == sorted(str(path) for path in here.iterdir())
    assert [path.key for path in there.glob(pattern)] == sorted(str(path) for path in here.glob(pattern))
    assert sorted(path.key for path in there.rglob(pattern)) == sorted(map(str, here.rglob(pattern)))
    if other.is_file():
        assert one.read_bytes() == other.read_bytes()
        assert one.stat().st_size == other.stat().st_size
        with one.open("rb") as file, other.open("rb") as same:
            assert file.read() == same.read()
        one.unlink()
        assert not other.exists()
        one.unlink(missing_ok=True)
        with pytest.raises(FileNotFoundError):
            one.unlink()


@given(
    st.binary(min_size=1, max_size=400),
    st.lists(st.tuples(st.sampled_from(["seek", "end", "read"]), st.integers(0, 450)), max_size=12),
)
def test_reading_ahead_reads_what_lies_there(content: bytes, steps: list[tuple[str, int]]) -> None:
    class Native:
        def size(self) -> int:
            return len(content)

        def read_at(self, length: int, start: int) -> bytes:
            return content[start : start + length]

        def close(self) -> None:
            pass

    plain, ahead = io.BytesIO(content), store._Ahead(Native())
    for what, number in steps:
        if what == "read":
            buffer = bytearray(number)
            count = ahead.readinto(buffer)
            assert bytes(buffer[:count]) == plain.read(count)
            assert count or not number or not plain.read(1)
        elif what == "seek":
            assert ahead.seek(number) == plain.seek(number)
        else:
            back = -min(number, len(content))
            assert ahead.seek(back, io.SEEK_END) == plain.seek(back, io.SEEK_END)


@pytest.mark.parametrize("text", TEXTS)
def test_a_path_is_its_text(text: str) -> None:
    path = place(text)
    assert str(path) == text
    assert place(str(path)) == path == pickle.loads(pickle.dumps(path))
    assert place(str(path / "x")) == path / "x" != path
    with pytest.raises(TypeError):
        open(path)  # noqa: SIM115  it is no file's name here


def test_options_are_told_from_a_pattern() -> None:
    found = in_store(place("s3://b/part-?.tsv?region=eu-west-1"))
    assert found is not None
    assert (found.key, found.store.settings) == ("b/part-?.tsv", {"region": "eu-west-1"})
    assert in_store(place("a/b")) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [("x://b/r", "x:// cannot be read"), ("s3://", "no bucket"), ("file:///r", "cannot be read")],
)
def test_what_is_no_store_is_told(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        place(text)


def test_what_went_up_is_described_without_being_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = of_local(tmp_path) / "a.txt"
    monkeypatch.setattr(StorePath, "open", None)
    with manifest.aside(path) as temporary:  # type: ignore[arg-type]
        temporary.write_bytes(b"whole")
        assert not (tmp_path / "a.txt").exists()
    told = manifest.describe(path, 3)  # type: ignore[arg-type]
    assert (tmp_path / "a.txt").read_bytes() == b"whole"
    assert (told.name, told.rows, told.bytes) == ("a.txt", 3, 5)
    assert told.sha256 == manifest.describe(tmp_path / "a.txt").sha256


@pytest.mark.parametrize("end", ["", ".gz", ".bz2", ".zst", ".lz4", ".tar.gz", ".br", ".sz"])
def test_what_goes_up_is_what_was_written_whatever_its_name(end: str, tmp_path: Path) -> None:
    path = of_local(tmp_path) / f"a{end}"
    with manifest.aside(path) as temporary:  # type: ignore[arg-type]
        temporary.write_bytes(b"as it is")
    assert (tmp_path / f"a{end}").read_bytes() == b"as it is"


def test_what_breaks_off_goes_nowhere(tmp_path: Path) -> None:
    path = of_local(tmp_path) / "a.txt"

    def break_off() -> None:
        with manifest.aside(path) as temporary:  # type: ignore[arg-type]
            temporary.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert list(tmp_path.iterdir()) == []
