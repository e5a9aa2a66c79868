"""The extract job over every kind of source with files: what adds up, and what bad input gets."""

import bz2
import gzip
import io
import json
import re
import shutil
import tarfile
from pathlib import Path

import pytest

from beam_jobs.__main__ import main
from beam_jobs.stages import extract as job
from wit_pipeline.sources import KINDS
from wit_pipeline.sources.lists.config import ListSource
from wit_pipeline.sources.source import Split, no_lane
from wit_pipeline.sources.web.commons import CommonsSource
from wit_pipeline.sources.web.openverse import OpenverseSource
from wit_pipeline.sources.web.pages import PagesSource
from wit_pipeline.vocabulary import manifest, rows
from wit_pipeline.vocabulary.records import Candidate, Reject

HTML = b'<html lang="en"><img src="1.jpg" alt="a red dog" title="the dog"><img src="2.jpg"><p>x</p></html>'
FILES = sorted(name for name, kind in KINDS.items() if not kind.fetches)


def warc(body: bytes = HTML) -> bytes:
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + body
    head = (
        "WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.test/\r\n"
        "WARC-Date: 2020-01-01T00:00:00Z\r\nContent-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(answer)}\r\n\r\n"
    )
    return head.encode() + answer + b"\r\n\r\n"


def wat() -> bytes:
    links = [{"path": "IMG@/src", "url": f"{i}.jpg", "alt": text} for i, text in enumerate(("a red dog", ""))]
    html = {"HTML-Metadata": {"Links": links}}
    body = {
        "Envelope": {
            "WARC-Header-Metadata": {"WARC-Target-URI": "http://a.test/", "WARC-Type": "response"},
            "Payload-Metadata": {"HTTP-Response-Metadata": html},
        }
    }
    text = json.dumps(body).encode()
    head = (
        "WARC/1.0\r\nWARC-Type: metadata\r\nWARC-Target-URI: http://a.test/\r\n"
        "WARC-Date: 2020-01-01T00:00:00Z\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(text)}\r\n\r\n"
    )
    return head.encode() + text + b"\r\n\r\n"


WIT_COLUMNS = """language page_url image_url page_title section_title hierarchical_section_title
caption_reference_description caption_attribution_description caption_alt_text_description mime_type
original_height original_width is_main_image attribution_passes_lang_id page_changed_recently
context_page_description context_section_description"""


def wit() -> bytes:
    names = re.split(r"\s+", WIT_COLUMNS)
    row = dict.fromkeys(names, "") | {"language": "en", "image_url": "http://a.test/1.jpg"}
    good = row | {"caption_reference_description": "a red dog", "mime_type": "image/jpeg"}
    return "".join("\t".join(line) + "\n" for line in (names, good.values(), row.values())).encode()


def yfcc() -> bytes:
    fields = ["1@N00", "ann", "2010-01-01", "1", "", "a+red+dog", "the+dog+again", "", "", "", "", ""]
    fields += ["http://f.test/1", "http://f.test/1.jpg", "CC BY", "http://c.test/", "1", "1", "a", "b", "jpg"]
    photo, film = (["1", *fields, "0"], ["2", *fields, "1"])
    return "".join("\t".join(line) + "\n" for line in (photo, film)).encode()


def shard() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, body in (
            ("000.jpg", b"\xff\xd8"),
            ("000.txt", b"a red dog"),
            ("000.json", b'{"url": "http://a.test/1.jpg"}'),
            ("001.txt", b"no image"),
        ):
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return buffer.getvalue()


# Of each kind a file with at least one good record and one that is none: its name, its bytes, what is kept.
GOOD = {
    "list": (
        "a.csv",
        b"url,caption\nhttp://a.test/1.jpg,a red dog\nhttp://a.test/2.jpg,\nhalf\n",
        ["a red dog"],
    ),
    "warc": ("a.warc", warc(), ["a red dog", "the dog"]),
    "wat": ("a.warc.wat", wat(), ["a red dog"]),
    "wit_tsv": ("a.tsv", wit(), ["a red dog"]),
    "yfcc": ("yfcc100m_dataset", yfcc(), ["a red dog", "the dog again"]),
    "webdataset": ("a.tar", shard(), ["a red dog"]),
}


def test_there_is_an_example_of_every_kind() -> None:
    assert sorted(GOOD) == FILES


