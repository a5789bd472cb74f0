"""Worlds whose answers no model can have learnt: they stand in documents, or a tool gives them."""

import random

from .prompted import CHEAP_SEARCH
from .world import Size, World, names, others

ANIMALS = ("otter", "horse", "goat", "rabbit", "fox", "duck", "wolf", "eagle")
COLOURS = ("red", "blue", "green", "yellow", "black", "white", "orange", "purple")
ONE_PASSAGE = {"modes": ["lexical"], "chunk_chars": [400], "passages": [1, 2], "forms": ["question_last", "question_first"]}

TOOLS = '''"""The weights of parcels, as the scale at the gate has them."""

WEIGHTS = {weights}


def weight(parcel: int) -> int:
    """The weight of a parcel in grams.

    Consequence: read
    """
    return WEIGHTS[parcel]
'''


def facts(seed: int, size: Size) -> World:
    """Invented facts, one document each; every fact is asked for in one split only."""
    draw = random.Random(f"facts {seed}")
    rows, documents = [], {}
    for town, split in zip(names(draw, size.rows), size.splits(), strict=True):
        animal = draw.choice(ANIMALS)
        evidence = f"The flag of {town} shows a picture of the animal {animal}."
        documents[f"{town.lower()}.md"] = f"# {town}\n\n{evidence}\n"
        rows.append(
            {
                "input": f"Which animal does the flag of {town} show?",
                "target": animal,
                "split": split,
                "gold": [f"{town.lower()}.md"],
                "wrong": others(draw, ANIMALS, animal),
                "evidence": evidence,
            }
        )
    return World(
        name="facts",
        cause="knowledge",
        passes=("r2_retrieve",),
        needs="document",
        instruction="Answer the question with one word.",
        quality={"scorer": "contains", "accepts": ["all choices named"], "at_least": 0.75},
        rows=rows,
        documents=documents,
        settings=CHEAP_SEARCH | {"r2_retrieve": ONE_PASSAGE | {"dev_rows": 60}},
    )


def weekly(seed: int, size: Size) -> World:
    """Facts that change every week: the training rows hold last week's, the documents this week's."""
    draw = random.Random(f"weekly {seed}")
    ships = names(draw, size.dev + size.test)
    rows, documents = [], {}
    for number, split in enumerate(size.splits()):
        week = 41 if split == "train" else 42
        ship = ships[number % len(ships) if split == "train" else number - size.train]
        colour = draw.choice(COLOURS)
        evidence = f"In week {week} the ship {ship} is at the {colour} dock."
        if week == 42:
            documents[f"{ship.lower()}.md"] = f"# {ship}\n\n{evidence}\n"
        rows.append(
            {
                "input": f"Week {week}: at which dock is the ship {ship}?",
                "target": colour,
                "split": split,
                "gold": [f"{ship.lower()}.md"],
                "wrong": others(draw, COLOURS, colour),
                "evidence": evidence,
            }
        )
    return World(
        name="weekly",
        cause="knowledge",
        passes=("r2_retrieve",),
        needs="document",
        instruction="Answer the question with one word.",
        quality={"scorer": "contains", "accepts": ["all choices named"], "at_least": 0.75},
        rows=rows,
        documents=documents,
        settings=CHEAP_SEARCH | {"r2_retrieve": ONE_PASSAGE | {"dev_rows": 60}},
    )


def tool(seed: int, size: Size) -> World:
    """Numbers that only a tool gives; each is asked for in one split only."""
    draw = random.Random(f"tool {seed}")
    parcels = draw.sample(range(1000, 10000), size.rows)
    weights = {parcel: draw.randint(100, 999) for parcel in parcels}
    rows = [
        {
            "input": f"What does parcel {parcel} weigh?",
            "target": weights[parcel],
            "split": split,
            "calls": [{"name": "weight", "arguments": {"parcel": parcel}}],
            "wrong": [draw.randint(100, 999)],
            "evidence": str(weights[parcel]),
        }
        for parcel, split in zip(parcels, size.splits(), strict=True)
    ]
    return World(
        name="tool",
        cause="tool",
        passes=("r3_tools",),
        needs="tool",
        instruction="Answer the question with a whole number of grams.",
        quality={"scorer": "numeric", "at_least": 0.75},
        rows=rows,
        tools=TOOLS.format(weights=weights),
        settings=CHEAP_SEARCH | {"r3_tools": {"steps": 1, "demonstrations": [2], "dev_rows": 60}},
    )
