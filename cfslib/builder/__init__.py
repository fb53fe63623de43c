"""builder: images made from a Dockerfile, each RUN in a container."""
