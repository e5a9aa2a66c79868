import pytest
from hypothesis import given
from hypothesis import strategies as st
from webencodings import LABELS, lookup

from wit_pipeline.html.encoding import codec, stated, utf8


@pytest.mark.parametrize(
    ("body", "charset", "text"),
    [
        (b"abc", "", "abc"),
        ("é".encode(), "", "é"),
        ("é".encode("latin-1"), "latin-1", "é"),
        (b"\x93a\x94", "iso-8859-1", "“a”"),  # which means windows-1252
        ("é".encode("cp1252"), "no-such", "é"),
        ("é".encode("cp1252"), "utf-8", "é"),  # a charset that the bytes contradict
        (b"\x81", "", "\ufffd"),
        ("漢字".encode("shift_jis"), "shift_jis", "漢字"),
        ("漢字".encode("gb18030"), "gb2312", "漢字"),
        ("漢字".encode("euc_jp"), "EUC-JP", "漢字"),
        ("漢字".encode("iso2022_jp"), "iso-2022-jp", "漢字"),
        ("한글".encode("cp949"), "ks_c_5601-1987", "한글"),
        ("дом".encode("koi8-r"), "KOI8-R", "дом"),
        ("дом".encode("utf-16-le"), "utf-16", "дом"),
        (b"\xff\xfe" + "дом".encode("utf-16-le"), "utf-8", "дом"),  # the mark wins
        (b"\xfe\xff" + "дом".encode("utf-16-be"), "", "дом"),
        (b"\xef\xbb\xbfabc", "latin-1", "abc"),
        (b"\xff\xfe\x00\xd8", "", "\ufffd"),  # a lone surrogate
        (
            "日本の城".encode("cp932") + b"\x82 x",
            "shift_jis",
            "日本の城\ufffd x",
        ),  # one byte that is none of it
        ("日本の城".encode() + b"\xff", "", "日本の城\ufffd"),
        ("日本の城".encode()[:-1], "utf-8", "日本の\ufffd"),  # cut inside a character
        ("дом и сад".encode("cp1251") + b"\x98", "windows-1251", "дом и сад\ufffd"),
        ("дом".encode() + b"\xe4\xf6\xe4 \xe4", "utf-8", "Ð´Ð¾Ð¼äöä ä"),  # most of it is none
        (b"<meta charset=windows-1251>\xe4", "", "<meta charset=windows-1251>д"),
        (b"<meta charset=windows-1251>\xe4", "windows-1252", "<meta charset=windows-1251>ä"),
        (b"<META CONTENT='text/html; CharSet=windows-1251'>\xe4", "", None),
        (b"<meta charset=utf-16>\xc3\xa9", "", "<meta charset=utf-16>é"),
        (b"<!--<meta charset=windows-1251>-->\xe4", "", "<!--<meta charset=windows-1251>-->ä"),
        (b" " * 1020 + b"<meta charset=windows-1251>\xe4", "", " " * 1020 + "<meta charset=windows-1251>д"),
        (b" " * 9999 + b"<meta charset=windows-1251>\xe4", "", " " * 9999 + "<meta charset=windows-1251>д"),
        (b"<script>'<meta charset=gbk>'</script><meta charset=windows-1251>\xe4", "", None),
        (
            b"<!-- <meta charset=gbk> --><title><meta charset=gbk></title>\xe4",
            "",
            "<!-- <meta charset=gbk> --><title><meta charset=gbk></title>ä",
        ),
        (b"+AGE-", "utf-7", "+AGE-"),
    ],
)
def test_a_page_is_read_in_its_encoding(body: bytes, charset: str, text: str | None) -> None:
    found = utf8(body, charset).decode()
    assert found == text if text is not None else found.endswith("д")


@given(st.binary(max_size=60), st.sampled_from(["", "utf-8", "latin-1", "gbk", "utf-16", "iso-2022-jp", "x"]))
def test_anything_becomes_utf8(body: bytes, charset: str) -> None:
    utf8(body, charset).decode()


def test_utf8_is_not_copied() -> None:
    for body in (b"abc" * 1000, "é".encode() * 1000):
        assert utf8(body) is body


@pytest.mark.parametrize(
    "label",
    ["", "hex", "rot13", "utf-7", "punycode", "unicode_escape", "idna", "undefined", "a\0b", "é", "x" * 99],
)
def test_labels_that_are_none(label: str) -> None:
    assert codec(label) == ""
    assert utf8("é".encode(), label) == "é".encode()


def test_every_label_of_the_standard() -> None:
    for label, encoding in LABELS.items():
        if encoding in ("replacement", "x-user-defined"):
            assert codec(label) == "", label
        else:
            peer = lookup(label)
            assert peer is not None
            name = {"gbk": "gb18030"}.get(encoding, peer.codec_info.name)  # as the standard decodes it
            assert codec(label) == name, label


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("UTF_8", "utf-8"),
        ("cp936", "gb18030"),
        (" Latin_1 ", "cp1252"),
        ("eucjp", "euc_jp"),
        ("ms932", "cp932"),
    ],
)
def test_labels_that_servers_send_besides(label: str, name: str) -> None:
    assert codec(label) == name


@pytest.mark.parametrize(
    "piece",
    [b"<meta ", b"<meta a='", b'<meta a="b', b"<meta charset", b"<title ", b"<!-- -->", b"<meta>", b"<!--",
     b"<meta content='charset ", b"<script></script>", b"<meta =", b"<meta /", b"<meta a = "],
)  # fmt: skip
def test_hostile_pages_end(piece: bytes) -> None:
    """Megabytes of each: what takes the square of a page's length would not end within the suite's limit."""
    assert stated(piece * 300_000 + b"<meta x=\xe4") == ""


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"<meta charset=UTF-8>", "utf-8"),
        (b'<meta http-equiv="Content-Type" content="text/html; charset=Big5">', "big5hkscs"),
        (b"<meta name=x content=y>", ""),
        (b"<p charset=utf-8>", ""),
        (b"<meta name=description content='what charset=gbk means; charset=gbk'>", ""),
        (b"<meta property=og:x content='text/html; charset=gbk'>", ""),
        (b"<meta data-charset=gbk>", ""),
        (b"<metadata charset=gbk>", ""),
        (b"<meta name='a>b' charset=gbk>", "gb18030"),
        (b"<meta\n/charset\n=\n' GBK '/>", "gb18030"),
        (b"<meta CONTENT='text/html; charset = \"big5\"' HTTP-EQUIV=content-type>", "big5hkscs"),
        (b"<meta http-equiv=refresh content='text/html; charset=gbk'>", ""),
        (b"<meta http-equiv=content-type content='charset=gbk'>", "gb18030"),
        (b"<meta charset=nothing><meta charset=gbk>", "gb18030"),  # the first label that is one
        (b"<meta charset=utf-8 charset=gbk>", "utf-8"),
        (b"<meta charset=gbk", ""),  # no tag
        (b"<meta charset=>", ""),
        (b"<meta charset=utf-16be>", "utf-8"),
    ],
)
def test_what_a_page_states(head: bytes, name: str) -> None:
    assert stated(head) == name
