"""YAML as its version 1.2 has it: NO, yes, on, 12:30 and 2026-01-05 are texts. In 1.1, which PyYAML follows, none of them is.

Only the core schema's words are anything but text (YAML 1.2.2, section 10.3.2). What is written here is read alike by readers of
both versions: what either takes for a number, a date or a truth stands in quotes.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

NULL, TRUTH, INTEGER, FLOAT = (f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float"))
CORE = (
    (NULL, re.compile(r"^(?:null|Null|NULL|~|)$"), ["~", "n", "N", ""]),
    (TRUTH, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    (INTEGER, re.compile(r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$"), list("-+0123456789")),
    (FLOAT, re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$"), list("-+.0123456789")),
    (FLOAT, re.compile(r"^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"), list("-+.")),
)


class Loader(yaml.SafeLoader):
    """Reads the core schema of YAML 1.2."""


class Dumper(yaml.SafeDumper):
    """Quotes what YAML 1.1 or 1.2 would take for anything but text."""


def _integer(_loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = str(node.value)
    return int(text[2:], {"0o": 8, "0x": 16}[text[:2]]) if text[:2] in ("0o", "0x") else int(text)


def _float(_loader: yaml.SafeLoader, node: yaml.ScalarNode) -> float:
    text = str(node.value).lower()
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in CORE:
    Loader.add_implicit_resolver(_tag, _pattern, _first)
    Dumper.add_implicit_resolver(_tag, _pattern, _first)
Loader.add_constructor(INTEGER, _integer)
Loader.add_constructor(FLOAT, _float)


def write_yaml(value: Any) -> str:
    """Plain values as YAML in the order of their keys; a text comes back from either version as the text that it was."""
    return yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)
