from collections import Counter
from typing import Any

import pytest

from wit_pipeline.html.page import SHOWN, read_page
from wit_pipeline.vocabulary.crawl_config import SIGNALS
from wit_pipeline.vocabulary.records import Raw, Reason, Reject

HERE = "http://a.test/dir/page.html"


def page(html: str, robots: list[str] | None = None, charset: str = "") -> list[Raw | Reject]:
    return list(read_page(html.encode(), HERE, "w#0", robots or [], charset))


def raws(html: str) -> list[Raw]:
    found = page(html)
    assert not [item for item in found if isinstance(item, Reject)]
    return [item for item in found if isinstance(item, Raw)]


def texts(html: str) -> list[tuple[str, str]]:
    return [(raw.text_kind, raw.text) for raw in raws(html)]


def raw(url: str, text: str, where: str, **fields: Any) -> Raw:
    return Raw(**{"url": url, "text": text, "where": where, "page_url": HERE, "text_kind": "alt", **fields})


def test_images_with_their_texts() -> None:
    assert page(
        '<html lang="EN"><img src="1.jpg" alt="a dog"><p><img src="//b.test/2.png" alt="x &amp; y">'
    ) == [
        raw("http://a.test/dir/1.jpg", "a dog", "w#0.0", language="en"),
        raw("http://b.test/2.png", "x & y", "w#0.1", language="en"),
    ]


@pytest.mark.parametrize(
    ("html", "url"),
    [
        ('<base href="/other/"><img src="1.jpg">', "http://a.test/other/1.jpg"),
        ('<img src="1.jpg"><base href="/other/">', "http://a.test/other/1.jpg"),
        ('<base href="http://c.test/x/y"><base href="/z/"><img src="1.jpg">', "http://c.test/x/1.jpg"),
        ('<base target="_top"><base href="/z/"><img src="1.jpg">', "http://a.test/z/1.jpg"),
        ('<base href="data:x"><img src="1.jpg">', "http://a.test/dir/1.jpg"),
        ('<base href="http://[/"><img src="1.jpg">', "http://a.test/dir/1.jpg"),
        ('<svg><base href="/other/"></svg><img src="1.jpg">', "http://a.test/dir/1.jpg"),
        ('<img src=" 1.jpg ">', "http://a.test/dir/1.jpg"),
        ("<noscript><img src=1.jpg></noscript>", "http://a.test/dir/1.jpg"),
        ("<template><img src=1.jpg></template>", "http://a.test/dir/1.jpg"),
        ("<img src=\"1.jpg?a=1&copy=2&amp;b\">", "http://a.test/dir/1.jpg?a=1&copy=2&b"),
        ("<img alt=x>", ""),
        ('<img src="">', ""),
        ('<img src="about:blank">', ""),
        ('<img src="data:image/gif;base64,AA">', "data:image/gif;base64,AA"),
        (f'<img src="data:{"A" * 1000}">', "data:" + "A" * (SHOWN - 5)),
    ],
)  # fmt: skip
def test_the_url_of_an_image(html: str, url: str) -> None:
    (found,) = raws(html)
    assert found.url == url


@pytest.mark.parametrize(
    ("html", "name"),
    [
        ("<img src=a.jpg data-src=b.jpg>", "a.jpg"),  # a real src is the one
        ("<img src=a.jpg srcset='b.jpg 2x'>", "a.jpg"),
        ("<img data-src=b.jpg>", "b.jpg"),
        ("<img src='' data-original=b.jpg>", "b.jpg"),
        ("<img src='data:image/gif;base64,AA' data-lazy-src=b.jpg>", "b.jpg"),
        ("<img src=about:blank data-src=b.jpg>", "b.jpg"),
        ("<img src=/i/Spacer.GIF?1 data-src=b.jpg>", "b.jpg"),
        ("<img src=/i/my-placeholder-300x200.jpg data-src=b.jpg>", "b.jpg"),
        ("<img src=/lazy/a.jpg data-src=b.jpg>", "a.jpg"),
        ("<img data-src=data:x data-original=b.jpg>", "b.jpg"),
        ("<img data-src=blank.gif srcset='b.jpg'>", "b.jpg"),
        ("<img src='{{a}}' data-src=b.jpg>", "b.jpg"),
        ("<img src=/i/undefined data-src='${b}' data-original=b.jpg>", "b.jpg"),
        ("<img src='%7B%7Ba%7D%7D' srcset='{{c}} 2x' data-srcset='b.jpg 1x'>", "b.jpg"),
        ("<img src='{1}.jpg' data-src=b.jpg>", "b.jpg"),
        ("<img data-original=c.jpg data-src=b.jpg>", "b.jpg"),
        ("<img srcset='a.jpg 1x, b.jpg 2x'>", "b.jpg"),
        ("<img srcset='data:x' data-srcset='a.jpg 10w, b.jpg 20w'>", "b.jpg"),
        ("<picture><source srcset='a.jpg 1x, b.jpg 2x'><source srcset=c.jpg><img></picture>", "b.jpg"),
        ("<picture><source srcset='b.jpg'><img src=a.jpg></picture>", "a.jpg"),
        ("<picture><source data-srcset=b.jpg><img src=1x1.png></picture>", "b.jpg"),
        ("<picture><source type=x><source srcset=b.jpg><img></picture>", "b.jpg"),
        ("<picture><source srcset=a.jpg></picture><picture><source srcset=b.jpg><img></picture>", "b.jpg"),
    ],
)
def test_images_that_load_late(html: str, name: str) -> None:
    (found,) = raws(html)
    assert found.url.rpartition("/")[2] == name


