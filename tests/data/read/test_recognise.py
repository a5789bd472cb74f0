def test_lines_in_another_encoding_are_looked_at_too(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(lines("le café est {text}@{label}").encode("latin-1"))
    found = look("a.txt", tmp_path, tmp_path).found
    assert (found.encoding, found.layout.label) == ("cp1252", "after last @")
