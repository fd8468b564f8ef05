"""Arrow in, Arrow out: any frame as record batches, its columns as HubSpot property text, its bad rows apart."""
