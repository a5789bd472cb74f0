"""Somebody with a browser that runs no scripts: keeps cookies, fills forms in, follows redirections."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import unescape
from html.parser import HTMLParser
from typing import Any

from parts import KEY
from starlette.testclient import TestClient

from rung.serve.dashboard.app import build_dashboard
from rung.serve.dashboard.data import Controls

VOID = {"meta", "link", "input", "br", "option"}


class Html(HTMLParser):
    """Reads a page strictly: every tag closed in order, no attribute twice, no id twice."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source, self.open, self.ids = source, list[str](), set[str]()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), (tag, attrs)
        told = dict(attrs)
        if name := told.get("id"):
            assert name not in self.ids, name
            self.ids.add(name)
        self.tags.append((tag, told))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag, (tag, self.open, self.getpos())

    def handle_data(self, data: str) -> None:
        if "template" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


class Visitor:
    """A browser without scripts, at a dashboard of its own."""

    def __init__(
        self, controls: Controls, address: str = "http://testserver", client: tuple[str, int] = ("10.0.0.7", 5000)
    ) -> None:
        self.controls = controls
        self.http = TestClient(build_dashboard(controls), base_url=address, follow_redirects=False, client=client)
        self.csrf = ""

    def log_in(self, key: str = KEY, to: str = "") -> Visitor:
        self.csrf = self.token("/login")
        answer = self.http.post("/login", data={"csrf": self.csrf, "key": key, "to": to})
        assert answer.status_code == 303, answer.text
        self.csrf = self.token("/")
        return self

    def token(self, path: str) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', self.http.get(path).text)
        assert found
        return unescape(found[1])

    def look(self, path: str, status: int = 200) -> Html:
        """A page, well formed."""
        answer = self.http.get(path)
        assert answer.status_code == status, (path, answer.status_code, answer.text[:300])
        return Html(answer.text)

    def send(self, path: str, fields: Mapping[str, Any] | Sequence[tuple[str, str]] = (), *, csrf: str | None = None) -> Any:
        """A form; what is answered, without following it."""
        pairs = list(fields.items()) if isinstance(fields, Mapping) else list(fields)
        data: dict[str, list[str]] = {"csrf": [self.csrf if csrf is None else csrf]}
        for name, value in pairs:
            data.setdefault(name, []).append(value)
        return self.http.post(path, data=data)

    def done(self, path: str, fields: Mapping[str, Any] | Sequence[tuple[str, str]] = ()) -> Html:
        """A form, and the page that tells what came of it."""
        answer = self.send(path, fields)
        assert answer.status_code == 303, (answer.status_code, answer.text[:300])
        return self.look(answer.headers["location"])
