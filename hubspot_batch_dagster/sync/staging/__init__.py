"""The rows of a run on disk, in DuckDB."""
