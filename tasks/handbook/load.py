"""Questions whose answers stand in CMake's manual, one for each page that says in which version its subject came."""

import re

PLACE = "cmake/data/share/cmake-4.4/Help"
KINDS = {"variable": "variable", "prop_tgt": "target property", "policy": "policy"}
# The title, its underline, and the version as the first thing said.
PAGE = re.compile(r"(?P<name>\S+)\n[-=^]+\n\n\.\. versionadded:: (?P<version>[\d.]+)\n")


def rows(fetch):
    """A row for each page: a page is a group of its own, and the row's gold document."""
    folder = fetch("pip:cmake==4.4.4")
    for kind, called in KINDS.items():
        for path in sorted((folder / PLACE / kind).glob("*.rst")):
            page = PAGE.match(path.read_text("utf-8"))
            if page:
                question = f"Which version of CMake added the {called} {page['name']}?"
                yield {"prompt": question, "completion": page["version"], "gold": [f"{PLACE}/{kind}/{path.name}"]}
