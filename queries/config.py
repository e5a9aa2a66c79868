"""The recipe's [queries] section."""

from dataclasses import dataclass
from enum import StrEnum

from wit_pipeline.text.languages import check, of_wiki
from wit_pipeline.vocabulary.config import how


class Bigrams(StrEnum):
    """What bigrams are admitted and ranked by."""

    NPMI = "npmi"  # normalised pointwise mutual information
    LLR = "llr"  # log-likelihood ratio: prefers frequent pairs
    STRICT_METACLIP = "strict_metaclip"  # raw PMI of 30 bits and no minimum count, for comparison


@dataclass(frozen=True, kw_only=True, slots=True)
class Dumps:
    """Dumps whose language is told."""

    files: str  # a glob
    language: str  # BCP 47, or the code of a wiki

    def __post_init__(self) -> None:
        if not of_wiki(self.language):
            check((self.language,))


@dataclass(frozen=True, kw_only=True, slots=True)
class QueriesConfig:
    """What becomes a query. Counts are occurrences in the articles of all dumps of a language together.

    Each language has a list of its own, and each bound and budget is that of one list.
    """

    # Globs of dumps, MediaWiki XML or CirrusSearch JSON, packed or not; with the language, where they lie.
    wikipedia: tuple[str | Dumps, ...] = how(())
    disambiguations: bool = False  # whether pages that only part the meanings of a title are counted
    pageviews: tuple[str, ...] = how(())  # globs: pageviews, pageview_complete, or rankings as JSON
    project: str = ""  # whose page views count, as in de.wikipedia; "": those of each dump's own wiki
    language: str = "en"  # BCP 47, of dumps that state none
    wordnet: str = how("")  # WordNet: a dict folder, or Open English WordNet; "" for none
    blocklist: str = how("")  # a file of queries that are left out, one a line; "" for none
    min_count: int = 100  # occurrences of a word; CLIP's own bound (Radford et al. 2021, section 2.2)
    bigrams: Bigrams = Bigrams.NPMI
    bigram_min_count: int = 0  # occurrences of a pair; 0: as min_count. Unbounded, pairs seen once rank first
    bigram_min_npmi: float = 0.3  # -1 to 1; 0 is chance, 1 is two words never seen apart
    bigram_min_llr: float = 10.83  # 0.1 % of independent pairs lie above it
    bigram_budget: int = 100_000  # pairs at most, the best first
    title_min_views: int = 1  # page views of all that an article's name goes by
    title_budget: int = 0  # titles at most, most viewed first; 0: as many as the other kinds leave room for
    budget: int = 500_000  # queries of all kinds together, in each language

    def __post_init__(self) -> None:
        least = {"min_count": 1, "bigram_min_count": 0, "budget": 1, "bigram_budget": 0, "bigram_min_llr": 0}
        for name, bound in {**least, "title_min_views": 0, "title_budget": 0}.items():
            if getattr(self, name) < bound:
                raise ValueError(f"{name} must be at least {bound}, found {getattr(self, name)}")
        if not -1 <= self.bigram_min_npmi <= 1:
            raise ValueError(f"bigram_min_npmi must lie in -1 to 1, found {self.bigram_min_npmi}")
        if self.project and not of_wiki(self.project):
            raise ValueError(
                f"project must be the code of a Wikipedia such as en or zh-classical, found {self.project!r}"
            )
        check((self.language,))

    @property
    def dumps(self) -> tuple[str, ...]:
        """The globs of all dumps."""
        return tuple(item.files if isinstance(item, Dumps) else item for item in self.wikipedia)

    @property
    def pair_min_count(self) -> int:
        """Occurrences that a pair of words needs."""
        return 1 if self.bigrams is Bigrams.STRICT_METACLIP else self.bigram_min_count or self.min_count

    @property
    def vocabulary_min_count(self) -> int:
        """Occurrences that a word needs so that its pairs are counted."""
        return 1 if self.bigrams is Bigrams.STRICT_METACLIP else self.min_count

    @property
    def most_bigrams(self) -> int:
        """Bigrams at most; MetaCLIP's rule has no budget of its own."""
        return self.budget if self.bigrams is Bigrams.STRICT_METACLIP else self.bigram_budget
