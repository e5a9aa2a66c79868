"""Which URLs and which addresses may be asked. Strict, because the lists come from strangers.

A URL is parsed here and nowhere else, so that no two parsers can disagree about its host.
"""

import ipaddress
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from urllib.parse import quote, urljoin, urlsplit

from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.vocabulary.records import Reason

URL_CHARACTERS = 8192  # signed URLs reach 4,000
PORTS = {"http": 80, "https": 443}
FIRST_FREE_PORT = 1024  # below, only 80 and 443: the rest belong to mail, shells and their like

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\\ud800-\udfff]")
_NO_HOST = re.compile(r"(?i)(?:https?:)?//(?:[/?#]|$)")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:@]+)(?::([0-9]{0,5}))?")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")

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
    host: str  # lower case, IDNA, IPv6 without brackets
    port: int
    path: str  # percent-encoded, with the query

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
    """`url` as a Target; a `FetchError` says URL_INVALID or BLOCKED_SCHEME."""
    if not url or len(url) > URL_CHARACTERS:
        raise _invalid(f"{len(url)} characters")
    if _FORBIDDEN.search(url):
        raise _invalid("a blank, control character, backslash or lone surrogate")
    scheme = _SCHEME.match(url)
    if scheme is None:
        raise _invalid("no scheme")
    if scheme[1].lower() not in PORTS:
        raise FetchError(Reason.BLOCKED_SCHEME, f"scheme {scheme[1][:20].lower()}")
    try:
        parts = urlsplit(url)
    except ValueError:  # what it says may hold the whole URL
        raise _invalid("malformed authority") from None
    host, port = _authority(parts.netloc, PORTS[parts.scheme])
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~-._") or "/"
    query = "?" + quote(parts.query, safe="/?%:@!$&'()*+,;=~-._[]|") if parts.query else ""
    return Target(scheme=parts.scheme, host=host, port=port, path=path + query)


def redirect(base: Target, location: str) -> Target:
    """The Target that a `Location` header leads to; relative ones count from `base`."""
    try:
        text = location.encode("latin-1").decode("utf-8")  # headers arrive as Latin-1, URLs are UTF-8
    except UnicodeError:
        text = location
    if _NO_HOST.match(text):  # one parser takes the path for the host, another stays where it is
        raise _invalid("redirect to no host")
    if _FORBIDDEN.search(text):
        raise _invalid("redirect with a blank, control character or backslash")
    try:
        return parse(urljoin(base.url, text))
    except ValueError:
        raise _invalid("malformed redirect") from None


def _authority(netloc: str, default_port: int) -> tuple[str, int]:
    if "@" in netloc:
        raise _invalid("carries a user name")
    match = _AUTHORITY.fullmatch(netloc)
    if match is None:
        raise _invalid("malformed host or port")
    port = int(match[2] or default_port)
    if not (port in PORTS.values() or FIRST_FREE_PORT <= port < 65536):
        raise _invalid(f"port {port}")
    return _host(match[1]), port


@lru_cache(10_000)
def _host(text: str) -> str:
    if text.startswith("["):
        try:
            return ipaddress.IPv6Address(text[1:-1]).compressed
        except ValueError:
            raise _invalid("malformed IPv6 address") from None
    try:
        host = text.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError:
        raise _invalid("host is no IDNA name") from None
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _invalid("malformed host")
    if _NUMBER.fullmatch(labels[-1]):
        return _dotted_quad(host)
    return host


def _dotted_quad(host: str) -> str:
    """`host` unchanged if it is a.b.c.d; the C library would also take 127.1, 017700000001 and 0x7f000001."""
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        raise _invalid("odd spelling of an address") from None


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
