"""Made-up tables, one module each. Every module has ``ROWS``, ``FAULTS``, ``SCHEMA`` and ``table()``."""
