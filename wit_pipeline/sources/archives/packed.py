"""The records of an archive of gzip members or zstd frames."""

from collections.abc import Iterator

from wit_pipeline.sources.archives.heads import MAX_LINE, START, Head, head_at, head_of
from wit_pipeline.sources.archives.members import Damage, Packed
from wit_pipeline.sources.archives.tape import ENDLESS
from wit_pipeline.sources.archives.walk import ENDS_EARLY, LOOK, Broken, Record, Spot, Walk, Wanted, record_of


class Members(Walk):
    """A way through a packed file: where packed bytes are broken, on to the next member with a record."""

    def __init__(self, packed: Packed) -> None:
        self.tape: Packed = packed
        self._spot = "0"  # where the present record begins
        self._fresh = True  # whether that is where its member does, but for empty lines
        self._damage: Damage | None = None  # what was met, and is still to be passed

    def records(self, first: int, last: int, wanted: Wanted) -> Iterator[Record | Broken]:
        spot = self.start(first, last)
        while spot is not None:
            if isinstance(spot, Head) and self._fresh:
                yield from self._alone(last, wanted)
                spot = self._follows()
            if isinstance(spot, Head):
                if self.beyond(spot, last):
                    return
                found, spot = self.read(spot, wanted)
                if found:
                    yield found
            if isinstance(spot, Broken):
                yield spot
                spot = self.resume(last)

    def _alone(self, last: int, wanted: Wanted) -> Iterator[Record]:
        """The wanted records from here on that are alone in small members, up to the first that is not."""
        for member, data in self.tape.small(last):
            head = head_of(data)
            end = head.size + head.length if head else 0
            if not head or end > len(data) or data[end:].strip(b"\r\n"):
                self.tape.rewind(member)
                return
            if head.kind in wanted.kinds and wanted.test(head, data[head.size : min(end, head.size + LOOK)]):
                content = data[head.size : min(end, head.size + wanted.most)]
                yield Record(where=f"{member}", head=head, content=content)

    def start(self, first: int, last: int) -> Spot:
        return self._find(first, last) if first else self._follows()

    def resume(self, last: int) -> Spot:
        if self._damage:
            return self._find(self._damage.offset + 1, last)
        try:
            return self._scan()
        except Damage as damage:
            return self._meet(damage)

    def beyond(self, head: Head, last: int) -> bool:
        return self._fresh and self.tape.member >= last

    def read(self, head: Head, wanted: Wanted) -> tuple[Record | None, Spot]:
        member, where = self.tape.member, self._spot
        pieces: list[bytes] | None = None
        self._fresh = False
        try:
            if self.wants(head, wanted):
                pieces = []
                missing = self._pass(min(head.length, wanted.most), pieces)
                missing = missing or self._pass(max(head.length - wanted.most, 0), None)
            else:
                missing = self._pass(head.length, None)
            follows = Broken(where=where, detail=ENDS_EARLY) if missing else self._follows()
        except Damage as damage:
            follows = self._meet(damage)
        if self._damage and self._damage.offset == member and not self._damage.cut:
            return None, follows  # nobody knows which of its bytes are right
        return record_of(where, head, None if pieces is None else b"".join(pieces)), follows

    def _pass(self, size: int, pieces: list[bytes] | None) -> int:
        """How many of the next `size` bytes of a content are missing; those there are go to `pieces`."""
        while size:
            piece = b"" if pieces is None else self.tape.take(size)
            passed = self.tape.skip(size) if pieces is None else len(piece)
            size -= passed
            if piece and pieces is not None:
                pieces.append(piece)
            if not passed and not self._goes_on():
                break
        return size

    def _goes_on(self) -> bool:
        """Whether another member follows that does not begin with a record, and so goes on with this one."""
        if not self.tape.advance():
            return False
        self._fresh = head_at(self.tape) is not None
        return not self._fresh

    def _follows(self) -> Spot:
        try:
            while not self.tape.skip_blank():
                if not self.tape.advance():
                    return None
                self._fresh = True
            self._mark()
            found = self.here(self._spot)
            while isinstance(found, Broken) and (rest := self.tape.torn_head()):
                if not self._goes_on():
                    return Broken(where=self._spot, detail=ENDS_EARLY)
                self.tape.put_back(rest)
                found = self.here(self._spot)
        except Damage as damage:
            return self._meet(damage)
        return found

    def _mark(self) -> None:
        self._spot = f"{self.tape.member}" if self._fresh else f"{self.tape.member}+{self.tape.offset}"

    def _meet(self, damage: Damage) -> Broken:
        self._damage = damage
        return Broken(where=f"{damage.offset}", detail=damage.detail)

    def _find(self, after: int, end: int) -> Head | None:
        self._damage, self._fresh = None, True
        head = head_at(self.tape) if self.tape.find(after, end) else None
        self._mark()
        return head

    def _scan(self) -> Head | None:
        """The next head in the present member, or in one that follows; raises `Damage`."""
        while True:
            self._mark()
            if self._fresh and (head := head_at(self.tape)):
                return head
            self._fresh = False
            while self.tape.skip_to(START, MAX_LINE, ENDLESS):
                self.tape.skip(1)
                self._mark()
                if head := head_at(self.tape):
                    return head
            if not self.tape.advance():
                return None
            self._fresh = True
            self.tape.skip_blank()
