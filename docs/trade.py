"""Twelve small made-up files in the shapes that people have: what docs/first-contact.md is made from.

Each is grown from a few sentences by a seed, so that it has the same bytes every time.
"""

from __future__ import annotations

import json
import random
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHOWN_LINES, SHOWN_CHARS, WIDTH = 3, 150, 116
THINGS = ("kettle", "lamp", "tent", "bicycle", "radio", "blanket", "ladder", "printer", "hose", "rucksack", "knife", "clock")
PLACES = ("Aldwick", "Brenn", "Corrie", "Dunlow", "Eastmere", "Farrow", "Glenby", "Harle")
NAMES = ("Ada", "Bram", "Cleo", "Dov", "Edda", "Finn", "Gita", "Hugo", "Ines", "Jory")
ROWS = 160


@dataclass(frozen=True, kw_only=True)
class Trade:
    """A file of the trade: `write` gives its bytes, `remark` says what is in it that a reader of files might stumble over."""

    name: str
    title: str
    remark: str
    write: Callable[[random.Random], bytes]

    def content(self) -> bytes:
        return self.write(random.Random(self.name))


def _filled(rng: random.Random, text: str) -> str:
    """A sentence with its {thing}, {place}, {name} and {n} put in."""
    return text.format(thing=rng.choice(THINGS), place=rng.choice(PLACES), name=rng.choice(NAMES), n=rng.randrange(2, 90))


def _different(rng: random.Random, texts: Sequence[str], count: int) -> list[str]:
    """So many sentences, none twice."""
    found: dict[str, None] = {}
    while len(found) < count:
        found.setdefault(_filled(rng, rng.choice(texts)))
    return list(found)


ASKED = (
    "How do I clean the {thing} that I bought in {place} {n} days ago?",
    "{name} broke the {thing}. Can you mend it within {n} days?",
    "Is there a {thing} for less than {n} in your shop in {place}?",
    "Where in {place} can {name} hand in a {thing} that is {n} months old?",
)
SAID = (
    "Please bring the {thing} to our shop in {place}, where {name} will look at it. That takes about {n} minutes.",
    "There is one, {name}. We keep the {thing} for you at the counter in {place} for {n} days.",
    "Wipe it with a dry cloth and let it stand for {n} minutes. The {thing} must not get wet.",
)
CURT = ("No.", "Read the manual.", "Ask {name}, I have no time.", "Buy another {thing}.", "Not in {place}.")


def _talks(rng: random.Random, count: int = ROWS) -> Iterator[tuple[str, str]]:
    for asked in _different(rng, ASKED, count):
        yield asked, _filled(rng, rng.choice(SAID))


def _json(rows: Any, indent: int | None = None) -> bytes:
    return (json.dumps(rows, ensure_ascii=False, indent=indent) + "\n").encode()


def _jsonl(rows: Sequence[Any]) -> bytes:
    return b"".join(_json(row) for row in rows)


def _sms(rng: random.Random) -> bytes:
    spam = ('You have "WON" a {thing} worth {n}00, call', 'Free {thing}! Text "YES to {n}{n}, {name}', "Claim {n} coins in {place}")
    ham = (
        'Did {name} say "maybe or was it no? {n}',
        "I am in {place} till {n}, bring the {thing}",
        '"{name} forgot the {thing} again, {n} times',
    )
    rows = [("spam", text) for text in _different(rng, spam, 50)] + [("ham", text) for text in _different(rng, ham, 110)]
    rng.shuffle(rows)
    return "".join(f"{label}\t{text}\n" for label, text in rows).encode()


