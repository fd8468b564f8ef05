"""HubSpot's associations: what they mean, how they are found by key, and how they are written."""