@pytest.mark.parametrize(
    "html",
    [
        "<picture><source srcset=a.jpg></picture><img>",
        "<video><source srcset=a.jpg></video><img>",
        "<picture><img src=x.jpg><source srcset=a.jpg></picture><img>",
    ],
)
def test_sources_that_are_not_an_images(html: str) -> None:
    assert raws(html)[-1].url == ""


@pytest.mark.parametrize("name", ["blank.gif", "SPACER.gif", "placeholder.svg?x=/1", "1x1.png", "lazy-2.gif"])
def test_what_keeps_an_images_place_is_none(name: str) -> None:
    (found,) = page(f"<img src=/i/{name} alt='a dog'>")
    assert isinstance(found, Reject)
    assert (found.reason, found.url) == (Reason.NO_URL, f"http://a.test/i/{name}")


def test_a_url_that_is_none() -> None:
    (found,) = page('<img src="http://[1/2.jpg" alt="a dog">')
    assert isinstance(found, Reject)
    assert found.reason is Reason.URL_INVALID


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<img src=1>", [("alt", "")]),
        ("<img src=1 alt=' '>", [("alt", " ")]),
        ("<img src=1 alt=a title=a>", [("alt", "a")]),
        ("<img src=1 alt=a title=b>", [("alt", "a"), ("title", "b")]),
        ("<img src=1 title=b>", [("title", "b")]),
        ("<img title=b>", [("alt", "")]),  # no URL: one record
        ("<img src=1 alt='a\r\nb&#10;c&copyd\0'>", [("alt", "a\nb\nc&copyd\ufffd")]),
        (
            "<figure><img src=1 alt=a><figcaption> b <i>c</i>d<br>e&nbsp;&lt; <p>f</p>g</figcaption>",
            [("alt", "a"), ("figcaption", "b cd e < f g")],
        ),
        ("<figure><figcaption>b</figcaption><img src=1></figure>", [("figcaption", "b")]),
        ("<figure><figcaption>b<img src=1></figure>", [("figcaption", "b")]),
        ("<figure><div><img src=1></div><div><figcaption>b</figcaption></div>", [("figcaption", "b")]),
        (
            "<figure><img src=1><figcaption>a<script>b</script><style>c</style><noscript>d</noscript>"
            "<!-- e --><svg><title>f</title></svg><textarea>g</textarea>h</figcaption></figure>",
            [("figcaption", "a h")],
        ),
        ("<figure><img src=1></figure><figcaption>b</figcaption>", [("alt", "")]),
        ("<figure><img src=1><figcaption></figcaption></figure>", [("alt", "")]),
        ("<figure></figure><img src=1><figure><figcaption>b</figcaption></figure>", [("alt", "")]),
        ("<div><figure><figcaption>b</div><img src=1>", [("alt", "")]),  # the div's end ends the figure
        (
            "<figure><figure><img src=1><figcaption>b</figcaption></figure><figure><img src=2></figure>"
            "<figcaption>c</figcaption></figure>",
            [("figcaption", "b"), ("figcaption", "c")],
        ),
        ("<div class=wp-caption><img src=1><p class='wp-caption-text'>b</p></div>", [("figcaption", "b")]),
        (
            "<div class=os-figure><figure><span><img src=1 alt=a></span></figure><div class=os-caption-box>"
            "<span class=os-title-label>Figure </span><span class='os-caption'>b <i>c</i></span></div></div>",
            [("alt", "a"), ("figcaption", "b c")],
        ),
        ("<div><a><img src=1></a><div class=thumbcaption>b</div></div>", [("figcaption", "b")]),
        (
            "<table><tr><td><img src=1><td><img src=2>"
            "<tr><td class=photo_caption>b<td class=photo_caption>c</table>",
            [("figcaption", "b"), ("figcaption", "c")],
        ),
        ("<div><amp-img src=1></amp-img><p class=caption>b</div>", [("figcaption", "b")]),
        ("<div><img src=1></div> <p class=caption>b</p>", [("figcaption", "b")]),
        ("<img src=1><p class=caption>b</p>", [("figcaption", "b")]),
        ("<p class=caption>b</p><p><img src=1>", [("alt", "")]),  # the body holds all
        ("<div><img src=1><p class=no-caption>b</p></div>", [("alt", "")]),
        (
            "<template><img src=2></template><div><img src=1><p class=caption>b</div>",
            [("alt", ""), ("alt", "")],
        ),
        ("<div><img src=1><p class=captions-on>b</p></div>", [("alt", "")]),
        (
            "<figure><img src=1><figcaption class=caption>b</figcaption></figure>",  # once
            [("figcaption", "b")],
        ),
    ],
)
def test_the_texts_of_an_image(html: str, expected: list[tuple[str, str]]) -> None:
    assert texts(html) == expected


