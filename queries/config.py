"""The recipe's [queries] section."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class QueriesConfig:
    """What becomes a query. Counts are occurrences in the articles of all dumps together."""

    wikipedia: tuple[str, ...] = ()  # globs of MediaWiki XML dumps, .xml or .xml.bz2
    pageviews: tuple[str, ...] = ()  # globs; refused unless empty: titles by page views are not read yet
    wordnet: str = ""  # a folder with data.noun … or lemmas.tsv; "" for none
    min_count: int = 100  # occurrences of a word; CLIP's own bound (Radford et al. 2021, section 2.2)
    bigram_min_count: int = 0  # occurrences of a pair; 0: as min_count. Unbounded, pairs seen once rank first
    bigram_min_npmi: float = 0.3  # -1 to 1; 0 is chance, 1 is two words never seen apart
    bigram_budget: int = 100_000  # pairs at most, best NPMI first
    budget: int = 500_000  # queries of all kinds together

    def __post_init__(self) -> None:
        if self.pageviews:
            raise ValueError("pageviews cannot be read yet; leave it empty")
        for name, least in (("min_count", 1), ("bigram_min_count", 0), ("budget", 1), ("bigram_budget", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, found {getattr(self, name)}")
        if not -1 <= self.bigram_min_npmi <= 1:
            raise ValueError(f"bigram_min_npmi must lie in -1 to 1, found {self.bigram_min_npmi}")

    @property
    def pair_min_count(self) -> int:
        """Occurrences that a pair of words needs."""
        return self.bigram_min_count or self.min_count
