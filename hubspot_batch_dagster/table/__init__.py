"""Arrow in, Arrow out: any frame as batches, its columns as HubSpot property text, bad rows apart."""
