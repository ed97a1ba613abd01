"""The words of a question in, what they wish for out: kinds of answers, names, options, languages."""
