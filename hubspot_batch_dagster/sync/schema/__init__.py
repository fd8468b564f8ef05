"""What the portal says of an object type, and what follows for the columns of a table."""
