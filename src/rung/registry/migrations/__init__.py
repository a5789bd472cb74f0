"""The steps that made the database what it is, one a file, numbered: only ever added to, since homes remember which they have had."""
