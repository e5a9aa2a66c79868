"""ROOT/shard as Hugging Face's `datasets` opens it by its card: the samples, and nothing that lies beside."""

import io
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub
import numpy as np
import pytest
from datasets.utils.metadata import MetadataConfigs
from PIL import Image as Pillow

from beam_jobs.stages.shard import describe_shards
from tests.factories import encoded, pair, photograph
from wit_pipeline.report.card import SIZES
from wit_pipeline.shard import TABLE_ALONE, Row, position, wids_index, write_shard
from wit_pipeline.takedown.takedown import Removed
from wit_pipeline.vocabulary import manifest, rows
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.manifest import Counts, Manifest, describe, sign
from wit_pipeline.vocabulary.records import Image, Pair

# The reader leaves files to the garbage collector, which is its to mend.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
BOTH = pytest.mark.parametrize("streaming", [True, False])
FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
Load = Callable[[Path], Any]


def picture(number: int, kind: str = "JPEG") -> bytes:
    return encoded(photograph(number, (64, 48)), kind)


def jpeg_of(image: Image) -> bytes:
    return picture(image.unit)


def in_order(shard: int, count: int) -> list[Pair]:
    """Pairs as they will stand in the shard; each one's unit is the number of its picture."""
    made = [pair(f"http://a.test/{shard}/{i}.jpg", f"a dog, no. {shard}.{i}") for i in range(count)]
    made.sort(key=lambda item: position(item.key, 0))
    return [replace(item, image=replace(item.image, unit=100 * shard + i)) for i, item in enumerate(made)]


def write(
    root: Path,
    shards: Sequence[Sequence[Pair]],
    fetch: Callable[[Image], bytes] = jpeg_of,
    blocked: Callable[[Row], bool] = lambda row: False,
    removed: Sequence[Removed] = (),
) -> Path:
    """ROOT/shard as the stage leaves it."""
    out = root / "shard"
    out.mkdir(parents=True)
    files = [
        file
        for number, pairs in enumerate(shards)
        for file in write_shard(pairs, fetch, folder=out, shard=number, seed=0, blocked=blocked)[1]
    ]
    tars, tables = ([file for file in files if file.name.endswith(end)] for end in (".tar", ".parquet"))
    files += describe_shards(root, out, tars, tables, wids_index(out, tars), removed)
    sign_stage(out, "shard", {})
    return out


def sign_stage(folder: Path, stage: str, recipe: dict[str, Any]) -> None:
    files = tuple(describe(path) for path in sorted(folder.iterdir()))
    signed = Manifest(
        stage=stage, plan="", inputs={}, recipe=recipe, counts=Counts(), files=files, started="", finished=""
    )
    sign(folder, signed)


