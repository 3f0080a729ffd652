"""Pure engines: values in, values out. No clock, disk, socket, environment or randomness."""
