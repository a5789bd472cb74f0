"""The steps that made the database what it is, one a file: only ever added to, since each home remembers which it has had."""
