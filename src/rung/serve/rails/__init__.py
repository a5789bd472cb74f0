"""What a task says of its answers, held to on the line: checks, caps, and calls that wait for a person."""
