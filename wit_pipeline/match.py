"""Which queries a caption contains: as sequences of words, in one walk along the caption."""

from collections.abc import Iterable
from typing import Any

from wit_pipeline.records import Query
from wit_pipeline.text import words

END = ""  # no word is empty, so this key never meets one


class Matcher:
    """A trie of words. A query matches where its words follow one another in the caption, whole.

    Overlaps count: "new york city" contains "new york", "city" and itself. Both sides go through
    `text.words`, so case, quotes, brackets, dashes and possessives do not matter.
    """

    def __init__(self, queries: Iterable[Query]) -> None:
        self._root: dict[str, Any] = {}
        for query in queries:
            node = self._root
            for word in words(query.query):
                node = node.setdefault(word, {})
            if node is not self._root:
                node.setdefault(END, query.query_id)

    def match(self, caption: str) -> tuple[int, ...]:
        """The ids of the queries in `caption`, each once, ascending.

        >>> from wit_pipeline.records import Kind
        >>> names = ["dog", "new york", "york"]
        >>> queries = [Query(query_id=i, query=name, kind=Kind.WORD) for i, name in enumerate(names)]
        >>> Matcher(queries).match("A dog's life in New York")
        (0, 1, 2)
        """
        found = set()
        sequence = words(caption)
        for start in range(len(sequence)):
            node = self._root
            for word in sequence[start:]:
                node = node.get(word)  # type: ignore[assignment]
                if node is None:
                    break
                if END in node:
                    found.add(node[END])
        return tuple(sorted(found))
