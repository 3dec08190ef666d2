"""Bytes of unknown encoding → text."""

from __future__ import annotations

import codecs
import re

from workers.runtime import BadInput

_SIGNATURES = {
    b"%PDF-": "a PDF document",
    b"PK\x03\x04": "a ZIP archive or an office document",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"RIFF": "an image, sound or video",
    b"\x1f\x8b": "gzip-compressed",
    b"\xd0\xcf\x11\xe0": "an office document",
    b"\x7fELF": "a program",
}
_MARKS = (  # the longer ones first: UTF-32's begins like UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
# What browsers read when a page names the left: the right is a superset. https://encoding.spec.whatwg.org/#names-and-labels
_BROWSERS_READ = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "tis-620": "cp874",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "utf-16": "utf-8",  # a declaration that can be read as ASCII is not in UTF-16
}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f\ufffd]")
MAX_BROKEN = 0.01  # share of control and replacement characters above which the bytes are taken for binary


def decode(data: bytes, charset: str | None = None) -> str:
    """The text in `data`. BadInput if it is empty or not text.

    Order: byte order mark, 7-bit ISO-2022, UTF-8 if it is valid, the encoding that is declared, detection.

    charset: what an HTTP header declares; it goes before what the page declares.
    """
    if not data.strip():
        raise BadInput("the object is empty")
    for signature, kind in _SIGNATURES.items():
        if data.startswith(signature):
            raise BadInput(f"the object is {kind}, not text or HTML")
    text = _decoded(data, _codec(charset) or _declared(data))
    if len(_CONTROL.findall(text)) > MAX_BROKEN * len(text):
        raise BadInput("the object is binary data, not text or HTML")
    return _CONTROL.sub("", text)


def _decoded(data: bytes, declared: str | None) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    if declared and declared.startswith("iso2022"):
        return data.decode(declared, errors="replace")
    if b"\x1b$" not in data:  # ISO-2022 is valid UTF-8, too
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            pass
    if declared and declared != "utf-8":
        try:
            return data.decode(declared)
        except UnicodeDecodeError:
            pass
    return data.decode("utf-8" if declared == "utf-8" else _detected(data), errors="replace")


def _declared(data: bytes) -> str | None:
    """The codec for what the first kilobyte of a page declares."""
    found = _DECLARED.search(data[:1024])
    return _codec(found[1].decode()) if found else None


def _codec(label: str | None) -> str | None:
    """Name of the Python codec for a label from the web; None if there is none."""
    try:
        name = codecs.lookup(label).name if label else None
    except LookupError:
        return None
    return _BROWSERS_READ.get(name, name) if name else None


def _detected(data: bytes) -> str:
    import chardet

    found = chardet.detect(data[:200_000])["encoding"]
    if found is None:
        raise BadInput("the object is binary data, not text or HTML")
    return codecs.lookup(found).name
