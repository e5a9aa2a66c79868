"""The recipe's `[crawl]` section: who asks, how patiently, and what is stored."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from wit_pipeline.vocabulary.config import as_table, how

NOBODY = "wit/0.1"  # with no name of one's own, only hosts that are allowed by name may be asked
SLOW_SECONDS = 10.0  # over which `min_speed` is judged

# Agents whose makers train on what they read: a site that closes itself to them alone means training.
AS_AGENTS = ("GPTBot", "Google-Extended", "Applebot-Extended")

# What says "not for training", by where it is said; see fetch/optout.py.
SIGNALS = (
    # X-Robots-Tag headers, robots meta elements
    "noai", "noimageai", "noml", "noindex", "noimageindex", "none",
    "tdm_header", "tdmrep_json",  # W3C TDMRep: the header and /.well-known/tdmrep.json
    "content_usage", "content_signal",  # IETF aipref: the header; the line in robots.txt
    "disallow_ai_training",  # a line of robots.txt, a word of X-Robots-Tag and robots meta elements
    "ai_txt",  # Spawning's /ai.txt
    "rsl",  # a licence that robots.txt, a Link header or the page names
    "xmp",  # plus:DataMining in the file
    "c2pa", "cawg",  # signed claims in the file, where the c2pa extra is installed
)  # fmt: skip

# What was the default in an earlier release. Who never named these keys changes nothing by an upgrade.
FORMER_DEFAULTS: Mapping[str, Sequence[Any]] = {
    "opt_outs": [[
        "noai", "noimageai", "noindex", "noimageindex", "none", "tdm_header", "tdmrep_json", "content_usage",
        "content_signal", "ai_txt", "xmp", "c2pa", "cawg",
    ]],
    "formats": [["JPEG", "PNG", "GIF", "WEBP"]],
    "patience": [60.0],
}  # fmt: skip

# The keys that decide the bytes of a stored picture. All others say what may be asked for, how, and what of
# it is a picture: they apply to what is asked from then on.
OF_BYTES = ("store", "store_side", "side", "jpeg_quality")

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF")  # those of the web

PILLOW_PIXELS = 89_478_485  # above, Pillow warns of a decompression bomb whatever we think of it


@dataclass(frozen=True, kw_only=True, slots=True)
class CrawlConfig:
    """Knobs of `crawl`. Those marked `how` change speed and load, never what is built."""

    user_agent: str = NOBODY  # sent always; robots.txt sees what precedes "/"
    allow_hosts: tuple[str, ...] = ()  # non-public authorities "host:port" that may be fetched

    timeout: float = 20.0  # seconds for a whole fetch, redirects and body included, polite waiting not
    connect_timeout: float = 10.0  # seconds for one address to accept, TLS included
    patience: float = 3600.0  # seconds that a build waits in all for hosts that asked for a pause
    again_after: float = how(86_400.0)  # seconds before `wit crawl --again` asks for a URL again, at least
    max_age: float = how(0.0)  # days after which a stored picture is asked for again, by any build; 0: never
    passing: float = how(0.2)  # share of failures that may pass, above which a crawl met an outage; 1: none
    host_hours: float = 0.0  # that one host may take of a crawl, at the pace that it wants; 0: no bound
    host_urls: int = 0  # that one host is asked for in a crawl; 0: no bound
    min_speed: int = 1024  # bytes a second of a body, over SLOW_SECONDS: below, the server is given up
    max_bytes: int = 20_000_000  # of a body, as sent and as decompressed
    max_header_bytes: int = 1 << 18  # of status line and headers, 100-continue answers included
    max_redirects: int = 10
    retries: int = 2  # after a status that may pass, a reset connection or one that is not accepted
    robots: bool = True  # obey robots.txt
    as_agents: tuple[str, ...] = AS_AGENTS  # whose groups in robots.txt refuse us too, and never allow
    opt_outs: tuple[str, ...] = SIGNALS  # the signals that are obeyed
    block_lists: tuple[str, ...] = how(())  # of URLs, domains, sums and codes, an entry a line: never stored

    connections: int = how(64)  # at once, over all hosts, of a process
    connections_per_host: int = how(2)  # at once, over all processes of a machine
    host_interval: float = how(0.1)  # seconds between two requests to a public host, at least
    backoff: float = how(0.5)  # seconds before the first retry; doubles with each
    threads: int = how(32)  # that read pages and answers of interfaces
    decoders: int = how(1)  # processes that decode images, of each worker

    formats: tuple[str, ...] = FORMATS  # Pillow's other decoders have more holes
    max_pixels: int = 64_000_000  # width times height, as the header declares it
    max_aspect: float = 50.0  # longer side over shorter, as declared: beyond is a line, a bar, a ruler
    decode_seconds: float = 10.0  # of CPU, for one image
    decode_bytes: int = 2_000_000_000  # of memory, for the process that decodes
    store: Literal["resized", "original", "raw"] = "resized"  # "raw": the bytes as they came, not decoded
    store_side: int = 256  # pixels of the stored image's side, at most …
    side: Literal["shorter", "longer"] = "shorter"  # … of this one
    hash: Literal["drop", "flag"] = "drop"  # an image that has not the sum which its list states
    jpeg_quality: int = 90  # of what is encoded anew

    def __post_init__(self) -> None:
        above_0 = (
            "timeout", "connect_timeout", "max_bytes", "max_header_bytes", "connections",
            "connections_per_host", "threads", "decoders", "decode_seconds", "decode_bytes", "store_side",
        )  # fmt: skip
        for name in above_0:
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, found {getattr(self, name)}")
        at_least_0 = (
            "min_speed", "patience", "max_redirects", "retries", "host_interval", "backoff", "again_after",
            "host_hours", "host_urls", "max_age",
        )  # fmt: skip
        for name in at_least_0:
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more, found {getattr(self, name)}")
        if not 1 <= self.max_pixels <= PILLOW_PIXELS:
            raise ValueError(f"max_pixels must be within 1 and {PILLOW_PIXELS}, found {self.max_pixels}")
        if not 0 <= self.passing <= 1:
            raise ValueError(f"passing is a share, 0 to 1, found {self.passing}")
        if not self.max_aspect >= 1:  # nor nan
            raise ValueError(f"max_aspect is at least 1, found {self.max_aspect}")
        if not 1 <= self.jpeg_quality <= 95:
            raise ValueError(f"jpeg_quality must be within 1 and 95, found {self.jpeg_quality}")
        self._check_names()

    def _check_names(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9._-]+(/[!-~]+)?( [ -~]+)?", self.user_agent):
            raise ValueError(f'user_agent must read like "name/1.0 (+https://…)", found {self.user_agent!r}')
        for authority in self.allow_hosts:
            if not re.fullmatch(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+):[0-9]{1,5}", authority):
                raise ValueError(f'allow_hosts wants "host:port" in lower case, found {authority!r}')
        for token in self.as_agents:
            if not re.fullmatch(r"[A-Za-z0-9._-]+", token):
                raise ValueError(f'as_agents wants product tokens such as "GPTBot", found {token!r}')
        unknown = set(self.formats) - set(FORMATS)
        if unknown or not self.formats:
            raise ValueError(f"formats must be among {', '.join(FORMATS)}, found {list(self.formats)}")
        strange = set(self.opt_outs) - set(SIGNALS)
        if strange:
            raise ValueError(
                f"opt_outs must be among {', '.join(SIGNALS)}, found {', '.join(sorted(strange))}"
            )

    @classmethod
    def upgraded(cls, table: Mapping[str, Any]) -> dict[str, Any]:
        """The table of a crawl of an earlier release as this one would have written it.

        A key that was not known, or had the default of its time, has today's.
        """
        today = as_table(cls())
        kept = {key: value for key, value in table.items() if value not in FORMER_DEFAULTS.get(key, ())}
        return {**today, **kept}

    @property
    def agent(self) -> str:
        """The product token of `user_agent`, as robots.txt and X-Robots-Tag name us, in lower case."""
        return re.split(r"[/ ]", self.user_agent, maxsplit=1)[0].lower()
