"""JavaScript and TypeScript in, what they define and what can be run of them out."""
