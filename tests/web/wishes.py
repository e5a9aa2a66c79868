"""What sites wish: the ways to say "not for training" that are heard, ways that say none, and files beyond reading."""

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import brotli

from tests.web.answers import forever, head, raw, to, whole
from tests.web.pictures import JPEG
from tests.web.server import Answer, Endpoint, Web
from wit_pipeline.vocabulary.records import SUCCESS, Reason
from wit_pipeline.vocabulary.unpacker import zstd

PLACE = "/art/a%C3%A9.jpg"  # of the picture
ROBOTS, TDMREP, AI_TXT, RSL = "/robots.txt", "/.well-known/tdmrep.json", "/ai.txt", "/license.xml"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What a site says, and the signal that it is."""

    signal: str
    headers: tuple[str, ...] = ()  # of the picture
    files: Mapping[str, bytes] = field(default_factory=dict)


def site(wish: Wish, **files: Answer) -> Web:
    """A server with one picture, at PLACE, and the files of a wish, or others in their place."""
    answers = {PLACE: whole(JPEG, *wish.headers)}
    answers |= {path: whole(body) for path, body in wish.files.items()}
    answers |= files
    return Web({path: Endpoint(answer, SUCCESS) for path, answer in answers.items()})


def asked(text: str, signal: str, agent: str = "*") -> Wish:
    """Lines of a group of robots.txt."""
    return Wish(signal=signal, files={ROBOTS: f"User-agent: {agent}\n{text}\n".encode()})


def told(header: str, signal: str) -> Wish:
    """A header of the picture."""
    return Wish(signal=signal, headers=(header,))


def licence(inside: str, url: str = "/", server: str = "") -> bytes:
    """A licence by RSL of one content."""
    return (
        f'<?xml version="1.0"?><rsl xmlns="https://rslstandard.org/rsl"><content url="{url}"{server}>'
        f"<license>{inside}</license></content></rsl>"
    ).encode()


def licensed(inside: str, url: str = "/", server: str = "") -> Wish:
    """A licence that robots.txt names."""
    files = {ROBOTS: b"License: /license.xml\n", RSL: licence(inside, url, server)}
    return Wish(signal="rsl", files=files)


def prohibits(use: str) -> str:
    return f'<prohibits type="usage">{use}</prohibits>'


def permits(use: str, payment: str = "") -> str:
    return f'<permits type="usage">{use}</permits>{payment}'


LINK = '</license.xml>; rel="license"; type="application/rsl+xml"'
PRICE = '<payment type="crawl"><amount currency="USD">0.01</amount></payment>'
TDM = b'[{"location": "/", "tdm-reservation": 1}]'
CLOSED = b"User-agent: *\nDisallow: /\n"

REFUSALS: dict[str, Wish] = {
    **{f"tag_{word}": told(f"X-Robots-Tag: {word}", word) for word in (
        "noai", "noimageai", "noml", "noindex", "noimageindex", "none"
    )},
    "tag_ai_training": told("X-Robots-Tag: DisallowAITraining", "disallow_ai_training"),
    "tdm_header": told("TDM-Reservation: 1", "tdm_header"),
    "tdmrep": Wish(signal="tdmrep_json", files={TDMREP: TDM}),
    "tdmrep_percent": Wish(signal="tdmrep_json", files={TDMREP: TDM.replace(b'"/"', b'"/%61rt/"')}),
    "tdmrep_accent": Wish(signal="tdmrep_json", files={TDMREP: TDM.replace(b'"/"', '"/art/aé"'.encode())}),
    "tdmrep_utf_16": Wish(signal="tdmrep_json", files={TDMREP: TDM.decode().encode("utf-16")}),
    "usage_header": told("Content-Usage: train-ai=n", "content_usage"),
    "usage_no_dictionary": told("Content-Usage: ai=n train-ai=n", "content_usage"),
    **{f"usage_{key}": told(f"Content-Usage: {key}=n", "content_usage") for key in (
        "ai", "genai", "tdm", "all", "train-genai", "bots"
    )},
    **{f"usage_robots_{key}": asked(f"Content-Usage: {key}=n", "content_usage") for key in (
        "train-ai", "ai", "genai", "tdm", "all", "train-genai", "bots"
    )},
    "usage_path": asked("Content-Usage: /art/ train-ai=n", "content_usage"),
    "usage_tab": asked("Content-Usage: /art/\ttrain-ai=n", "content_usage"),
    "usage_blanks": asked("Content-Usage : /art/ \t train-ai=n", "content_usage"),
    "usage_percent": asked("Content-Usage: /%61rt/ train-ai=n", "content_usage"),
    "usage_accent": asked("Content-Usage: /art/aé train-ai=n", "content_usage"),
    "usage_small_hex": asked("Content-Usage: /art/a%c3%a9 train-ai=n", "content_usage"),
    "usage_longest": asked("Content-Usage: /art/ train-ai=n\nContent-Usage: / train-ai=y", "content_usage"),
    "usage_same": asked("Content-Usage: /art/ train-ai=y\nContent-Usage: /art/ train-ai=n", "content_usage"),
    "usage_ours": asked("Content-Usage: train-ai=n", "content_usage", "wit"),
    "usage_ours_star": asked("Content-Usage: train-ai=n", "content_usage", "Wit*"),
    "usage_ours_listed": asked("Content-Usage: train-ai=n", "content_usage", "other, wit"),
    "signal_header": told("Content-Signal: search=yes, ai-train=no", "content_signal"),
    "signal_robots": asked("Content-Signal: search=yes,ai-train=no", "content_signal"),
    "signal_path": asked("Content-Signal: /art/ ai-train=no", "content_signal"),
    "signal_of_no_group": Wish(signal="content_signal", files={ROBOTS: b"Content-Signal: ai-train=no"}),
    "ai_training": asked("DisallowAITraining: /", "disallow_ai_training"),
    "ai_training_path": asked("disallowaitraining: /%61rt/", "disallow_ai_training"),
    "ai_training_longest": asked("AllowAITraining: /\nDisallowAITraining: /art/", "disallow_ai_training"),
    "ai_txt": Wish(signal="ai_txt", files={AI_TXT: CLOSED}),
    "ai_txt_kind": Wish(signal="ai_txt", files={AI_TXT: b"User-Agent: *\nDisallow: *.jpg\nAllow: /\n"}),
    "ai_txt_ours": Wish(signal="ai_txt", files={AI_TXT: b"User-agent: wit*\nDisallow: /\n"}),
    "ai_txt_listed": Wish(signal="ai_txt", files={AI_TXT: b"User-agent: WIT, other\nDisallow: /\n"}),
    **{f"rsl_{use}": licensed(prohibits(use)) for use in ("ai-train", "train-ai", "ai-all", "all")},
    "rsl_beside_robots_txt": Wish(
        signal="rsl", files={ROBOTS: b"License: license.xml", RSL: licence(prohibits("all"))}
    ),
    "rsl_among": licensed(prohibits("ai-input ai-train")),
    "rsl_commas": licensed(prohibits("search,train-ai")),
    "rsl_priced": licensed(permits("ai-train", PRICE)),
    "rsl_custom": licensed(permits("all", "<payment><custom>/buy</custom></payment>")),
    "rsl_only_priced": licensed(PRICE),
    "rsl_others_alone": licensed(permits("search")),
    "rsl_server": licensed(permits("all"), server=' server="https://rsl.test/"'),
    "rsl_narrower": licensed(f"{permits('all')}</license></content><content url='/art/'><license>{prohibits('all')}"),
    "rsl_both": licensed(permits("ai-train") + prohibits("ai-train")),
    "rsl_percent": licensed(prohibits("all"), url="/%61rt/*.jpg$"),
    "rsl_link": Wish(signal="rsl", headers=(f"Link: {LINK}",), files={RSL: licence(prohibits("ai-train"))}),
    "rsl_link_among": Wish(
        signal="rsl",
        headers=(f"Link: </style.css>; rel=preload, {LINK}",),
        files={RSL: licence(permits("all", PRICE))},
    ),
    "rsl_link_without_type": Wish(
        signal="rsl", headers=("Link: <license.xml>; rel=license",), files={"/art/license.xml": licence(prohibits("all"))}
    ),
    "agent": asked("Disallow: /", "as_agents", "GPTBot"),
    "agent_listed": asked("Disallow: /art/", "as_agents", "CCBot\nUser-agent: google-extended"),
    "agent_of_three": asked("Disallow: /", "as_agents", "ClaudeBot, Applebot-Extended"),
}  # fmt: skip

CONSENTS: dict[str, Wish] = {
    "nothing": Wish(signal=""),
    "empty": Wish(signal="", files={ROBOTS: b"", TDMREP: b"", AI_TXT: b""}),
    "usage_allowed": asked("Content-Usage: train-ai=n\nContent-Usage: /art/ train-ai=y", ""),
    "usage_outdoes_older": told("Content-Usage: bots=n, train-ai=y", ""),
    "usage_elsewhere": asked("Content-Usage: /%61rts/ train-ai=n", ""),
    "usage_text": told('Content-Usage: train-ai="n"', ""),
    "usage_others": asked("Content-Usage: train-ai=n", "", "witness"),
    "usage_ours_allowed": Wish(
        signal="",
        files={ROBOTS: b"User-agent: *\nContent-Usage: train-ai=n\n\nUser-agent: wit\nContent-Usage: train-ai=y"},
    ),
    "search_alone": told("Content-Usage: search=n", ""),
    "signal_yes": told("Content-Signal: ai-train=yes, search=no", ""),
    "ai_training_elsewhere": asked("DisallowAITraining: /b/", ""),
    "ai_training_allowed": asked("DisallowAITraining: /\nAllowAITraining: /art/", ""),
    "ai_training_of_nothing": asked("DisallowAITraining:", ""),
    "agent_unnamed": asked("Disallow: /", "", "CCBot"),
    "agent_elsewhere": asked("Disallow: /b/", "", "GPTBot"),
    "agent_like_ours": asked("Disallow: /", "", "GPTBot-Image"),
    "agent_waits": asked("Crawl-delay: 900\nDisallow:", "", "GPTBot"),
    "another_with_our_name_in_it": asked("Disallow: /", "", "*bot*"),
    "rsl_free": licensed(permits("all", '<payment type="free"/>')),
    "rsl_credit": licensed(permits("ai-train search", '<payment type="attribution"><standard>x</standard></payment>')),
    "rsl_search_prohibited": licensed(prohibits("search ai-input")),
    "rsl_elsewhere": licensed(prohibits("all"), url="/b/"),
    "rsl_other_host": licensed(prohibits("all"), url="https://a.test/"),
    "rsl_narrower": licensed(f"{prohibits('all')}</license></content><content url='/art/'><license>{permits('all')}"),
    "rsl_one_free": licensed(f"{permits('ai-train', PRICE)}</license><license>{permits('ai-train')}"),
    "rsl_users": licensed('<prohibits type="user">commercial</prohibits>'),
    "rsl_gone": Wish(signal="", files={ROBOTS: b"License: /license.xml"}),
    "rsl_is_a_page": Wish(signal="", files={ROBOTS: b"License: /license.xml", RSL: b"<!DOCTYPE html><p>no"}),
    "rsl_is_other_xml": Wish(signal="", files={ROBOTS: b"License: /license.xml", RSL: b"<feed/>"}),
    "licence_by_words": Wish(signal="", headers=("Link: </terms>; rel=license", "Link: </a.xml>; rel=next")),
    "soft_404": Wish(signal="", files=dict.fromkeys((TDMREP, AI_TXT), b"\n<!doctype HTML><title>404</title>")),
    "soft_404_with_comment": Wish(signal="", files=dict.fromkeys((TDMREP, AI_TXT), b"<!-- a -->\n<html lang=a>")),
    "soft_404_of_pictures": Wish(signal="", files=dict.fromkeys((ROBOTS, TDMREP, AI_TXT), JPEG)),
}  # fmt: skip


def of_coding(body: bytes, coding: str) -> Answer:
    return whole(body, f"Content-Encoding: {coding}")


def two_members(body: bytes) -> bytes:
    return gzip.compress(body[:9]) + gzip.compress(body[9:])


def bare(body: bytes) -> bytes:
    """Deflated, without zlib's header and sum."""
    return zlib.compress(body)[2:-4]


