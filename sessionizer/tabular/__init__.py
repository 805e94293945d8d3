"""Exports as tables: which columns there are (`columns.py`), and how rows are written as CSV or Parquet.

The NDJSON of the export is the truth; a table is the same rows with nested values laid flat. Pure but for the writing.
"""
