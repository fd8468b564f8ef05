"""A thread that ends before its work is done, as on a host without room for threads, ends the run and is not waited for."""

from __future__ import annotations

import concurrent.futures.thread as pools

import pytest
from bench.sync_bench import COMPANIES, Bench, firms

from hubspot_batch_dagster.sync.staging import staging_area


def test_a_thread_that_dies_at_its_start_is_not_waited_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging_area, "LOOKS_AFTER_THREADS", 0.05)
    work = pools._worker  # type: ignore[attr-defined]

    def dies(*given: object) -> None:
        if not pools.threading.current_thread().name.startswith("hubspot-encode"):  # type: ignore[attr-defined]
            work(*given)

    with monkeypatch.context() as patched:
        patched.setattr(pools, "_worker", dies)
        with pytest.raises(RuntimeError, match="ended before its work was done"):
            bench.run(firms(3), COMPANIES)
    assert bench.writes() == 0
    assert bench.run(firms(3), COMPANIES).counts["created"] == 3