@pytest.mark.parametrize(("images", "kind"), [(4, "figcaption"), (5, "alt")])
def test_a_caption_is_of_a_few_images_at_most(images: int, kind: str) -> None:
    html = "<figure>" + "<img src=1>" * images + "<figcaption>b</figcaption></figure>"
    assert [found for found, _ in texts(html)] == [kind] * images


@pytest.mark.parametrize(
    ("html", "language"),
    [
        ("<html lang=EN-us>", "en-us"),
        ("<html><html lang=en>", "en"),
        ("<html lang=''><meta http-equiv=content-language content='DE, en'>", "de"),
        ("<meta http-equiv=Content-Language content=fr><html lang=en>", "en"),
        ("<p lang=en>", ""),
    ],
)
def test_the_language(html: str, language: str) -> None:
    assert raws(f"{html}<img src=1>")[0].language == language
    assert raws(f"{html}<img src=1 lang=PT>")[0].language == "pt"


@pytest.mark.parametrize(
    ("html", "license"),
    [
        ("<a rel=license href=/l>x</a>", "http://a.test/l"),
        ("<link rel='x LICENSE' href=http://l.test/>", "http://l.test/"),
        ("<a rel=license>x</a><a rel=license href=l>", "http://a.test/dir/l"),
        ("<a rel=licenses href=/l>x</a><a href=/m>", ""),
        ("<link rel=license href=/l><link rel=license href=/license.xml>", "http://a.test/license.xml"),
        ("<link rel=license type=application/rsl+xml href=/t?a#b>", "http://a.test/t?a#rsl"),
        (
            "<a rel=license href=/l><link type='Application/RSL+XML' rel=license href=m>",
            "http://a.test/dir/m#rsl",
        ),
        ("<link type=application/rsl+xml rel=license href=/rsl>", "http://a.test/rsl"),
        ("<link rel=license type=text/html href=/l><link rel=license href=/m>", "http://a.test/l"),
    ],
)
def test_the_license(html: str, license: str) -> None:
    assert raws(f"<img src=1>{html}")[0].license == license


@pytest.mark.parametrize(
    ("html", "robots", "refused"),
    [
        ('<meta name="robots" content="noai">', [], "meta robots: noai"),
        ('<meta content="index, NoImageAI" name="ROBOTS">', [], "meta robots: noimageai"),
        ("", ["noai"], "meta robots: noai"),
        ("<meta name=tdm-reservation content=1>", [], "meta tdm-reservation: 1"),
        ("<meta name=tdm-reservation content=0>", [], ""),
        ('<meta name="robots" content="nofollow">', ["nofollow"], ""),
        ('<meta name="description" content="noai">', [], ""),
        ('<!--<meta name="robots" content="noai">-->', [], ""),
    ],
)
@pytest.mark.parametrize("image", ["<img src=1.jpg title=b>{}", "{}<img src=1.jpg alt=a>"])
def test_a_page_that_opts_out_gives_none_of_its_images(
    html: str, robots: list[str], refused: str, image: str
) -> None:
    (found,) = page(image.format(html), robots)
    assert isinstance(found, Reject) == bool(refused)
    if isinstance(found, Reject):
        assert found.reason is Reason.PAGE_OPTED_OUT
        assert (found.detail, found.url) == (refused, "http://a.test/dir/1.jpg")


def test_an_opt_out_holds_for_every_image_of_the_page() -> None:
    html = (
        "<meta name=robots content=noai><meta property=og:image content=1><meta property=og:title content=t>"
        '<script type="application/ld+json">{"@type":"ImageObject","url":"2","name":"n"}</script><img src=3>'
    )
    assert Counter(isinstance(item, Reject) and item.reason for item in page(html)) == {
        Reason.PAGE_OPTED_OUT: 3
    }