def _passages(rng: random.Random) -> bytes:
    paragraphs = []
    for number in range(40):
        place, name, thing = rng.choice(PLACES), rng.choice(NAMES), rng.choice(THINGS)
        year = 1800 + rng.randrange(200)
        context = f"In {year} {name} {number} opened a shop in {place}. It sold nothing but the {thing}, and did so for decades."
        asked = (
            (f"Who opened the shop in {place} in {year}?", f"{name} {number}"),
            (f"When did {name} {number} open the shop?", str(year)),
            (f"What did {name} {number} sell?", f"the {thing}"),
        )
        qas = [
            {"id": f"{number}-{at}", "question": question, "answers": [{"text": text, "answer_start": context.index(text)}]}
            for at, (question, text) in enumerate(asked)
        ]
        paragraphs.append({"context": context, "qas": qas})
    return _json({"version": "1", "data": [{"title": "Shops", "paragraphs": paragraphs}]})


def _chats(rng: random.Random) -> bytes:
    rows = []
    for number, (asked, said) in enumerate(_talks(rng)):
        hello = (("human", "Hello?"), ("gpt", "Good morning! How can I help?")) if number % 3 else ()
        turns = [{"from": who, "value": text} for who, text in (*hello, ("human", asked), ("gpt", said))]
        rows.append({"id": f"chat-{number}", "conversations": turns})
    return _json(rows, indent=1)


def _instructions(rng: random.Random) -> bytes:
    return _json([{"instruction": "Answer the customer.", "input": asked, "output": said} for asked, said in _talks(rng)])


def _thumbs(rng: random.Random) -> bytes:
    good = [{"prompt": asked, "completion": said, "label": True} for asked, said in _talks(rng)]
    bad = [{**row, "completion": _filled(rng, rng.choice(CURT)), "label": False} for row in good[::3]]
    rows = good + bad
    rng.shuffle(rows)
    return _jsonl(rows)


def _tickets(rng: random.Random) -> bytes:
    teams = {
        "Billing": ("The bill for the {thing} is {n} too high", "I paid {n} twice for one {thing}, says {name}"),
        "Delivery": (
            "The {thing} has been on its way to {place} for {n} days",
            "{name} never got the {thing}; {n} calls",
        ),
        "Repairs": ("The {thing} of {name} stopped after {n} days", "My {thing} from {place} rattles, {n} times an hour"),
    }
    rows = [(text, team) for team, texts in teams.items() for text in _different(rng, texts, 55)]
    rng.shuffle(rows)
    lines = ["sep=;", "Ticket;Caf\xe9;Opened;What the customer wrote;Team;;"]
    for number, (text, team) in enumerate(rows):
        lines.append(f'T-{4000 + number};{rng.choice(PLACES)};{1 + number % 28:02}.03.2024;"{text}";{team};;')
    return "\r\n".join([*lines, ""]).encode("cp1252")


def _intents(rng: random.Random) -> bytes:
    patterns = {
        "opening_hours": ("When does the shop in {place} open on day {n}?", "Is {place} open at {n} past nine?"),
        "return": ("I want to send the {thing} back, it is {n} days old", "Can {name} return the {thing} in {place}?"),
        "price": ("What does the {thing} cost in {place}?", "Is {n} a good price for the {thing}?"),
        "thanks": ("Thank you, {name}!", "That {thing} is great, thanks {name}"),
    }
    intents = [
        {"tag": tag, "patterns": _different(rng, texts, 35), "responses": [_filled(rng, said) for said in SAID[:2]]}
        for tag, texts in patterns.items()
    ]
    return _json({"intents": intents}, indent=1)


def _reviews(rng: random.Random) -> bytes:
    verdicts = ("Awful", "Poor", "Fair", "Good", "Splendid")
    more = (
        "It broke on day {n}, and nobody in {place} cared.",
        "Not what {name} had hoped for in {n} days.",
        "It does its job in {place} for now.",
        "{name} likes it after {n} days.",
        "The best {thing} that {name} has had in {n} years!",
    )
    lines = ["Id,UserId,Time,Stars,Summary,Text"]
    for number in range(200):
        stars = rng.randrange(5)
        summary = _filled(rng, verdicts[stars] + " {thing}, says {name} in {place}")
        text = f"{_filled(rng, more[stars])} That was order {7 * number + 3}."
        lines.append(f'{number + 1},U{rng.randrange(150)},{1_700_000_000 + 86_400 * number},{stars + 1},"{summary}","{text}"')
    return "\n".join([*lines, ""]).encode()


