"""Values without I/O: batches, packed batches, journal entries."""