@pytest.mark.parametrize(
    ("html", "robots", "signal"),
    [
        ("<meta name=robots content=noai>", [], "noai"),
        ("", ["noindex"], "noindex"),
        ("<meta name=robots content='index, noml'>", [], "noml"),
        ("", ["noml"], "noml"),
        ("<meta name=robots content=DisallowAITraining>", [], "disallow_ai_training"),
        ("<meta name=tdm-reservation content=1>", [], "tdm_header"),
    ],
)
def test_each_opt_out_can_be_switched_off(html: str, robots: list[str], signal: str) -> None:
    body, others = f"{html}<img src=1.jpg alt=a>".encode(), set(SIGNALS) - {signal}
    for honoured, kept in ((SIGNALS, False), ({signal}, False), (others, True), ((), True)):
        (found,) = read_page(body, HERE, "w#0", robots, "", honoured)
        assert isinstance(found, Raw) is kept


def meta(name: str, content: str) -> str:
    return f'<meta property="{name}" content="{content}">'


@pytest.mark.parametrize(
    ("metas", "expected"),
    [
        ([("og:title", "t")], []),
        ([("og:image", "1")], [("1", "og:image:alt", "")]),
        ([("og:image", "1"), ("og:title", "t")], [("1", "og:title", "t")]),
        (
            [("og:description", "d"), ("og:image", "1"), ("og:title", "t")],
            [("1", "og:title", "t"), ("1", "og:description", "d")],
        ),
        ([("og:title", "t"), ("og:image", "1"), ("og:description", "t")], [("1", "og:title", "t")]),
        ([("og:title", "t"), ("og:image", "1"), ("og:image:alt", "a")], [("1", "og:image:alt", "a")]),
        (
            [("og:image", "1"), ("og:image", "2"), ("og:image:alt", "a"), ("og:title", "t")],
            [("1", "og:title", "t"), ("2", "og:image:alt", "a")],
        ),
        (
            [("og:image", "1"), ("og:image:secure_url", "2"), ("og:image:alt", "a")],
            [("1", "og:image:alt", "a")],
        ),
        ([("og:image:url", "1"), ("og:image:alt", "a")], [("1", "og:image:alt", "a")]),
        (
            [("og:image", "1"), ("og:title", "t"), ("twitter:image", "2"), ("twitter:image:alt", "a")],
            [("1", "og:title", "t"), ("2", "twitter:image:alt", "a")],
        ),
        (
            [("og:image", "1"), ("twitter:image", "1"), ("twitter:image:alt", "a")],
            [("1", "twitter:image:alt", "a")],
        ),
        ([("og:image", "data:x"), ("og:title", "t")], [("data:x", "og:title", "t")]),
        ([("og:image", " "), ("og:image:alt", "a")], []),
    ],
)  # fmt: skip
def test_open_graph(metas: list[tuple[str, str]], expected: list[tuple[str, str, str]]) -> None:
    found = raws("".join(meta(*pair) for pair in metas))
    short = [(raw.url.removeprefix("http://a.test/dir/"), raw.text_kind, raw.text) for raw in found]
    assert short == expected
    assert all(raw.where.startswith("w#0.og") for raw in found)


def json_ld(block: str) -> str:
    return f'<script type="application/ld+json; charset=utf-8">{block}</script>'


def test_json_ld() -> None:
    fields = '"contentUrl":"/1.jpg","caption":"c","name":"n","license":"l","creditText":"p"'
    block = '{"@type":"ImageObject",' + fields + "}"
    rights = {"text_kind": "json-ld", "license": "l", "attribution": "p"}
    assert page("<a rel=license href=m></a>" + json_ld(block) + json_ld("{") + json_ld(block)[:-9]) == [
        raw("http://a.test/1.jpg", "c", "w#0.ld0", **rights),
        raw("http://a.test/1.jpg", "n", "w#0.ld0", **rights),
        Reject(
            key="",
            url=HERE,
            stage="extract",
            reason=Reason.SOURCE_UNREADABLE,
            detail="Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
            where="w#0.ld1",
        ),
        raw("http://a.test/1.jpg", "c", "w#0.ld2", **rights),
        raw("http://a.test/1.jpg", "n", "w#0.ld2", **rights),
    ]


def test_other_scripts_are_left_alone() -> None:
    assert page('<script type="text/javascript">{</script><script>"<img>"</script><script type=x>[') == []


def test_nothing_is_found_in_nothing() -> None:
    assert page("") == []
    assert page("hello") == []
    assert list(read_page(b"\xff\xfe", "", "w#0", [])) == []


def test_two_pages_may_be_read_at_once() -> None:
    one = read_page(b"<img src=1.jpg alt=a>" * 50, HERE, "w#0", [])
    other = read_page(b"<img src=2.jpg alt=b>" * 50, HERE, "w#1", [])
    for first, second in zip(one, other, strict=True):
        assert isinstance(first, Raw)
        assert isinstance(second, Raw)
        assert (first.text, second.text) == ("a", "b")