def _phrases(rng: random.Random) -> bytes:
    things = {"kettle": "der Kessel", "lamp": "die Lampe", "tent": "das Zelt", "radio": "das Radio", "ladder": "die Leiter"}
    forms = (("{name} asks what {thing} costs in {place}.", "{name} fragt, was {ding} in {place} kostet."),
             ("For {n} days {thing} has stood in {place}.", "Seit {n} Tagen steht {ding} in {place}."))  # fmt: skip
    found: dict[str, str] = {}
    while len(found) < ROWS:
        (english, german), thing = rng.choice(forms), rng.choice(list(things))
        given = {"name": rng.choice(NAMES), "place": rng.choice(PLACES), "n": rng.randrange(2, 90)}
        found[english.format(thing=f"the {thing}", **given)] = german.format(ding=things[thing], **given)
    return "".join(["en\tde\n", *(f"{english}\t{german}\n" for english, german in found.items())]).encode()


def _calls(rng: random.Random) -> bytes:
    town, stock = {"town": {"type": "string"}}, {"thing": {"type": "string"}, "count": {"type": "integer"}}
    functions = (
        {"name": "find_shop", "description": "The shop in a town.", "parameters": {"type": "object", "properties": town}},
        {"name": "check_stock", "description": "Whether there are so many.", "parameters": {"type": "object", "properties": stock}},
    )
    tools = [{"type": "function", "function": function} for function in functions]
    return _jsonl([{"messages": _called(rng, number), "tools": tools} for number in range(ROWS)])


