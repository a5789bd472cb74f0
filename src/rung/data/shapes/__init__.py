"""Row shapes, one a file: how a row's own fields say what is asked, what is right and which tools there are.

A file that defines `convert(row) -> Parts` is a shape, and says of itself `fits(row)`, its TITLE, an EXAMPLE, the FIELDS that it
reads, and its ORDER: of several that fit a row, the lowest counts.
"""
