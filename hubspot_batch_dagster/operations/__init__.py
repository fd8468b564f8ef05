"""What the user asks for: the operations, and the associations of records."""
