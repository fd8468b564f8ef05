"""Credentials: access tokens and OAuth."""
