"""A DOCX made plainer for its reader: fields, formulas and ruby text become runs of text, hidden text goes."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_PARTS = re.compile(r"word/(document|footnotes|endnotes)\d*\.xml")


def plainer(data: bytes) -> bytes:
    """The same document. Raises lxml's XMLSyntaxError, and what a broken archive raises."""
    from lxml import etree

    parser: Any = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in dict.fromkeys(old.namelist()):
            content = old.read(name)
            if _PARTS.fullmatch(name):
                root: Any = etree.fromstring(content, parser)
                _plain(root)
                content = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
            new.writestr(name, content)
    return out.getvalue()


def _plain(root: Any) -> None:
    for formula in list(root.iter(f"{_MATH}oMath")):
        _replace(formula, [_run(formula, _formula(formula))])
    for paragraph in list(root.iter(f"{_MATH}oMathPara")):
        _replace(paragraph, [run for run in paragraph if run.tag == f"{_WORD}r"])
    for ruby in list(root.iter(f"{_WORD}ruby")):
        _lift(ruby, [base for part in ruby.findall(f"{_WORD}rubyBase") for base in part])
    for field in list(root.iter(f"{_WORD}fldSimple")):
        _replace(field, list(field))
    for run in list(root.iter(f"{_WORD}r")):
        hidden = run.find(f"{_WORD}rPr/{_WORD}vanish")
        if hidden is not None and hidden.get(f"{_WORD}val") not in ("0", "false"):
            _replace(run, [])


def _formula(node: Any) -> str:
    """In a line: a fraction is not its digits side by side, nor a power."""
    if node.tag == f"{_MATH}t":
        return node.text or ""
    parts = [text for part in node if (text := _formula(part))]
    sign = {f"{_MATH}f": "/", f"{_MATH}sSup": "^"}.get(node.tag, "")
    return sign.join(part if part.isalnum() else f"({part})" for part in parts) if sign else "".join(parts)


def _run(like: Any, text: str) -> Any:
    run = like.makeelement(f"{_WORD}r", {})
    inside = like.makeelement(f"{_WORD}t", {"{http://www.w3.org/XML/1998/namespace}space": "preserve"})
    inside.text = text
    run.append(inside)
    return run


def _lift(node: Any, runs: list[Any]) -> None:
    """Ruby text stands within a run, of which its base is made the content."""
    texts = [part for run in runs for part in run if part.tag == f"{_WORD}t"]
    _replace(node, texts)


def _replace(node: Any, others: list[Any]) -> None:
    parent = node.getparent()
    if parent is None:
        return
    place = parent.index(node)
    parent.remove(node)
    for other in reversed(others):
        parent.insert(place, other)
