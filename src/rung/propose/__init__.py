"""`rung init`: looks at a data file, proposes how it could be scored and asked for, and writes its task file."""
