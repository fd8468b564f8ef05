"""Rows and ids table in a database: what changed is found there, and only that is moved."""
