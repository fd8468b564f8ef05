"""What became of what a sync wrote: its records and associations are read, and marked for the next run."""
