"""Draw the pictures of the notebooks and of README.md: `make pictures`."""

from tests.drawings.files import IMAGES, drawn

for name, picture in drawn().items():
    (IMAGES / name).write_text(f"{picture}\n")
