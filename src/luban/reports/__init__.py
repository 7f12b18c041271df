"""Views of the evidence: card, page, terminal."""
