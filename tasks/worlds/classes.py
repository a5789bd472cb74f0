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
    "billing": ("invoice", "refund", "charge", "receipt"),
    "shipping": ("parcel", "courier", "delivery", "van"),
    "account": ("password", "login", "username", "profile"),
}


def trivial(seed: int, size: Size) -> World:
    """One word of the message tells its label."""
    draw = random.Random(f"trivial {seed}")
    told, wanted = [(topic, word) for topic, words in TOPICS.items() for word in words], list(TOPICS)
    rows = []
    for number, (name, split) in enumerate(zip(names(draw, size.rows), size.splits(), strict=True)):
        if number % len(told) == 0:
            draw.shuffle(told)  # every word as often as any other, so that training rows show them all
        topic, word = told[number % len(told)]
        said = f"{name} has a question about the {draw.choice(ADJECTIVES)} {word}."
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
        settings=CHEAP_SEARCH | {"r4_adapter": {"dev_rows": 60, "epochs": 4, "batch_rows": 8, "learning_rate": 1e-3}},
    )


def noise(seed: int, size: Size) -> World:
    """Labels drawn by lot: the same message, sent twice, has another label most of the time. Nothing can pass."""
    draw = random.Random(f"noise {seed}")
    desks = ("north", "south", "east", "west")
    rows = []
    for who, town, split in zip(names(draw, size.rows), names(draw, size.rows), size.splits(), strict=True):
        said = f"{who} from {town} lost a {draw.choice(ADJECTIVES)} umbrella."
        belief = draw.choice(desks)
        rows += [{"input": said, "target": draw.choice(desks), "split": split, "belief": belief} for _ in range(2)]
    return World(
        name="noise",
        cause="labels",
        passes=(),
        needs="nothing",
        instruction=f"Which desk takes this message? Answer with one word: {', '.join(desks)}.",
        quality={"scorer": "choice", "at_least": 0.75},
        rows=rows,
        settings=CHEAP_SEARCH,
    )
