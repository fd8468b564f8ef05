"""From rows to outcomes; each folder is one step of a row."""
