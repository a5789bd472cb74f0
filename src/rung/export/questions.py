"""Questions that texts in and answers out are compared on: dev rows of the task, and a few in scripts that readers stumble over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rung.types import Example

if TYPE_CHECKING:
    from rung.export.subject import Subject

ROWS = 200
# What readers of text are known to see differently: no text, marks alone, case without a pair, joined and split letters, spaces of
# many kinds, scripts without spaces or with vowel signs, digits of other scripts, long words.
ODD = (
    "",
    " ",
    "!?!",
    "a",
    "THE QUICK brown Fox, the quick fox: the fox!",
    "naïve café CAFÉ Straße STRASSE ÅNGSTRÖM",
    "cafe\u0301 e\u0301te\u0301 co\u00f6perate",
    "tab\tnew\nline\r\nno\u00a0break\u2003wide\u3000ideographic",
    "a_b a-b a.b 3.14 1,000 x2 2x C++ C# #1",
    "Ελλάδα ΟΔΟΣ οδός ΣΙΣΥΦΟΣ",
    "Привет, МИР! ещё Ёлка",
    "नमस्ते दुनिया, यह एक परीक्षा है",
    "你好，世界！今天天气很好。",
    "สวัสดีชาวโลก",
    "مرحبا بالعالم ١٢٣",
    "שלום עולם",
    "ıI İi ǅ ﬁ ﬂ ½ Ⅻ ²",
    "👍🏽 great 😀😀 👨\u200d👩\u200d👧",
    "https://example.org/" + "path/" * 20 + "?q=1&r=2",
    "word " * 300,
    "\ufeffmark first",
    "zero\u200bwidth soft\u00adhyphen",
)


def questions(subject: Subject) -> tuple[tuple[Example, ...], str]:
    """Dev rows, spread over the split, and the odd ones; and how many there are of each, in words."""
    task = subject.task
    rows = list(task.split("dev")) if task else []
    spread = rows[:: max(1, -(-len(rows) // ROWS))]
    odd = [Example(id=f"odd {place}", messages=({"role": "user", "content": text},)) for place, text in enumerate(ODD)]
    said = f"{len(spread):,} dev rows and " if spread else "no rows of its task were at hand: "
    return (*spread, *odd), f"{said}{len(odd)} texts of rung's own"
