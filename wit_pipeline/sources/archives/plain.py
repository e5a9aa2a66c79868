"""The records of an archive that is not packed."""

from wit_pipeline.sources.archives.heads import MAX_LINE, START, Head, head_at
from wit_pipeline.sources.archives.tape import Stored
from wit_pipeline.sources.archives.walk import ENDS_EARLY, Broken, Record, Spot, Walk, Wanted, record_of


class Plain(Walk):
    """A way through a file that is not packed.

    What looks like a head may be quoted in a page: a record found by looking for one counts only where
    another, or the end of the file, follows its content.
    """

    def __init__(self, stored: Stored) -> None:
        self.tape: Stored = stored
        self._begun = 0  # where the last record began

    def start(self, first: int, last: int) -> Spot:
        if first:
            return self._find(first, last)
        self.tape.seek(0)
        return self._follows()

    def resume(self, last: int) -> Spot:
        return self._find(self._begun + 1, last)

    def beyond(self, head: Head, last: int) -> bool:
        return self.tape.offset >= last and self._follows_line_end() and self._sound(head)

    def read(self, head: Head, wanted: Wanted) -> tuple[Record | None, Spot]:
        self._begun = self.tape.offset
        content = self._content(min(head.length, wanted.most)) if self.wants(head, wanted) else None
        passed = self.tape.offset - self._begun - head.size
        whole = self.tape.skip(head.length - passed) == head.length - passed
        follows = self._follows() if whole else Broken(where=f"{self._begun}", detail=ENDS_EARLY)
        if isinstance(follows, Broken) and content is not None:
            content = self._cut(head, content)
        return record_of(f"{self._begun}", head, content), follows

    def _content(self, size: int) -> bytes:
        pieces = []
        while size and (piece := self.tape.take(size)):
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def _cut(self, head: Head, content: bytes) -> bytes:
        """A content that does not end where its head says, without the records that it would reach into."""
        start = self._begun + head.size
        return content[: self.tape.offset - start] if self._find(start, start + len(content)) else content

    def _follows(self) -> Spot:
        return self.here(f"{self.tape.offset}") if self.tape.skip_blank() else None

    def _find(self, after: int, end: int) -> Head | None:
        self.tape.seek(after - 1)
        while self.tape.skip_to(START, MAX_LINE, end - 1):
            self.tape.skip(1)
            head = head_at(self.tape)
            if head and self._sound(head):
                return head
        return None

    def _follows_line_end(self) -> bool:
        self.tape.seek(self.tape.offset - 1)
        return self.tape.take(1) == b"\n"

    def _sound(self, head: Head) -> bool:
        """Whether a record, or the end of the file, follows the content of the one here."""
        here = self.tape.offset
        self.tape.seek(here + head.size + head.length - 1)
        sound = bool(self.tape.take(1)) and not isinstance(self._follows(), Broken)
        self.tape.seek(here)
        return sound
