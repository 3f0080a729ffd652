"""Policy sets against a workflow: which of its steps can ever be taken, and can it finish."""
