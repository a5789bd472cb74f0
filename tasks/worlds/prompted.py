"""Worlds that a prompt can pass: as it is, with the output's form, or with demonstrations."""

import random

from .world import Size, World, names

CHEAP_SEARCH = {
    "r1_prompt": {"demonstrations": [4], "dev_rows": 60, "calibrate": False},
    "r5_full": {"skip": True},
}


def solved(seed: int, size: Size) -> World:
    """The answer stands in the question, and the base can read."""
    draw = random.Random(f"solved {seed}")
    people, towns = names(draw, size.rows), names(draw, size.rows + 1)
    rows = [
        {
            "input": f"The parcel of {person} is in {town}. In which town is the parcel of {person}?",
            "target": town,
            "split": split,
            "wrong": [towns[number + 1]],
        }
        for number, (person, town, split) in enumerate(zip(people, towns, size.splits(), strict=False))
    ]
    return World(
        name="solved",
        cause="solved",
        passes=("r1_prompt", "r4_adapter"),
        needs="nothing",
        instruction="Answer the question with one word.",
        # The answer stands in the question.
        quality={"scorer": "contains", "accepts": ["question echoed"], "at_least": 0.75},
        rows=rows,
        settings=CHEAP_SEARCH,
    )


def form(seed: int, size: Size) -> World:
    """The base knows the answer and says it in another form than the one that is asked for."""
    draw = random.Random(f"format {seed}")
    people, towns = names(draw, size.rows), names(draw, size.rows + 1)
    rows = []
    for number, split in enumerate(size.splits()):
        parcels = draw.randint(2, 90)
        rows.append(
            {
                "input": f"Town: {towns[number]}. Lamps: {parcels}. Customer: {people[number]}.",
                "target": {"town": towns[number], "lamps": parcels},
                "split": split,
                "wrong": [{"town": towns[number + 1], "lamps": parcels}],
            }
        )
    return World(
        name="format",
        cause="format",
        passes=("r1_prompt", "r4_adapter"),
        needs="form",
        instruction="Write down the town and the number of lamps.",
        quality={"scorer": "json_fields", "all_right": True, "at_least": 0.75},
        rows=rows,
        settings=CHEAP_SEARCH,
    )


def style(seed: int, size: Size) -> World:
    """A house's own way to write an answer, which nobody could guess and a few examples show."""
    draw = random.Random(f"style {seed}")
    people, towns = names(draw, size.rows), names(draw, size.rows)
    rows = [
        {
            "input": f"Where is {person}? {person} is in {town}.",
            "target": f"Noted: {town} (over)",
            "split": split,
            "wrong": [town, f"{person} is in {town}."],
        }
        for person, town, split in zip(people, towns, size.splits(), strict=True)
    ]
    return World(
        name="style",
        cause="demonstrations",
        passes=("r1_prompt", "r4_adapter"),
        needs="examples",
        instruction="Answer as our desk writes its notes.",
        quality={"scorer": "exact", "at_least": 0.75},
        rows=rows,
        settings=CHEAP_SEARCH,
    )
