"""Base templates, stylesheet, charts as pure functions, sign-in."""