@pytest.fixture(scope="module")
def queried(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a root whose query list is signed: dog, red."""
    folder = tmp_path_factory.mktemp("extract")
    (folder / "lemmas.tsv").write_text("lemma\tpos\tn_senses\ndog\tn\t1\nred\ta\t1\n")
    (folder / "q.toml").write_text(f'[queries]\nwordnet = "{folder}/lemmas.tsv"\n')
    assert (
        main(["queries", "--recipe", f"{folder}/q.toml", "--root", f"{folder}/root", "--workers", "1"]) == 0
    )
    return folder


def extract(queried: Path, sources: str, *flags: str) -> int:
    recipe = queried / "r.toml"
    recipe.write_text(f'[queries]\nwordnet = "{queried}/lemmas.tsv"\n{sources}')
    return main(["extract", "--recipe", f"{recipe}", "--root", f"{queried}/root", "--workers", "1", *flags])


def source(kind: str, path: Path) -> str:
    return f'[[extract.sources]]\nkind = "{kind}"\npath = ["{path}"]\n'


def test_every_kind_gives_its_pairs_and_its_funnel_adds_up(queried: Path, tmp_path: Path) -> None:
    text = ""
    for kind, (name, body, _) in GOOD.items():
        (tmp_path / name).write_bytes(body)
        text += source(kind, tmp_path / name)
    assert extract(queried, text) == 0
    folder = queried / "root" / "extract"
    signed = manifest.load(folder)
    assert signed is not None
    kept = [item for file in signed.named("part-") for item in rows.read(folder / file.name, Candidate)]
    results = manifest.read_json(folder / "results.json")["sources"]
    for kind, told in zip(GOOD, results, strict=True):
        assert [item.caption for item in kept if item.source == kind] == GOOD[kind][2]
        assert told["kind"] == kind
        assert told["read"] == told["kept"] + sum(told["rejected"].values()) > told["kept"] > 0, told
    assert sum(told["read"] for told in results) == signed.counts.read
    names = {kind: name for kind, (name, _, _) in GOOD.items()}
    assert all(item.where.startswith(names[item.source]) and item.text_kind for item in kept)


@pytest.mark.parametrize("kind", FILES)
def test_nothing_depends_on_how_a_path_is_spelled(
    kind: str, queried: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, body, _ = GOOD[kind]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / name).write_bytes(body)
    (tmp_path / "link").symlink_to("data")
    monkeypatch.chdir(tmp_path / "data")
    whole, folder = tmp_path / "data" / name, queried / "root" / "extract"
    assert extract(queried, source(kind, whole)) == 0
    signed = manifest.load(folder)
    assert signed is not None
    for spelling in (name, f"../data/{name}", f"{tmp_path}/link/{name}", f"{tmp_path}//./data/{name}"):
        assert extract(queried, f'[[extract.sources]]\nkind = "{kind}"\npath = ["{spelling}"]\n') == 0
        assert manifest.load(folder) == signed  # not even built again
    (tmp_path / "data").rename(tmp_path / "moved [1]")
    shutil.rmtree(folder)
    assert extract(queried, source(kind, tmp_path / "moved [1]" / f"*{name[1:]}")) == 0
    moved = manifest.load(folder)
    assert moved is not None
    assert moved.digest == signed.digest
    assert str(tmp_path) not in json.dumps([dict(moved.inputs), moved.recipe])


@pytest.mark.parametrize("kind", FILES)
def test_a_file_is_read_by_its_name_beside_one_that_the_name_would_match(
    kind: str, queried: Path, tmp_path: Path
) -> None:
    name, body, kept = GOOD[kind]
    stem, _, suffix = name.partition(".")
    (tmp_path / f"{stem}[1].{suffix}").write_bytes(body)
    (tmp_path / f"{stem}1.{suffix}").write_bytes(body)
    (tmp_path / f"{stem}2.{suffix}").symlink_to(f"{stem}1.{suffix}")
    folder = queried / "root" / "extract"
    for pattern, files in (
        (f"{stem}*.{suffix}", 2),
        (f"{stem}[1].{suffix}", 1),
        (f"{stem}[1-9].{suffix}", 1),
    ):
        assert extract(queried, source(kind, tmp_path / pattern)) == 0
        signed = manifest.load(folder)
        assert signed is not None
        found = [item for file in signed.named("part-") for item in rows.read(folder / file.name, Candidate)]
        assert [item.caption for item in found] == kept * files, pattern


def test_what_is_read_once_is_said(queried: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name, body, kept = GOOD["list"]
    (tmp_path / name).write_bytes(body)
    paths = json.dumps([f"{tmp_path}/{name}", f"{tmp_path}/./*"])
    text = f'[[extract.sources]]\nkind = "list"\npath = {paths}\n'
    assert extract(queried, text, "--json") == 0
    assert f"{tmp_path / name} is named twice: it is read once" in capsys.readouterr().out
    signed = manifest.load(queried / "root" / "extract")
    assert signed is not None
    assert signed.counts.kept == len(kept)


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("trouble", ["missing", "a directory", "empty"])
def test_what_is_no_file_of_its_kind_is_told_in_a_line(
    kind: str, trouble: str, queried: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / GOOD[kind][0]
    if trouble == "a directory":
        path.mkdir()
    elif trouble == "empty":
        path.write_bytes(b"")
    assert extract(queried, source(kind, path)) == 2
    error = capsys.readouterr().err
    assert "Traceback" not in error
    line = error.splitlines()[-1]
    assert line.startswith("wit: ")
    assert GOOD[kind][0] in line


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("trouble", ["cut", "cut and packed", "noise behind", "noise", "zeros"])
def test_damage_is_counted_or_told_and_what_came_before_is_kept(
    kind: str, trouble: str, queried: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, body, kept = GOOD[kind]
    noise = bytes(range(256)) * 8
    bodies = {
        "cut": body[:-3],
        "cut and packed": gzip.compress(body)[:-5],
        "noise behind": body + noise,
        "noise": noise,
        "zeros": bytes(5000),
    }
    path = tmp_path / (name + ".gz" if trouble == "cut and packed" and kind != "webdataset" else name)
    path.write_bytes(bodies[trouble])
    code = extract(queried, source(kind, path), "--json")
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    if code == 0:
        (told,) = manifest.read_json(queried / "root" / "extract" / "results.json")["sources"]
        assert told["read"] == told["kept"] + sum(told["rejected"].values())
        assert told["kept"] <= len(kept)
    else:
        assert code in (1, 2)
        assert path.name in captured.err.splitlines()[-1]
    if trouble in ("cut", "noise behind") and kind in ("list", "yfcc", "warc"):
        assert code == 0
        assert told["kept"] == len(kept)


def test_rejects_are_sampled_by_reason_and_all_of_them_on_demand(queried: Path, tmp_path: Path) -> None:
    lines = [f"http://a.test/{i}.jpg,{'a red dog' if i == 7 else 'nothing known'}" for i in range(50)]
    (tmp_path / "a.csv").write_text("\n".join(["url,caption", *lines, "http://a.test/,"]))
    text = source("list", tmp_path / "a.csv")
    written = {}
    for name, keys in (("few", "reject_sample = 3"), ("all", "keep_rejects = true")):
        assert extract(queried, f"[extract]\n{keys}\n{text}") == 0
        folder = queried / "root" / "extract"
        signed = manifest.load(folder)
        assert signed is not None
        assert dict(signed.counts.rejected) == {"no_query": 49, "no_text": 1}
        written[name] = [
            r.where for f in signed.named("rejects-") for r in rows.read(folder / f.name, Reject)
        ]
    assert (len(written["few"]), len(written["all"])) == (4, 50)
    assert written["few"] == [where for where in written["all"] if where in written["few"]]


def test_a_packed_list_is_the_same_list(queried: Path, tmp_path: Path) -> None:
    name, body, kept = GOOD["list"]
    (tmp_path / f"{name}.bz2").write_bytes(bz2.compress(body))
    assert extract(queried, source("list", tmp_path / f"{name}.bz2")) == 0
    folder = queried / "root" / "extract"
    found = [row.caption for row in rows.read(folder / "part-00000.parquet", Candidate)]
    assert found == kept


def test_what_asks_one_interface_is_one_lane_whatever_source_it_is_of() -> None:
    """A pace holds for the processes of one machine; a lane for all."""
    sources = (
        CommonsSource(),
        CommonsSource(api="http://Wiki.test:8080/api.php"),
        CommonsSource(per_query=7),
        OpenverseSource(api="http://wiki.test:8080/v1/"),
        PagesSource(urls=("http://a.test/",)),
        ListSource(path=("a.csv",)),
    )
    splits = [
        Split(source=number, path="", first=i, last=3) for number in range(len(sources)) for i in range(3)
    ]
    found = list(job.lanes(sources, splits))
    commons, wiki = ["commons.wikimedia.org"] * 3, ["wiki.test:8080"] * 3
    pages = [f"pages-{i}" for i in range(3)]
    assert found == [*commons, *wiki, *commons, *wiki, *pages, "", "", ""]


@pytest.mark.parametrize("kind", sorted(name for name, kind in KINDS.items() if kind.fetches))
def test_every_source_that_asks_servers_has_lanes(kind: str) -> None:
    assert KINDS[kind].lane is not no_lane
