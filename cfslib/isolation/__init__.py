"""isolation: the walls of a container, one file a wall."""
