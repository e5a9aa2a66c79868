"""A build with a detector: what it alone finds is flagged by dedup and in the audit."""

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from beam_jobs.__main__ import main
from tests.beam_jobs.world import DUMP, PAGE
from tests.factories import encoded, photograph
from wit_pipeline.audit.audit import Overlap
from wit_pipeline.copies.detector import METADATA
from wit_pipeline.vocabulary import manifest, rows
from wit_pipeline.vocabulary.records import Pair, Reject

SIDE, CELLS = 32, 8
RECIPE = """
[queries]
wikipedia = ["{folder}/dump.xml"]
min_count = 10
bigram_min_count = 10
[[extract.sources]]
kind = "webdataset"
path = ["{folder}/web.tar"]
[crawl]
user_agent = "wit-test/0.1 (+https://example.org/wit)"
[dedup]
evaluation = "{evaluation}"
[audit]
{detector}
[audit.sets]
eval = "{folder}/eval"
"""


def write_detector(path: Path) -> None:
    """A descriptor by hand: a picture's grey, in 8 × 8 cells, without its mean."""
    cells = CELLS * CELLS
    centre = np.eye(cells, dtype=np.float32) - 1 / cells
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["squares"], ["pixels"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["pixels", "channels"], ["grey"], keepdims=0),
            helper.make_node("Reshape", ["grey", "planes"], ["plane"]),
            helper.make_node("AveragePool", ["plane"], ["cells"], kernel_shape=[4, 4], strides=[4, 4]),
            helper.make_node("Flatten", ["cells"], ["flat"]),
            helper.make_node("MatMul", ["flat", "centre"], ["centred"]),
            helper.make_node("LpNormalization", ["centred"], ["descriptors"], axis=1, p=2),
        ],
        "cells",
        [helper.make_tensor_value_info("squares", TensorProto.UINT8, ["n", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info("descriptors", TensorProto.FLOAT, ["n", cells])],
        [
            numpy_helper.from_array(np.array([3]), "channels"),
            numpy_helper.from_array(np.array([-1, 1, SIDE, SIDE]), "planes"),
            numpy_helper.from_array(centre, "centre"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    told = {"size": SIDE, "dims": cells, "trusted": 0.6}
    helper.set_model_props(model, {METADATA: json.dumps(told)})
    onnx.save(model, str(path))


def turned(seed: int) -> bytes:
    """A copy that codes do not find: turned by 6 degrees, its edges cut."""
    return encoded(photograph(seed, (200, 150)).rotate(6).crop((8, 6, 192, 144)))


def write_tar(path: Path, samples: Mapping[str, tuple[bytes, str]]) -> None:
    with tarfile.open(path, "w") as tar:
        for key, (body, caption) in samples.items():
            url = json.dumps({"url": f"http://{key}.test/{key}.jpg"})
            for suffix, data in (("jpg", body), ("txt", caption.encode()), ("json", url.encode())):
                member = tarfile.TarInfo(f"{key}.{suffix}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dump, an evaluation set of four pictures and a web of thirty: three plain copies, one turned."""
    made = tmp_path_factory.mktemp("world")
    text = "The red dog saw the blue river. " * 5
    pages = "".join(PAGE.format(title=f"Dog {i}", id=i, text=text) for i in range(4))
    (made / "dump.xml").write_text(DUMP.format(pages=pages))
    samples = {f"p{i:02d}": (encoded(photograph(i)), f"A red dog, number {i}") for i in range(26)}
    samples |= {f"c{i}": (encoded(photograph(500 + i), quality=60), f"The river {i}") for i in range(3)}
    samples |= {"turned": (turned(503), "The blue river")}
    write_tar(made / "web.tar", samples)
    (made / "eval").mkdir()
    for i in range(4):
        (made / "eval" / f"{i}.png").write_bytes(encoded(photograph(500 + i), "PNG"))
    write_detector(made / "detector.onnx")
    return made


def build(folder: Path, name: str, *, detector: bool, evaluation: str = "flag") -> Path:
    stated = f'detector = "{folder}/detector.onnx"' if detector else ""
    recipe = folder / f"{name}.toml"
    recipe.write_text(RECIPE.format(folder=folder, detector=stated, evaluation=evaluation))
    root = folder / name
    assert main(["build", "--recipe", str(recipe), "--root", str(root), "--workers", "1"]) == 0
    return root


def overlaps(root: Path) -> dict[str, Overlap]:
    return {item.image: item for item in rows.read(root / "audit" / "overlap.parquet", Overlap)}


def test_what_the_detector_alone_finds_is_flagged_and_audited(folder: Path) -> None:
    without, with_it = build(folder, "without", detector=False), build(folder, "with", detector=True)
    assert sorted(overlaps(without)) == ["0.png", "1.png", "2.png"]
    found = overlaps(with_it)
    assert sorted(found) == ["0.png", "1.png", "2.png", "3.png"]
    assert (found["3.png"].caption, found["3.png"].method) == ("The blue river", "learned")
    assert 0.6 <= found["3.png"].cosine < 1
    assert found["0.png"].cosine > 0.99  # judged, too
    flags = {
        pair.candidate.caption: pair.evaluation
        for path in sorted((with_it / "dedup").glob("part-*.parquet"))
        for pair in rows.read(path, Pair)
        if pair.evaluation
    }
    assert sorted(flags) == ["The blue river", "The river 0", "The river 1", "The river 2"]
    (flag,) = flags["The blue river"]
    distance, cosine, way = flag.removeprefix("eval/3.png ").split()
    assert (int(distance), way) == (found["3.png"].distance, "learned")
    assert float(cosine) == pytest.approx(found["3.png"].cosine, abs=1e-3)
    stated = json.loads((with_it / "audit" / "results.json").read_text())["sets"]["eval"]
    assert stated["detector"]["learned"]["cosine"] <= found["3.png"].cosine
    assert stated["by_method"]["learned"] == 1


def test_what_the_detector_finds_is_dropped_where_the_recipe_says_so(folder: Path) -> None:
    root = build(folder, "dropped", detector=True, evaluation="drop")
    paths = sorted((root / "dedup").glob("rejects-*.parquet"))
    gone = [item for path in paths for item in rows.read(path, Reject)]
    assert sorted(item.caption for item in gone if item.reason == "evaluation_copy") == [
        "The blue river",
        "The river 0",
        "The river 1",
        "The river 2",
    ]
    signed = manifest.load(root / "shard")
    assert signed is not None
    assert signed.counts.kept == 26


def test_another_detector_is_another_plan(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "broken.onnx").write_bytes(b"nothing")
    recipe = folder / "broken.toml"
    stated = f'detector = "{folder}/broken.onnx"'
    recipe.write_text(RECIPE.format(folder=folder, detector=stated, evaluation="flag"))
    assert main(["build", "--recipe", str(recipe), "--root", str(folder / "broken"), "--workers", "1"]) == 2
    assert "broken.onnx: is no detector that `wit-clip detector` wrote" in capsys.readouterr().err
