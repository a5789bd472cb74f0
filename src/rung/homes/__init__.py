"""Homes as a whole: what lies where, whether it is sound, what is cleared away, and how two of them meet."""
