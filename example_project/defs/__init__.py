"""Assets that are written down in YAML."""