NOISE = bytes.fromhex("1b1a00f825004a922001a0c2c4c0a0")  # nothing of it is like text
LONG = b"# " + b"x" * 700_000 + b"\n"

UNREADABLE: dict[str, tuple[str, Answer]] = {  # the file, and what its server sends
    **{
        f"{name}_{path.rpartition('/')[2]}": (path, answer)
        for path in (TDMREP, AI_TXT)
        for name, answer in {
            "coding": of_coding(NOISE, "compress"),
            "no_brotli": of_coding(NOISE, "br"),
            "odd_coding": of_coding(NOISE, "snappy"),
            "odd_coding_that_shows": of_coding(b"\x1b\x68" + CLOSED, "snappy"),
            "high_coding_that_shows": of_coding(b"\x9b\xe8" + CLOSED, "snappy"),
            "gzip_cut": of_coding(gzip.compress(CLOSED * 50)[:40], "gzip"),
            "member_cut": of_coding(gzip.compress(CLOSED) + gzip.compress(CLOSED)[:12], "gzip"),
            "noise": whole(bytes(range(256))),
            "500": whole(b"", status="500 Oops"),
            "429": whole(b"", status="429 Slow down"),
            "redirected_inwards": to("http://10.0.0.1/"),
            "short": raw(head("200 OK", "Content-Length: 999"), TDM if path == TDMREP else CLOSED),
        }.items()
    },
    "silent_ai": (AI_TXT, forever(head(), b"", 0.05)),
    "tdmrep_cut": (TDMREP, whole(TDM[:-9])),
    "tdmrep_cut_in_gzip": (TDMREP, of_coding(gzip.compress(TDM[:-1]), "gzip")),
    "tdmrep_text": (TDMREP, whole(b"tdm-reservation: 1")),
    "robots_noise": (ROBOTS, whole(bytes(range(256)))),
    "robots_coding": (ROBOTS, of_coding(NOISE, "compress")),
    "robots_gzip_cut": (ROBOTS, of_coding(gzip.compress(CLOSED * 50)[:40], "gzip")),
    "robots_short": (ROBOTS, raw(head("200 OK", "Content-Length: 999"), CLOSED)),
}

