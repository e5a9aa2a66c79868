from collections import Counter
from pathlib import Path

import pytest

from tests.factories import local_world, records_of, world
from wit_pipeline.errors import UserError
from wit_pipeline.records import Raw, Reason, Reject
from wit_pipeline.sources.warc import WarcSource

CONFIG = WarcSource(path=("x",))


def test_an_empty_file_is_the_users() -> None:
    with pytest.raises(UserError, match="is empty"):
        records_of(CONFIG, "a.warc", world({"a.warc": b""}))


def test_what_is_no_warc_is_counted() -> None:
    (found,) = records_of(CONFIG, "a.warc", world({"a.warc": b"hello\n" * 100}))
    assert isinstance(found, Reject)
    assert found.reason is Reason.SOURCE_UNREADABLE


def test_real_warcs(real_data: Path) -> None:
    tally: Counter[str] = Counter()
    for path in sorted((real_data / "warc_samples").rglob("*.warc*")):
        for item in records_of(CONFIG, str(path), local_world()):
            tally["image" if isinstance(item, Raw) else item.reason] += 1
    assert tally["image"] > 900
    assert set(tally) <= {"image", "source_unreadable"}
