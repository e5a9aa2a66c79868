from pathlib import Path

import pytest

from benchmarks.pictures import TOLD, photos, same, unlike


def test_chains_of_one_picture_are_not_unlike() -> None:
    names = ["a", "b", "c", "d"]
    found = unlike(names, iter([("a", "x"), ("x", "c"), ("d", "y")]))
    alike = {(one, other) for one in range(4) for other in range(4) if not found[one, other]}
    assert alike == {(0, 0), (1, 1), (2, 2), (3, 3), (0, 2), (2, 0)}


def test_look_alikes_of_a_table_are_different_pictures_unless_asked_for_or_told(tmp_path: Path) -> None:
    rows = ["label\tfile_a\tfile_b", "same_picture\ta.jpg\tb.jpg", "template_look_alike\tc.jpg\td.jpg"]
    (tmp_path / "near_dups_within.tsv").write_text("\n".join(rows))
    told = set(same([]))
    assert set(same([tmp_path])) - told == {("a.jpg", "b.jpg")}
    assert set(same([tmp_path], look_alikes=True)) - told == {("a.jpg", "b.jpg"), ("c.jpg", "d.jpg")}
    assert told == {tuple(row.split("\t")[:2]) for row in TOLD.read_text().splitlines()[1:]}


def test_pairs_that_were_looked_at_are_pictures_of_the_textbooks(real_data: Path) -> None:
    names = {photo.name for photo in photos(real_data / "pairs_openstax_ccby", whole=True)}
    assert all(one in names and other in names and one != other for one, other in same([]))


@pytest.mark.parametrize("whole", [True, False])
def test_names_are_below_the_folder(tmp_path: Path, whole: bool) -> None:
    (tmp_path / "images").mkdir()
    for number in range(60):
        (tmp_path / "images" / f"{number}.PNG").touch()
    (tmp_path / "SOURCE.txt").touch()
    found = photos(tmp_path, whole=whole)
    assert all(tmp_path / photo.name == photo.path for photo in found)
    assert (len(found) == 60) is whole
