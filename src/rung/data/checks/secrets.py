"""Secrets: keys and tokens whose issuers gave them a form of their own, so that a match is hardly ever chance."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import BaseModel

from rung.data.audit import Finding, first_ids, in_rows, texts
from rung.types import Example

PATTERNS = {
    "AWS access keys": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "GitHub tokens": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\w{82})\b"),
    "private keys": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"),
    "Slack tokens": re.compile(r"\bxox[abprs]-\d{8,}-[\w-]{8,}"),
    "Google API keys": re.compile(r"\bAIza[0-9A-Za-z_-]{35}\b"),
    "Stripe keys": re.compile(r"\b[rs]k_live_[0-9A-Za-z]{24,}\b"),
    "OpenAI or Anthropic keys": re.compile(r"\bsk-(?:proj-|ant-[a-z0-9]+-)?[A-Za-z0-9_-]{32,}\b"),
    "Hugging Face tokens": re.compile(r"\bhf_[A-Za-z0-9]{34}\b"),
    "JSON web tokens": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
}


class Config(BaseModel, extra="forbid", frozen=True):
    """No settings."""


def check(examples: Sequence[Example], config: Config) -> list[Finding]:
    """A warning for each kind that stands in any row; the secret itself is not repeated."""
    said = [(example, texts(example)) for example in examples]
    found = []
    for name, pattern in PATTERNS.items():
        rows = [example for example, text in said if pattern.search(text)]
        if rows:
            message = f"{name} in {in_rows(len(rows))}: revoke them and take them out"
            found.append(Finding(check="secrets", severity="warning", message=message, examples=first_ids(rows), count=len(rows)))
    return found
