"""The requests of a sync: sending, reading, repeating, stopping."""
