"""Made-up tables, one module each. Every module has ``ROWS``, ``DIRT``, ``SCHEMA`` and ``table()``."""
