from collections import Counter
from pathlib import Path

import pytest

from tests.factories import local_world, records_of
from tests.lists import source
from wit_pipeline.vocabulary.records import Raw


def test_real_lists(real_data: Path) -> None:
    folder = real_data / "url_caption_lists"
    path = next(folder.rglob("test_10000.parquet"))
    found = records_of(source(url="URL", text="TEXT"), str(path), local_world())
    assert len(found) == 10_000
    odd = [item for item in found if not (isinstance(item, Raw) and item.url.startswith("http"))]
    assert [item.url for item in odd] == ["UNLIKELY"]  # the list has one row whose columns slipped


REAL_LISTS = [
    ("laion_via_img2dataset/test_10000.parquet", 10_000),
    ("laion_via_img2dataset/test_1000.parquet", 1000),
    ("laion_via_img2dataset/sample_image.parquet", 2),
    ("laion_via_img2dataset/test_10000.txt", 10_000),
    ("cc3m/Validation_GCC-1.1.0-Validation.tsv", 15_833),
    ("cmoa_teenie/teenie_4000.jsonl", 4000),
    *[
        (f"redcaps/{name}.json", 1000)
        for name in ("blacksmith", "camping", "chickens", "classiccars", "frogs", "outdoors")
    ],
    ("redcaps/birdsofprey.json", 840),
    ("redcaps/cupcakes.json", 734),
    ("redcaps/plantsandpots.json", 668),
    ("redcaps/soup.json", 675),
    ("../captions_text/coco/captions_val2017.json", 25_014),
    ("../pairs_openimages_ccby18/credits.csv", 18),
]


@pytest.mark.parametrize(("name", "count"), REAL_LISTS)
def test_real_lists_are_recognised(real_data: Path, name: str, count: int) -> None:
    path = real_data / "url_caption_lists" / name
    found = [item for item in records_of(source(), str(path), local_world()) if isinstance(item, Raw)]
    odd = {raw.url for raw in found if not raw.url.startswith("http")}
    assert (len(found), odd <= {"UNLIKELY"}) == (count, True)  # LAION has one row whose columns slipped
    textless = sum(not raw.text for raw in found)
    assert textless == count if path.suffix == ".txt" else textless < 10  # RedCaps has a few empty captions


def test_what_real_lists_say_of_an_image(real_data: Path) -> None:
    folder = real_data / "url_caption_lists"
    museum = records_of(source(), str(folder / "cmoa_teenie/teenie_4000.jsonl"), local_world())[0]
    assert isinstance(museum, Raw)
    assert (museum.text, museum.attribution, museum.page_url) == (
        "Soldiers marching in a parade on tree lined residential street",
        "Heinz Family Fund",
        "http://teenie.cmoa.org/CollectionSearch.aspx?itemIRN=18015",
    )
    soup = records_of(source(), str(folder / "redcaps/soup.json"), local_world())[0]
    assert isinstance(soup, Raw)
    assert (soup.url, soup.text, soup.page_url) == (
        "https://i.redd.it/m8e9jqbpn4p51.jpg",
        "tom yum with tofu and mushrooms",
        "https://www.reddit.com/r/soup/comments/iz16ws/tom_yum_with_tofu_and_mushrooms/",
    )
    coco = records_of(source(), str(real_data / "captions_text/coco/captions_val2017.json"), local_world())
    licenses = Counter(item.license for item in coco if isinstance(item, Raw))
    assert len(licenses) == 8 - 1  # the eighth licence has no image in the set
    assert "" not in licenses
