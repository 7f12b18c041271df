"""Texts: TF-IDF of words and character pieces, and byte-pair tokens for networks."""

from luban.features.text.tfidf import Text

feature = Text()
