"""PDF, page by page; pages that are pictures are told."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rung.data.documents.parsed import BadDocument, Parsed

MOST_NAMED = 8


def parse_pdf(data: bytes) -> Parsed:
    """Raises BadDocument: encrypted, broken, or without any text."""
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise BadDocument("encrypted")
        pages = [page.extract_text() for page in reader.pages]
    except BadDocument:
        raise
    except PyPdfError as error:
        raise BadDocument(f"a broken PDF: {error}") from None
    except ImportError:
        raise BadDocument("encrypted in a way that pypdf needs the package cryptography for") from None
    bare = [number for number, text in enumerate(pages, start=1) if not text.strip()]
    if len(bare) == len(pages):
        raise BadDocument("no text in it: its pages may be pictures; make a searchable PDF of it (OCR)")
    told = (f"{_numbered(bare)} no text: pictures, unless empty",) if bare else ()
    return Parsed(text="\n\n".join(page for page in pages if page.strip()), markdown=False, remarks=told)


def _numbered(pages: Sequence[int]) -> str:
    shown = ", ".join(map(str, pages[:MOST_NAMED]))
    if len(pages) == 1:
        return f"page {shown} has"
    return f"{len(pages)} pages ({shown}{', ...' if len(pages) > MOST_NAMED else ''}) have"
