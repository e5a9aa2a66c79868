"""What describes the shards to others: the dataset card and Croissant metadata."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from wit_pipeline.pictures.structure import EXTENSIONS
from wit_pipeline.report.pages import environment
from wit_pipeline.shard import TABLE_ALONE, Row
from wit_pipeline.vocabulary.chance import digest
from wit_pipeline.vocabulary.manifest import File, Manifest
from wit_pipeline.vocabulary.records import Reason
from wit_pipeline.vocabulary.rows import schema_of

NAME = "webimagetext"
DATA_TYPES = {"string": "sc:Text", "int64": "sc:Integer", "double": "sc:Float"}
HUB_TYPES = {"double": "float64"}  # what `datasets` calls otherwise than Arrow does
SIZES = (  # the Hub's list, closed: a card that names another class is refused there
    "n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M",
    "100M<n<1B", "1B<n<10B", "10B<n<100B", "100B<n<1T", "n>1T",
)  # fmt: skip


def dataset_card(
    before: Sequence[Manifest],
    shards: Sequence[File],
    removed: Mapping[str, int] | None = None,
    *,
    rounds: bool = False,
) -> str:
    """README.md of the shards' folder: what is in them, and the funnel that led there.

    `removed` are samples that have left their shards, by reason; `rounds` says whether there were several.
    """
    template, gone = environment().get_template("card.md"), dict(removed or {})
    return template.render(
        stages=before,
        shards=shards,
        samples=sum(file.rows for file in shards),
        taken_down=gone.pop(Reason.TAKEN_DOWN, 0),
        displaced=gone,
        rounds=rounds,
        size=size_class(sum(file.rows for file in shards)),
        images=image_members(before),
        # `datasets` caches a local folder by its name and its card, so the card names the bytes: without
        # that, what was taken down, or another build's samples, would come from the cache.
        digest=digest([[file.name, file.sha256] for file in shards]),
        columns=schema_of(Row),
        alone=TABLE_ALONE,
        features=[
            _feature(field.name, str(field.type)) for field in schema_of(Row) if field.name not in TABLE_ALONE
        ],
    )


def size_class(samples: int) -> str:
    """The Hub's class of a dataset's size."""
    return SIZES[bisect_right([10**power for power in range(3, 3 + len(SIZES) - 1)], samples)]


def image_members(before: Sequence[Manifest]) -> list[str]:
    """The endings that a sample's image may have: jpg, and more only where bytes are stored as they came."""
    crawl: Mapping[str, Any] = next((item.recipe["crawl"] for item in before if item.stage == "crawl"), {})
    formats = crawl["formats"] if crawl.get("store") == "raw" else ["JPEG"]
    return [ending for name, ending in EXTENSIONS.items() if name in formats]


def _feature(name: str, arrow_type: str) -> tuple[str, str, str]:
    """(name, "dtype" or "sequence", type) of a column, as a card states it."""
    if arrow_type.startswith("list"):
        return name, "sequence", "int64"
    return name, "dtype", HUB_TYPES.get(arrow_type, arrow_type)


def croissant(shards: Sequence[File], tables: Sequence[File]) -> dict[str, Any]:
    """Croissant 1.0 metadata: the tars, the tables, and the tables' columns as one set of records.

    Without `url`: a dataset has no page until someone publishes it, and readers ask for none.
    """
    rows = {  # without containedIn: files that lie beside this one, which readers take as they are
        "@type": "cr:FileSet",
        "@id": "tables",
        "name": "tables",
        "encodingFormat": "application/x-parquet",
        "includes": "[0-9]*.parquet",
    }
    objects = [
        *(_file_object(file, "application/x-tar") for file in shards),
        *(_file_object(file, "application/x-parquet") for file in tables),
    ]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": NAME,
        "description": "Image-text pairs, each with its source, its queries and its evaluation overlap.",
        "distribution": [*objects, rows],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "samples",
                "name": "samples",
                "field": [_field(field.name, str(field.type)) for field in schema_of(Row)],
            }
        ],
    }


def _file_object(file: File, encoding: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.name,
        "name": file.name,
        "contentUrl": file.name,
        "contentSize": f"{file.bytes} B",
        "encodingFormat": encoding,
        "sha256": file.sha256,
    }


def _field(name: str, arrow_type: str) -> dict[str, Any]:
    repeated = arrow_type.startswith("list")
    kind = "int64" if repeated else arrow_type
    field = {
        "@type": "cr:Field",
        "@id": f"samples/{name}",
        "name": f"samples/{name}",
        "dataType": DATA_TYPES[kind],
        "source": {"fileSet": {"@id": "tables"}, "extract": {"column": name}},
    }
    return {**field, "repeated": True} if repeated else field


CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
