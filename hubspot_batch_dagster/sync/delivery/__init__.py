"""Batches on their way to HubSpot, and what is durable before and after."""
