"""Worlds of a few labels: told by their words, by their order alone, or by nothing at all."""

import random

from .prompted import CHEAP_SEARCH
from .world import Size, World, names, others

ADJECTIVES = ("small", "large", "red", "blue", "green", "old", "new", "cheap", "heavy", "light", "round", "plain")
KINDS = {
    "zeb": ("otter", "horse", "goat", "rabbit", "fox", "cow", "duck", "wolf", "sheep", "mouse", "pig", "dog"),
    "quon": ("hammer", "saw", "drill", "wrench", "shovel", "axe", "chisel", "screwdriver", "rake", "pliers", "ladder", "file"),
    "lirt": ("bread", "cheese", "soup", "rice", "apple", "cake", "pasta", "butter", "sugar", "potato", "honey", "pie"),
}
TOPICS = {
    "billing": ("invoice", "refund", "charge", "payment", "receipt", "price"),
    "shipping": ("parcel", "courier", "delivery", "address", "tracking", "van"),
    "account": ("password", "login", "username", "email", "profile", "settings"),
}


def trivial(seed: int, size: Size) -> World:
    """One word of the message tells its label."""
    draw = random.Random(f"trivial {seed}")
    rows, wanted = [], list(TOPICS)
    for name, split in zip(names(draw, size.rows), size.splits(), strict=True):
        topic = draw.choice(wanted)
        said = f"{name} has a question about the {draw.choice(ADJECTIVES)} {draw.choice(TOPICS[topic])}."
        rows.append({"input": said, "target": topic, "split": split, "wrong": others(draw, wanted, topic)})
    return World(
        name="trivial",
        cause="trivial",
        passes=("r0_linear", "r4_adapter"),
        needs="training",
        instruction=f"Which desk takes this message? Answer with one word: {', '.join(wanted)}.",
        quality={"scorer": "choice", "at_least": 0.75},
        rows=rows,
        settings=CHEAP_SEARCH,
    )


def labels(seed: int, size: Size) -> World:
    """Private codes for the kind of the thing that was sold first; a bag of words cannot tell which one that is."""
    draw = random.Random(f"labels {seed}")
    codes = list(KINDS)
    rows, seen = [], set()
    splits = list(size.splits())
    while len(rows) < size.rows:
        first, second = draw.sample(codes, 2)
        # Both things have the same kind of word on either side, so that pairs of words do not tell which is the first.
        things = [f"1 {draw.choice(ADJECTIVES)} {draw.choice(KINDS[code])} sold" for code in (first, second)]
        said = "; ".join(things)
        if said not in seen:
            seen.add(said)
            rows.append({"input": said, "target": first, "split": splits[len(rows)], "wrong": others(draw, codes, first)})
    return World(
        name="labels",
        cause="skill",
        passes=("r4_adapter",),
        needs="training",
        instruction="Two things were sold. Give our code for the first thing.",
        quality={"scorer": "choice", "at_least": 0.75},
        rows=rows,
        settings=CHEAP_SEARCH | {"r4_adapter": {"dev_rows": 60, "epochs": 3}},
    )


def noise(seed: int, size: Size) -> World:
    """Labels drawn by lot: the same message, sent again in other words, has another label. Nothing can pass."""
    draw = random.Random(f"noise {seed}")
    wanted = ["approve", "refuse"]
    rows, told = [], names(draw, size.rows)
    beliefs = {person: draw.choice(wanted) for person in told}
    ways = ("{} asks for a loan", "A loan is asked for by {}", "{} asks us for a loan", "For a loan asks {}")
    for number, split in enumerate(size.splits()):
        # Four rows a person: the same question but for its words.
        person, way = told[number // len(ways)], ways[number % len(ways)]
        label = draw.choice(wanted)
        rows.append({"input": way.format(person), "target": label, "split": split, "belief": beliefs[person]})
    return World(
        name="noise",
        cause="labels",
        passes=(),
        needs="nothing",
        instruction="Approve or refuse? Answer with one word: approve, refuse.",
        quality={"scorer": "choice", "at_least": 0.75},
        rows=rows,
        reach=0.5,
        settings=CHEAP_SEARCH,
    )
