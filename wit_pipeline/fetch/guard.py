"""Which URLs and which addresses may be asked. Strict, because the lists come from strangers.

A URL is parsed here and nowhere else, by the rules of the WHATWG: what robots.txt, wishes and block lists
judge is the very path that is sent, to the very host that is looked up.
"""

import ipaddress
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from unicodedata import normalize

from ada_url import join_url, normalize_url

from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.vocabulary.records import Reason

URL_CHARACTERS = 8192  # signed URLs reach 4,000
PORTS = {"http": 80, "https": 443}
FIRST_FREE_PORT = 1024  # below, only 80 and 443: the rest belong to mail, shells and their like

_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")  # a parser would drop some, and some make it fail
_NO_HOST = re.compile(r"(?i)(?:https?:)?//(?:[/?#]|$)")
_HOST = re.compile(r"[/\\]{2}")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_WRITTEN = re.compile(r"(?i)https?://(\[[0-9a-f:.]+\]|[^\[\]:@%/?#\\ ]+)(?::[0-9]{0,5})?(?=[/?#]|$)")
_PARSED = re.compile(r"(https?)://([^/:\[]+|\[[^\]]+\])(?::([0-9]+))?(/[^#]*)")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_QUAD = re.compile(r"[0-9.]+")

# Addresses that count as public and serve the machine itself.
_CLOUD_INTERNAL = {ipaddress.ip_address("168.63.129.16")}  # Azure's host agent
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NEVER = (
    ipaddress.ip_network("64:ff9b:1::/48"),  # NAT64 of a local network, RFC 8215
    ipaddress.ip_network("::/96"),  # IPv4-compatible, deprecated
    ipaddress.ip_network("fec0::/10"),  # site-local, deprecated
    ipaddress.ip_network("192.88.99.0/24"),  # 6to4 relays, deprecated
    ipaddress.ip_network("192.0.0.0/24"),  # protocol assignments; Python below 3.11.10 knows a part of them
    ipaddress.ip_network("3fff::/20"),  # documentation, RFC 9637
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, kw_only=True)  # no slots, for the cached properties: each is asked for often
class Target:
    """A URL that may be asked, as far as the URL alone can tell."""

    scheme: str  # http or https
    host: str  # lower case, UTS 46, IPv6 without brackets
    port: int
    path: str  # as it is sent, with the query: no dot segments, escapes as the URL has them

    @cached_property
    def bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    @cached_property
    def authority(self) -> str:
        """host:port, always with the port: what `allow_hosts` names."""
        return f"{self.bracketed}:{self.port}"

    @cached_property
    def host_header(self) -> str:
        return self.bracketed if self.port == PORTS[self.scheme] else self.authority

    @cached_property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host_header}"

    @cached_property
    def url(self) -> str:
        return self.origin + self.path


def parse(url: str) -> Target:
    """`url` as a Target; a `FetchError` says URL_INVALID or BLOCKED_SCHEME.

    Stricter than browsers about hosts: no user name, no escapes, no spelling of an address but a.b.c.d, none
    that only some parsers find. As lenient about the rest, which goes out as they send it.
    """
    if not url or len(url) > URL_CHARACTERS:
        raise _invalid(f"{len(url)} characters")
    if _FORBIDDEN.search(url):
        raise _invalid("a control character or lone surrogate")
    scheme = _SCHEME.match(url)
    if scheme is None:
        raise _invalid("no scheme")
    if scheme[1].lower() not in PORTS:
        raise FetchError(Reason.BLOCKED_SCHEME, f"scheme {scheme[1][:20].lower()}")
    written = _WRITTEN.match(url)
    if written is None:
        raise _invalid("malformed host or port, or a user name")
    try:
        parsed = _PARSED.match(normalize_url(url))
    except ValueError:  # what it says may hold the whole URL
        raise _invalid("malformed host or port") from None
    assert parsed is not None  # so the standard writes all URLs of these schemes
    return Target(
        scheme=parsed[1],
        host=_host(written[1], parsed[2]),
        port=_port(int(parsed[3] or PORTS[parsed[1]])),
        path=parsed[4],
    )


def redirect(base: Target, location: str) -> Target:
    """The Target that a `Location` header leads to; relative ones count from `base`."""
    try:
        text = location.encode("latin-1").decode("utf-8")  # headers arrive as Latin-1, URLs are UTF-8
    except UnicodeError:
        text = location
    text = text.strip(" ")
    if _NO_HOST.match(text):  # one parser takes the path for the host, another stays where it is
        raise _invalid("redirect to no host")
    if _FORBIDDEN.search(text):
        raise _invalid("redirect with a control character")
    if _HOST.match(text):
        text = f"{base.scheme}:{text}"
    return parse(text if _SCHEME.match(text) else join_url(base.url, text))


def _port(port: int) -> int:
    if not (port in PORTS.values() or port >= FIRST_FREE_PORT):
        raise _invalid(f"port {port}")
    return port


@lru_cache(10_000)
def _host(written: str, parsed: str) -> str:
    """The host as it is looked up, from what a URL says and what the parser made of it."""
    if parsed.startswith("["):
        return parsed[1:-1]
    host = parsed.removesuffix(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise _invalid("malformed host")
    # 127.1, 017700000001 and 0x7f000001 are addresses, too: who writes them has something to hide.
    if _QUAD.fullmatch(host) and host != normalize("NFKC", written).replace("\u3002", ".").removesuffix("."):
        raise _invalid("odd spelling of an address")
    return host


def is_public(address: Address) -> bool:
    """True if `address`, and any IPv4 address that it wraps, belongs to the public internet."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address.sixtofour is not None:
            return is_public(address.sixtofour)
        if address.teredo is not None:
            return all(is_public(end) for end in address.teredo)
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    refused = address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback
    if refused or address in _CLOUD_INTERNAL or any(address in network for network in _NEVER):
        return False
    return address.is_global


def check(target: Target, addresses: list[str], allow_hosts: tuple[str, ...]) -> None:
    """Refuses a target of which any address is not public, unless its authority is allowed by name."""
    if target.authority in allow_hosts:
        return
    for text in addresses:
        if not is_public(ipaddress.ip_address(text.partition("%")[0])):
            raise FetchError(Reason.BLOCKED_ADDRESS, f"{target.authority} is at {text}, which is not public")


def _invalid(why: str) -> FetchError:
    return FetchError(Reason.URL_INVALID, why)
