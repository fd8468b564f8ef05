"""The mark of the end-to-end tests: `pytest -m "not e2e"` leaves them out."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "e2e: a whole deployment on this machine, with dagster dev")
