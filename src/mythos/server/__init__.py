"""The control plane: a Django project over the engines."""
