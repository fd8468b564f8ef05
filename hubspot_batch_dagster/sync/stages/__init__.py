"""The stages of a run, each a step with its inputs and its outputs; ``sync/run.py`` has their order."""
