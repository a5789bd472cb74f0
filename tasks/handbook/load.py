"""Questions whose answers stand in CMake's manual: when was a variable or a target property added? One for each short page."""

import re

PLACE = "cmake/data/share/cmake-4.4/Help"
# The title, its underline, and the version as the first thing said.
PAGE = re.compile(r"(?P<name>\S+)\n[-=^]+\n\n\.\. versionadded:: (?P<version>[\d.]+)\n")
# A page that fits into one passage: a small model reads one.
LONGEST_PAGE = 780


def rows(fetch):
    """A row for each page, which is the row's gold document. Names that begin alike often came together: they are one group."""
    folder = fetch("pip:cmake==4.4.4")
    for kind in ("variable", "prop_tgt"):
        for path in sorted((folder / PLACE / kind).glob("*.rst")):
            text = path.read_text("utf-8")
            page = PAGE.match(text)
            if page and len(text) <= LONGEST_PAGE:
                question = f"When was {page['name']} added?"
                family = "_".join(page["name"].removeprefix("CMAKE_").split("_")[:2])
                gold = [f"{PLACE}/{kind}/{path.name}"]
                yield {"prompt": question, "completion": page["version"], "gold": gold, "group": family}
