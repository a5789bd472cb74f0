"""The ladder: `ls` of this folder. Each file builds a Candidate from a Task and the rung below.

A rung's file has a docstring whose first line is its help, and

    ORDER       its place in the ladder, a number: the cheapest is tried first; those of one ORDER by name
    TITLE       its name in reports
    UNDO        how to take it back once it is shipped
    MENDS       the causes (`rung.rungs.causes`) that it mends, the cheapest first; none, where left out
    Config      a pydantic model of its settings (`rungs: {r4_adapter: {...}}` in the task file); unknown keys are errors
    applies(task) -> str                      "" if it applies, else the reason why not
    foresee(task, parent, context) -> Foreseen    what building it will ask (`rung.rungs.asks`), said without asking anything
    build(task, parent, context) -> Candidate     the frozen Candidate; may measure on dev as often as it likes, never on test

and, where it is otherwise than said here:

    BY_REQUEST = False      True where no climb speaks of it unless the task gives it settings
    CHEAP = False           True where it is tried before it is asked what is missing
    LEARNS = False          True where it trains on rows, so that `rung forecast` can draw its learning curve
    NEEDS_WEIGHTS = False   True where it does not apply to a base whose weights are not here
    STACKS = True           False where it neither builds on a rung below nor can be built on
    propose(rows, classes, pace) -> settings    what `rung init` writes into a task file for it; left out, or {}, nothing
"""
