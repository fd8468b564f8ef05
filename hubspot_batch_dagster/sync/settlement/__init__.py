"""Answers back to rows: what HubSpot did, and how to find out where it did not say."""
