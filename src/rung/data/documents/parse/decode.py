"""Bytes to characters: by a mark, by what the document says of itself, else in the encoding in which its words are words."""

from __future__ import annotations

import codecs
import re

from rung.data.documents.parsed import BadDocument
from rung.data.read.encodings import SAMPLE, best, is_utf16

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# Where HTML may say its encoding, in either of two ways. Browsers look at 1,024 bytes; some authors begin with more of a licence.
_SAID_WITHIN = 8192
_SAID = re.compile(rb"""<meta\b[^>]*?\bcharset\s*=\s*["']?\s*([A-Za-z0-9_.:-]+)""", re.IGNORECASE)
_XML_SAID = re.compile(rb"""^\s*<\?xml[^>]*?\bencoding\s*=\s*["']([A-Za-z0-9_.:-]+)""")
# Browsers read these names as what is a superset of them (the Encoding Standard's labels).
_AS_BROWSERS = {"iso8859-1": "cp1252", "ascii": "cp1252", "iso8859-9": "cp1254", "gb2312": "gb18030", "gbk": "gb18030"}
_AS_BROWSERS |= {
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "tis-620": "cp874",
    "utf-16-le": "utf-8",
    "utf-16-be": "utf-8",
    "utf-16": "utf-8",
}
# Of these no text has any; tabs, line ends and form feeds it has.
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def decoded(data: bytes, said: str | None = None) -> tuple[str, str]:
    """(the text, its lines ending in \\n; the encoding that was guessed, or "" where bytes or author say it).

    said  the encoding that the document names; where its bytes are not in it, it is guessed as if none were named

    Raises BadDocument for binary data.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _text(data[len(mark) :], encoding), ""
    sample = data[:SAMPLE]
    if len(data) % 2 == 0 and (wide := is_utf16(sample)):
        return _text(data, wide), wide
    for encoding in dict.fromkeys(filter(None, (said, "utf-8"))):
        try:
            return _plain(data.decode(encoding)), ""
        except (UnicodeDecodeError, LookupError):
            continue
    if not said and (torn := _torn_utf8(data)):
        return torn
    guess = best(sample)
    return _text(data, guess), guess


def _torn_utf8(data: bytes) -> tuple[str, str] | None:
    """UTF-8 but for a few bytes: the rest of it would be nonsense in any other encoding."""
    text = data.decode("utf-8", "replace")
    torn = text.count("\ufffd")
    if sum(not char.isascii() for char in text) < 20 * torn:
        return None
    return _plain(text), f"utf-8 ({torn} bytes of it are not, and shown as \ufffd)"


def said_in_html(data: bytes) -> str | None:
    """The encoding that a page names, as browsers understand the name; None where it names none that is known."""
    found = _SAID.search(data[:_SAID_WITHIN]) or _XML_SAID.match(data[:_SAID_WITHIN])
    if not found:
        return None
    try:
        name = codecs.lookup(found[1].decode("ascii")).name
    except LookupError:
        return None
    return _AS_BROWSERS.get(name, name)


def _text(data: bytes, encoding: str) -> str:
    try:
        return _plain(data.decode(encoding))
    except UnicodeDecodeError as error:
        raise BadDocument(f"not {encoding} text (byte {error.start})") from None


def _plain(text: str) -> str:
    if len(_CONTROL.findall(text[:SAMPLE])) > len(text[:SAMPLE]) // 1000:
        raise BadDocument("binary data, not text")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
