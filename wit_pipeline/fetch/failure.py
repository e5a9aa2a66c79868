"""The one way a fetch fails."""

from wit_pipeline.vocabulary.records import Reason


class FetchError(Exception):
    """What a server, a name or a URL did that gives no image. Anything else raised is our own mistake."""

    def __init__(
        self,
        reason: Reason,
        detail: str,
        *,
        http_status: int = 0,
        retry_after: float = -1.0,
        not_before: float = 0.0,
    ) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail  # one short line; never a query string, which may carry a signature
        self.http_status = http_status  # 0 where no answer came
        self.retry_after = retry_after  # seconds before another try makes sense; below 0, none does
        self.not_before = not_before  # seconds since 1970: the host asked to be left alone until then; 0: no
        self.attempts = 0  # requests sent on behalf of the URL, robots.txt not counted

    def again(self) -> "FetchError":
        """The same failure for somebody else who waited for the same."""
        return FetchError(
            self.reason,
            self.detail,
            http_status=self.http_status,
            retry_after=self.retry_after,
            not_before=self.not_before,
        )

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"

    @property
    def transient(self) -> bool:
        """True where the same request may succeed a little later."""
        return self.retry_after >= 0
