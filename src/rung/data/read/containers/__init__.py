"""What holds rows or files of rows, a file a kind: archives, workbooks, databases, folders."""
