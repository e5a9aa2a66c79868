"""The recipe: what the dataset is. Each section is a dataclass that stands beside the code that reads it."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from queries.config import QueriesConfig
from wit_pipeline.balance import BalanceConfig
from wit_pipeline.copies.evaluation import AuditConfig
from wit_pipeline.dedup import DedupConfig
from wit_pipeline.extract import ExtractConfig
from wit_pipeline.filter import FilterConfig
from wit_pipeline.frontier import FrontierConfig
from wit_pipeline.shard import ShardConfig
from wit_pipeline.vocabulary import config
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.errors import UserError

TRAINER = "train"  # the trainer's own table may stand in the same file; `wit` leaves it unread


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """One TOML file, read."""

    seed: int = 0
    queries: QueriesConfig = field(default_factory=QueriesConfig)
    extract: ExtractConfig = field(default_factory=ExtractConfig)
    frontier: FrontierConfig = field(default_factory=FrontierConfig)
    crawl: CrawlConfig = field(default_factory=CrawlConfig)
    filter: FilterConfig = field(default_factory=FilterConfig)
    dedup: DedupConfig = field(default_factory=DedupConfig)
    balance: BalanceConfig = field(default_factory=BalanceConfig)
    shard: ShardConfig = field(default_factory=ShardConfig)
    audit: AuditConfig = field(default_factory=AuditConfig)

    def table(self, *sections: str) -> dict[str, Any]:
        """The seed and some sections as plain tables, without the knobs that change no output."""
        return {
            "seed": self.seed,
            **{name: config.as_table(getattr(self, name)) for name in sections},
        }


def load(path: Path) -> Recipe:
    """The recipe in a file; a `UserError` names the key that is wrong and what would be right."""
    tables = config.read_toml(path)
    tables.pop(TRAINER, None)
    hints = {item.name: item.type for item in dataclasses.fields(Recipe)}
    values: dict[str, Any] = {}
    for name, value in tables.items():
        if name not in hints:
            raise UserError(f"{path}: no such section {name!r}{config.did_you_mean(name, hints)}")
        where = f"{path}: [{name}]" if isinstance(value, dict) else f"{path}:"
        values[name] = (
            config.value_of(hints[name], value, f"{path}: {name}")
            if name == "seed"
            else (
                config.section(hints[name], _table(value, where), where)  # type: ignore[arg-type]
            )
        )
    return Recipe(**values)


def _table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UserError(f"{where} wants a table, found {value!r}")
    return value
