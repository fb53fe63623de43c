"""images: where the files at / come from."""
