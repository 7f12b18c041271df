"""Why a model answers as it does: explainers, and the engine that they share."""
