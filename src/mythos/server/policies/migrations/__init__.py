"""Database migrations of the app."""
