"""Settings, URLs and the WSGI entry of the control plane."""