READ_ANYWAY: dict[str, tuple[str, Answer, Reason]] = {  # what forbids, however it is sent
    **{
        f"{name}_{path.rpartition('/')[2]}": (path, answer, reason)
        for path, body, reason in (
            (ROBOTS, CLOSED, Reason.ROBOTS_DISALLOWED),
            (TDMREP, TDM, Reason.OPTED_OUT),
            (AI_TXT, CLOSED, Reason.OPTED_OUT),
        )
        for name, answer in {
            "members": of_coding(two_members(body), "gzip"),
            "bare": of_coding(bare(body), "deflate"),
            "brotli": of_coding(brotli.compress(body), "br"),
            "zstd": of_coding(zstd.compress(body), "zstd"),
            "untold_gzip": whole(gzip.compress(body)),
            "odd_coding": of_coding(body, "UTF-8"),
            "not_brotli": of_coding(body, "br"),
            "not_gzip": of_coding(body, "gzip"),
            "as_page": whole(body, "Content-Type: text/html"),
            "203": whole(body, status="203 Transformed"),
            "marked": whole(b"\xef\xbb\xbf" + body),
            "utf_16": whole(body.decode().encode("utf-16")),
        }.items()
    },
    "long_robots": (ROBOTS, whole(CLOSED + LONG), Reason.ROBOTS_DISALLOWED),
    "longer_robots": (ROBOTS, whole(CLOSED + LONG * 10), Reason.ROBOTS_DISALLOWED),
    "long_robots_zipped": (ROBOTS, of_coding(gzip.compress(CLOSED + LONG), "gzip"), Reason.ROBOTS_DISALLOWED),
    "long_ai_txt": (AI_TXT, whole(CLOSED + LONG), Reason.OPTED_OUT),
    "long_tdmrep": (TDMREP, whole(b" " * 700_000 + TDM), Reason.OPTED_OUT),
}
