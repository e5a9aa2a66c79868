"""JSON documents: one array or object a file, in the shapes that data sets are published in."""

from collections.abc import Callable, Iterator, Set
from contextlib import suppress
from functools import partial
from itertools import groupby, islice, zip_longest
from operator import itemgetter
from typing import Any, Final, TypeVar

from wit_pipeline.sources.lines import PEEK
from wit_pipeline.sources.lists.columns import SHOWN, Flaw, raws, shown, wanted
from wit_pipeline.sources.lists.config import ListSource
from wit_pipeline.sources.lists.json_lines import Object, keys_of, rows_of
from wit_pipeline.sources.lists.json_values import items
from wit_pipeline.sources.lists.names import KNOWN, headerless, is_url, plain, recognise
from wit_pipeline.sources.packed import Damaged, head_of, opened, unpacked
from wit_pipeline.sources.source import WHOLE, Range, Split, World
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.records import Raw, Reject

REDDIT = "https://www.reddit.com"
REDDIT_IMAGES = "https://i.redd.it/"
MAX_IMAGES = 1_000_000  # of a document of the kind of COCO, whose images are held while its captions are read
KEPT = {plain(name) for names in KNOWN.values() for name in names}  # what is held of each
ABSENT: Final = object()
T = TypeVar("T")

Items = Callable[[], Iterator[tuple[str, Any]]]  # reads the document from its start, each time
Objects = Iterator[Object | Flaw]


def splits(config: ListSource, path: str, world: World) -> list[Range]:
    """A document is one split. A `UserError` where it holds no records, or it is not known what is what."""
    with opened(path, world) as stream:
        head_of(stream, path)
    _columns(config, path, world)
    return [WHOLE]


def read(config: ListSource, split: Split, world: World) -> Iterator[Raw | Reject]:
    """The records of a document; where it breaks, those before it, and a Reject that says so."""
    columns = _columns(config, split.path, world)
    found = _objects(partial(_items, split.path, world), config, split.path)
    yield from raws(rows_of(found, columns), split.place, config.texts)


def _columns(config: ListSource, path: str, world: World) -> tuple[str, ...]:
    found, damage = _first(_objects(partial(_items, path, world), config, path))
    if damage and not found:
        raise UserError(f"{path}: cannot be read: {damage}")
    return wanted(config, keys_of(found), path)


def _first(objects: Iterator[T]) -> tuple[list[T], str]:
    """The first items, and what broke them off, if something did."""
    found: list[T] = []
    try:
        found.extend(islice(objects, PEEK))
    except Damaged as error:
        return found, f"{error}"
    return found, ""


def _items(path: str, world: World) -> Iterator[tuple[str, Any]]:
    with opened(path, world) as stream:
        yield from items(unpacked(stream))


def _objects(document: Items, config: ListSource, path: str) -> Objects:
    """The records of a document, by the first items of its arrays that tell what it is."""
    others: list[str] = []
    for key, group in groupby(document(), key=itemgetter(0)):
        for _, item in islice(group, PEEK):
            shape = _shape(key, item, config)
            if shape is not None:
                yield from shape(document)
                return
        if len(others) <= SHOWN:
            others.append(key or "an array without records")
    raise UserError(
        f"{path}: holds no array of objects with a URL and a text; it holds {shown(others or ['no array'])}."
        " Convert it to JSON lines"
    )


def _shape(key: str, item: Any, config: ListSource) -> Callable[[Items], Objects] | None:
    kept = KEPT | {plain(name) for name in (*config.named().values(), *config.texts) if name}
    if isinstance(item, dict):
        has = {field for field, name in recognise(item, config.named()).items() if name in item}
        if {"url", "text"} <= has:
            return partial(_plain, key)
        if ("url" in has and key == "images") or ("image_id" in item and "text" in has):
            return partial(_of_images, kept)
    elif isinstance(item, list) and not key and all(isinstance(value, str) for value in item):
        if len(item) == 4 and "/comments/" in item[2]:
            return _explored
        if any(map(is_url, item)):
            return _unnamed
    elif isinstance(item, str) and plain(key) in kept:
        return partial(_parallel, kept)
    return None


def _plain(wanted: str, document: Items) -> Objects:
    """Objects, as in RedCaps' annotations; a path of reddit's becomes an address."""
    for key, item in document():
        if key != wanted:
            continue
        if not isinstance(item, dict):
            yield Flaw(detail="the item is not an object")
            continue
        link = item.get("permalink")
        if isinstance(link, str) and link.startswith("/r/"):
            item["permalink"] = REDDIT + link
        yield item


def _explored(document: Items) -> Objects:
    """The rows of RedCaps' explorer: [post, image file, path of the post, caption]."""
    for _, item in document():
        if isinstance(item, list) and len(item) == 4 and all(isinstance(value, str) for value in item):
            _, file, post, caption = item
            yield {"url": REDDIT_IMAGES + file, "caption": caption, "permalink": f"{REDDIT}/r/{post}"}
        else:
            yield Flaw(detail="the item is not [post, image file, path, caption]")


def _unnamed(document: Items) -> Objects:
    """Rows of fields without names."""
    first, _ = _first(item for _, item in document())
    width = len(first[0])
    names = headerless([row for row in first if _fits(row, width)])
    for _, row in document():
        yield (
            dict(zip(names, row, strict=True)) if _fits(row, width) else Flaw(detail="a row unlike the first")
        )


def _fits(row: Any, width: int) -> bool:
    return isinstance(row, list) and len(row) == width and all(isinstance(value, str) for value in row)


def _parallel(kept: Set[str], document: Items) -> Objects:
    """The columns of a table, each an array of its own, as in SBU."""
    found: dict[str, None] = {}
    with suppress(Damaged):  # where it breaks, the second reading says
        for key, _ in document():
            if plain(key) in kept and len(found) < len(kept):
                found[key] = None
    names = list(found)
    columns = [_column(name, document) for name in names]
    for values in zip_longest(*columns, fillvalue=ABSENT):
        if ABSENT in values:
            yield Flaw(detail="the arrays are not of one length")
        else:
            yield dict(zip(names, values, strict=True))


def _column(wanted: str, document: Items) -> Iterator[Any]:
    return (item for key, item in document() if key == wanted)


def _of_images(kept: Set[str], document: Items) -> Objects:
    """The captions of images that another array describes, as in COCO; licences by their number."""
    images: dict[str, Object] = {}
    licenses: dict[str, Any] = {}
    with suppress(Damaged):  # where it breaks, the second reading says
        for key, item in document():
            if key == "images" and isinstance(item, dict) and len(images) < MAX_IMAGES:
                images[_id(item)] = {name: value for name, value in item.items() if plain(name) in kept}
            elif key == "licenses" and isinstance(item, dict):
                licenses[_id(item)] = item.get("url") or item.get("name")
    for item in _column("annotations", document):
        image = images.get(_id(item, "image_id")) if isinstance(item, dict) else None
        if image is None:
            yield Flaw(detail="the annotation belongs to none of the images")
        else:
            stated = image.get("license")
            license = licenses.get(_id(image, "license"), stated if isinstance(stated, str) else "")
            yield {**image, **item, "license": license}


def _id(item: Object, name: str = "id") -> str:
    return f"{item.get(name)}"  # a number in one array may be text in the other
