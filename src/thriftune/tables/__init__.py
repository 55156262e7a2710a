"""Lessons as other tools keep them: rows with `prompt`, `dsl`, `rationale`.

rows    one row: its columns, by any of their names, or a fault that names file, row and column
read    CSV, JSONL, Parquet, Hugging Face dataset folders → rows
write   rows → the same
arrow   the two formats that need pyarrow
"""
