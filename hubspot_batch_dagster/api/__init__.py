"""HubSpot's API: endpoints, bodies, errors, credentials and the client that joins them.

No Dagster, no pandas, no Arrow. Import what you need from the module that owns it: this package imports
nothing by itself, so looking at one noun does not load the others.
"""
