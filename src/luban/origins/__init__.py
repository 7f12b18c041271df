"""Models that others have trained, as places to begin from: found by name, read as data, told by their content.

    naming   from a name to a folder: a folder on disk, a sample, later the hub
    layout   what lies in a folder as the library `transformers` writes it, checked
    configs  which architectures are built, within which sizes, and the building itself
    pictures, inverted_residuals  the same of networks of images, whose layers are luban's own
    sounds   the same of encoders of sounds; ctranslate2, from_ctranslate2 bring the files of CTranslate2 into theirs
    causal, causal_configs  language models that continue a text, and which configs of them are taken
    gguf, from_gguf  bring the files of llama.cpp into the layout of language models
    weighing from the weights of a folder into what was built

Nothing of a folder is run. A recipe names an origin by its content, so that a bundle holds no path.
"""
