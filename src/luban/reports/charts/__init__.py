"""Pictures as SVG text, from numbers: pure functions, no library, no script. Colours are those of the page's style."""