@pytest.fixture
def load(streaming: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Opens a folder as its user would; a call to the network is an error."""

    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return lambda folder: datasets.load_dataset(
        str(folder), streaming=streaming, cache_dir=str(tmp_path / "cache")
    )


def in_json(row: Row) -> dict[str, Any]:
    return {name: value for name, value in rows.to_row(row).items() if name not in TABLE_ALONE}


def pixels(content: bytes) -> np.ndarray[Any, Any]:
    with Pillow.open(io.BytesIO(content)) as opened:
        return np.asarray(opened.convert("RGB"))


@BOTH
def test_the_samples_of_all_shards_are_the_one_split(load: Load, tmp_path: Path) -> None:
    """The first rows, from which the reader would guess the types, have empty texts and whole numbers."""
    shards = [in_order(0, 12), in_order(1, 8)]
    late = [
        replace(item, texts=("another", "a third"), evaluation=("set/a.png 3 plain",)) for item in shards[1]
    ]
    early = [replace(item, image=replace(item.image, exif="{}", weak=0, entropy=0)) for item in shards[0]]
    late = [replace(item, image=replace(item.image, exif='{"Make": "x"}', weak=0.25)) for item in late]
    out = write(tmp_path, [early, late])
    loaded = load(out)
    assert list(loaded) == ["train"]
    found = list(loaded["train"])
    assert [sample["txt"] for sample in found] == [item.candidate.caption for item in early + late]
    table = [row for path in sorted(out.glob("0*.parquet")) for row in rows.read(path, Row)]
    assert [sample["json"] for sample in found] == [
        {**in_json(row), "queries": list(row.queries)} for row in table
    ]
    assert [sample["__key__"] for sample in found] == [row.key for row in table]
    for sample, item in zip(found, early + late, strict=True):
        assert np.array_equal(np.asarray(sample["jpg"]), pixels(jpeg_of(item.image)))


@BOTH
def test_images_as_they_came_stand_in_the_column_of_their_format(load: Load, tmp_path: Path) -> None:
    crawl = tmp_path / "crawl"
    crawl.mkdir()
    sign_stage(crawl, "crawl", {"crawl": {"store": "raw", "formats": [*CrawlConfig().formats]}})

    def fetch(image: Image) -> bytes:
        return picture(image.unit, FORMATS[image.unit % 4])

    found = list(load(write(tmp_path, [in_order(0, 8)], fetch))["train"])
    assert len(found) == 8
    for number, sample in enumerate(found):
        images = [sample[end] for end in ("png", "jpg", "gif", "webp")]
        assert [image is not None for image in images] == [i == number % 4 for i in range(4)]
        content = picture(number, FORMATS[number % 4])
        assert np.array_equal(np.asarray(images[number % 4].convert("RGB")), pixels(content))


@BOTH
def test_shards_from_which_all_was_taken_down_are_empty(load: Load, streaming: bool, tmp_path: Path) -> None:
    gone = [Removed(key="000000000", pair_key="0" * 32, entry="0" * 16, list="x")]
    shards = [in_order(0, 3), in_order(1, 3)]
    some = write(tmp_path / "some", shards, blocked=lambda row: row.key.startswith("00000"), removed=gone)
    assert (some / "removed.parquet").exists()
    found = list(load(some)["train"])
    assert [sample["txt"] for sample in found] == [item.candidate.caption for item in shards[1]]
    everything = write(tmp_path / "all", shards, blocked=lambda row: True, removed=gone)
    if streaming:
        assert list(load(everything)["train"]) == []
    else:
        with pytest.raises(ValueError, match="corresponds to no data"):  # the reader has no empty split
            load(everything)


@BOTH
def test_another_build_of_the_same_size_is_not_what_the_reader_cached(load: Load, tmp_path: Path) -> None:
    """The reader's cache knows a folder by its name, `shard`, and by its card."""
    one = write(tmp_path / "one", [in_order(0, 2)])
    other = write(tmp_path / "other", [in_order(7, 2)])
    captions = [[sample["txt"] for sample in load(folder)["train"]] for folder in (one, other)]
    assert captions[0] != captions[1]


@BOTH
def test_a_folder_without_shards_has_no_samples_to_open(load: Load, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"No \(supported\) data files found"):
        load(write(tmp_path, []))


def test_the_front_matter_is_what_the_hub_takes(tmp_path: Path) -> None:
    out = write(tmp_path, [in_order(0, 2)])
    card = huggingface_hub.DatasetCard.load(out / "README.md", ignore_metadata_errors=False)
    sizes = Path(datasets.__file__).parent / "utils" / "resources" / "size_categories.json"
    assert [*SIZES] == manifest.read_json(sizes)[1:]  # the first is "unknown"
    assert card.data.size_categories == ["n<1K"]
    (config,) = MetadataConfigs.from_dataset_card_data(card.data)
    (info,) = datasets.info.DatasetInfosDict.from_dataset_card_data(card.data).items()
    assert (config, info[0]) == ("default", "default")
    columns = dict(datasets.Features.from_arrow_schema(rows.schema_of(Row)))
    assert info[1].features["json"] == {name: columns[name] for name in columns if name not in TABLE_ALONE}
