"""What a person can ask for, as functions.

The module of a verb opens with its command, such as `luban fit`. What verbs are made of stands in the others, a thought
in each, and their first lines say which. A fit goes through them in the order that `making` has.
"""
