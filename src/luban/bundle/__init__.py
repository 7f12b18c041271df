"""The one artefact: how a bundle is written, checked and read."""
