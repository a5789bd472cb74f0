"""The registry: content-addressed blobs and a SQLite file under RUNG_HOME, both of which only ever grow."""
