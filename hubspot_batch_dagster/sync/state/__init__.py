"""What outlasts a run: ids tables and the journal."""
