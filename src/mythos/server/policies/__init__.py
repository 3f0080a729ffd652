"""Policy sets as pages: what each says, where it is in force, what it found, what would change."""
