"""runtime: the life of one container."""
