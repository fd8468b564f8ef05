"""A small Dagster project that gets a made-up company's tables into HubSpot.

Read ``definitions.py`` first, then ``assets/crm.py``: these two are what a project of your own needs.
``data/`` makes up the tables, with the faults that real ones have.
"""
