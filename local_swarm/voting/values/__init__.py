"""A reply and its question in, the value that it names out, in a form that is equal for equal values."""
