"""What becomes of each row, decided before anything is sent."""
