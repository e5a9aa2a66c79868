"""Image files with signed claims and with XMP packets, made on the spot."""

import io
import json
import struct
import zlib
from datetime import UTC, datetime
from functools import cache
from typing import Any

PLUS = "http://ns.useplus.org/ldf/xmp/1.0/"
VOCABULARY = "http://ns.useplus.org/ldf/vocab/"


# --- XMP ------------------------------------------------------------------------------------------


def packet(inner: str = "", attributes: str = "") -> bytes:
    """An XMP packet around properties as elements or attributes."""
    text = (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {attributes}>{inner}</rdf:Description></rdf:RDF></x:xmpmeta>'
        '<?xpacket end="w"?>'
    )
    return text.encode()


def mining(value: str, prefix: str = "plus") -> bytes:
    """A packet with `plus:DataMining` as an attribute."""
    return packet(attributes=f'xmlns:{prefix}="{PLUS}" {prefix}:DataMining="{VOCABULARY}{value}"')


def jpeg_segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def in_jpeg(jpeg: bytes, xmp: bytes) -> bytes:
    return jpeg[:2] + jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp) + jpeg[2:]


def in_jpeg_extended(jpeg: bytes, xmp: bytes, part: int = 100) -> bytes:
    """In pieces of `part` bytes, the last one first."""
    pieces = [
        jpeg_segment(
            0xE1,
            b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + struct.pack(">II", len(xmp), at)
            + xmp[at : at + part],
        )
        for at in range(0, len(xmp), part)
    ]  # fmt: skip
    return in_jpeg(jpeg[:2] + b"".join(reversed(pieces)) + jpeg[2:], packet())


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def in_png(png: bytes, xmp: bytes, compressed: bool = False) -> bytes:
    flags, text = (b"\1\0", zlib.compress(xmp)) if compressed else (b"\0\0", xmp)
    chunk = png_chunk(b"iTXt", b"XML:com.adobe.xmp\0" + flags + b"\0\0" + text)
    return png[:33] + chunk + png[33:]


def in_webp(webp: bytes, xmp: bytes) -> bytes:
    data = webp[8:] + b"XMP " + struct.pack("<I", len(xmp)) + xmp + b"\0" * (len(xmp) % 2)
    return b"RIFF" + struct.pack("<I", len(data)) + data


def in_gif(gif: bytes, xmp: bytes) -> bytes:
    tail = bytes([1, *range(255, -1, -1), 0])
    return gif[:-1] + b"\x21\xff\x0bXMP DataXMP" + xmp + tail + gif[-1:]


# --- C2PA -----------------------------------------------------------------------------------------


@cache
def certificate() -> tuple[bytes, bytes]:
    """A chain of two certificates nobody trusts, and its key; PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def name(common: str) -> x509.Name:
        names = {NameOID.ORGANIZATION_NAME: "Test", NameOID.COMMON_NAME: common}
        return x509.Name([x509.NameAttribute(kind, value) for kind, value in names.items()])

    def usage(*, authority: bool) -> x509.KeyUsage:
        return x509.KeyUsage(True, False, False, False, False, authority, authority, False, False)

    def built(subject: str, key: Any) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder(name("Root"), name(subject), key.public_key(), len(subject))
        builder = builder.not_valid_before(datetime(2025, 1, 1, tzinfo=UTC))
        return builder.not_valid_after(datetime(2125, 1, 1, tzinfo=UTC))

    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_id = x509.SubjectKeyIdentifier.from_public_key(root_key.public_key())
    root = built("Root", root_key).add_extension(x509.BasicConstraints(True, None), True)
    root = root.add_extension(root_id, False).add_extension(usage(authority=True), True)
    leaf = built("Leaf Of It", key).add_extension(x509.BasicConstraints(False, None), True)
    leaf = leaf.add_extension(usage(authority=False), True)
    leaf = leaf.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
    known = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(root_id)
    leaf = leaf.add_extension(known, False)
    chain = [builder.sign(root_key, hashes.SHA256()) for builder in (leaf, root)]
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return b"".join(each.public_bytes(pem) for each in chain), secret


def claiming(body: bytes, mime: str, label: str, entries: dict[str, str]) -> bytes:
    """`body` with a signed assertion `label`, such as "c2pa.training-mining"."""
    import c2pa

    created = {"action": "c2pa.created", "digitalSourceType": "http://c2pa.org/digitalsourcetype/empty"}
    data = {"entries": {name: {"use": use} for name, use in entries.items()}}
    assertions = [
        {"label": "c2pa.actions", "data": {"actions": [created]}},
        *([{"label": label, "data": data}] if label else []),
    ]
    manifest = {"claim_generator_info": [{"name": "test", "version": "1"}], "assertions": assertions}
    chain, key = certificate()
    signed = io.BytesIO()
    info = c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ES256, chain, key, None)
    with c2pa.Signer.from_info(info) as signer, c2pa.Builder(json.dumps(manifest)) as builder:
        builder.sign(signer, mime, io.BytesIO(body), signed)
    return signed.getvalue()
