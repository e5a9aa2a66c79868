import hashlib
import tarfile
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from wit_pipeline.vocabulary import tar


@given(st.lists(st.binary(max_size=1100), max_size=6))
def test_tarfile_reads_what_was_written_and_the_offsets_are_right(contents: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.tar"
        with tar.Summed(path) as archive:
            offsets = [archive.add(f"{i:06d}.jpg", content) for i, content in enumerate(contents)]
        whole = path.read_bytes()
        assert archive.md5 == hashlib.md5(whole, usedforsecurity=False).hexdigest()
        assert [whole[o : o + len(c)] for o, c in zip(offsets, contents, strict=True)] == contents
        with tarfile.open(path) as archive_read:
            members = archive_read.getmembers()
            assert [member.offset_data for member in members] == offsets
            for member, content in zip(members, contents, strict=True):
                told = tarfile.TarInfo(member.name)
                told.size = len(content)
                start = member.offset_data - tar.BLOCK
                assert whole[start : start + tar.BLOCK] == told.tobuf(format=tarfile.USTAR_FORMAT)
            assert all((m.mtime, m.uid, m.gid, m.uname, m.mode) == (0, 0, 0, "", 0o644) for m in members)
