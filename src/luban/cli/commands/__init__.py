"""One file a verb, and nothing in it but its options. A file defines `command`; its name is the verb's."""
