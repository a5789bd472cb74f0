"""Questions whose answers stand in CMake's manual: when was a variable or a target property added?"""

import re

PLACE = "cmake/data/share/cmake-4.4/Help"
# The title, its underline, and the version as the first thing said.
PAGE = re.compile(r"(?P<name>\S+)\n[-=^]+\n\n\.\. versionadded:: (?P<version>[\d.]+)\n")
# A page that fits into one passage: a small model reads one.
LONGEST_PAGE = 780


def rows(fetch):
    """A row for each family of names that begin alike, its first page's: families often came whole in one version."""
    folder = fetch("pip:cmake==4.4.4")
    seen = set()
    for kind in ("variable", "prop_tgt"):
        for path in sorted((folder / PLACE / kind).glob("*.rst")):
            text = path.read_text("utf-8")
            page = PAGE.match(text)
            if not page or len(text) > LONGEST_PAGE:
                continue
            family = "_".join(page["name"].removeprefix("CMAKE_").split("_")[:2])
            if family not in seen:
                seen.add(family)
                gold = [f"{PLACE}/{kind}/{path.name}"]
                yield {"prompt": f"When was {page['name']} added?", "completion": page["version"], "gold": gold}