def _called(rng: random.Random, number: int) -> list[dict[str, Any]]:
    """A conversation in which a call is made and answered to."""
    place, thing = rng.choice(PLACES), rng.choice(THINGS)
    name, given, asked = (
        ("find_shop", {"town": place}, f"Where is your shop in {place}? This is call {number}.")
        if number % 2
        else ("check_stock", {"thing": thing, "count": number + 1}, f"Have you {number + 1} of the {thing}?")
    )
    call = {"id": f"c{number}", "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}
    return [
        {"role": "user", "content": asked},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": f"c{number}", "content": '{"found": true}'},
        {"role": "assistant", "content": "By the bridge." if number % 2 else "Yes, we have."},
    ]


def _topics(rng: random.Random) -> bytes:
    about = {
        "delivery": "it came to {place} {n} days late",
        "price": "{n} is too much for a {thing}",
        "staff": "{name} in {place} was kind",
        "quality": "the {thing} bent on day {n}",
    }
    lines = ["comment,delivery,price,staff,quality"]
    for number in range(ROWS):
        named = {topic for topic in about if rng.random() < 0.45}
        told = [about[topic] for topic in about if topic in named] or ["nothing to say of the {thing}"]
        said = "; ".join(_filled(rng, text) for text in told)
        marks = ",".join(str(int(topic in named)) for topic in about)
        lines.append(f'"{said}, no {number}",{marks}')
    return "\n".join([*lines, ""]).encode()


def _headlines(rng: random.Random) -> bytes:
    kinds = (
        ("Town", ("New bridge for {place} after {n} years", "{place} votes on the market, {n} to go")),
        ("Sport", ("{place} beats {name} by {n} points", "{name} runs to {place} in {n} minutes")),
        ("Weather", ("Rain in {place} for {n} days", "Sun over {place}: {n} degrees")),
    )
    rows = [(at + 1, text) for at, (_, texts) in enumerate(kinds) for text in _different(rng, texts, 60)]
    rng.shuffle(rows)
    body = "{name} reports from {place}, {n} miles away, on a {thing}."
    return "".join(f'"{kind}","{text}","{_filled(rng, body)}"\n' for kind, text in rows).encode()


FILES = (
    Trade(name="sms.tsv", title="Text messages, spam or not", write=_sms,
          remark="A label, a tab, a text; no names of columns, and quotation marks that are text."),
    Trade(name="passages.json", title="Questions about passages", write=_passages,
          remark="Three levels deep: the rows are the questions, and the passage stands two levels above them."),
    Trade(name="chats.json", title="Conversations", write=_chats,
          remark="`from` and `value`; some conversations have an answer before the last one."),
    Trade(name="instructions.json", title="Instructions", write=_instructions,
          remark="`instruction`, `input`, `output`, all in one line."),
    Trade(name="thumbs.jsonl", title="Thumbs up and down", write=_thumbs,
          remark="Answers that are marked false are examples of what is not wanted."),
    Trade(name="tickets.csv", title="An export from a spreadsheet", write=_tickets,
          remark="A line `sep=;` above the names, two columns without any, CR LF, and not UTF-8."),
    Trade(name="intents.json", title="A chatbot's intents", write=_intents,
          remark="Each pattern is a question, and its tag the answer."),
    Trade(name="reviews.csv", title="Reviews with stars", write=_reviews,
          remark="The stars are the judgement; ids are no answers, and the headline is part of the review."),
    Trade(name="phrases.tsv", title="Sentences in two languages", write=_phrases,
          remark="Two columns of text and nothing else."),
    Trade(name="calls.jsonl", title="A log of tool calls", write=_calls,
          remark="Each conversation goes on behind the call, with the tool's result and what was said of it."),
    Trade(name="topics.csv", title="Several labels at once", write=_topics,
          remark="A column of 0 and 1 for each label."),
    Trade(name="headlines.csv", title="A table without names", write=_headlines,
          remark="A number that stands for a class, a title and a text."),
)  # fmt: skip


def section(trade: Trade, folder: Path) -> str:
    """The page's part on one file, as `rung init` reads it now. `folder` is empty, and the working directory."""
    (folder / trade.name).write_bytes(trade.content())
    return "\n".join(
        [
            f"## {trade.title}\n",
            f"{trade.remark}\n",
            "```text",
            *_first_lines(trade.content()),
            "```\n",
            f"`rung init {trade.name}`\n",
            "```text",
            *_said(trade.name, folder),
            "```\n",
            "```yaml",
            *_written(folder / "task.yaml"),
            "```\n",
        ]
    )


def _first_lines(content: bytes) -> list[str]:
    lines = content.decode("utf-8", "replace").splitlines()[:SHOWN_LINES]
    return [line if len(line) <= SHOWN_CHARS else f"{line[:SHOWN_CHARS]}..." for line in lines]


def _said(name: str, folder: Path) -> list[str]:
    """What is said of the file, up to what the test split can prove."""
    from click.testing import CliRunner

    from rung.cli.app import commands

    result = CliRunner().invoke(commands, ["init", name, "--out", "task.yaml"], catch_exceptions=False)
    if result.exit_code:
        raise ValueError(f"rung init {name} ended with {result.exit_code}: {result.output}")
    lines = [line for line in result.stdout.splitlines() if not line.startswith(("Looking at", "Trying the task"))]
    end = next(at for at, line in enumerate(lines) if not line.strip())
    return [part for line in lines[:end] for part in textwrap.wrap(line, WIDTH, subsequent_indent="  ")]


def _written(path: Path) -> list[str]:
    """What the task file says, without its comments and what is the same for all."""
    import yaml

    from rung.task.yaml12 import Loader, write_yaml

    task = yaml.load(path.read_text("utf-8"), Loader=Loader)
    kept = {key: task[key] for key in ("instruction", "data", "quality")}
    return write_yaml(kept).rstrip("\n").split("\n")
