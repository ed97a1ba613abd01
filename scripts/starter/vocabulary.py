"""What the starter model can talk about: primitives as data, each with its code and the ways people say it.

A primitive knows nothing about sentences around it or about functions; `tasks` composes them.
In the code templates `{x}` stands for one element and `{k}` for the parameter.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Filter:
    """Keeps some elements. `noun` forms follow "the"/"all"; `clause` forms follow "a number that is"."""

    key: str
    code: str | None
    noun: tuple[str, ...]
    clause: tuple[str, ...] = ()
    parameter: str | None = None  # "number", "small" or "letter"


@dataclass(frozen=True, slots=True)
class Map:
    """Changes each element. `around` wraps a noun phrase `{np}`; `step` says it as an instruction."""

    key: str
    codes: tuple[str, ...]
    around: tuple[str, ...]
    step: str
    parameter: str | None = None
    returns: str = "same"  # "same" or "number": what a mapped element is


@dataclass(frozen=True, slots=True)
class Reduction:
    """Turns the elements into the result. `around` wraps the mapped noun phrase `{mp}`."""

    key: str
    around: tuple[str, ...]
    step: str
    takes: tuple[str, ...] = ("number", "text")
    maps: bool = True  # False: a map would change nothing, so none is combined with it
    needs_filter: bool = False
    counted: bool = False  # a small number `{j}` belongs to it


# Tables: one row, one line.
# fmt: off
NUMBER_FILTERS = (
    Filter("even", "{x} % 2 == 0", ("even {n}", "even {n}", "{n} that are even", "{n} which are even"), ("even",)),
    Filter("odd", "{x} % 2 != 0", ("odd {n}", "odd {n}", "{n} that are odd", "{n} which are odd"), ("odd",)),
    Filter("positive", "{x} > 0", ("positive {n}", "positive {n}", "{n} that are positive", "{n} greater than zero", "{n} above zero"), ("positive", "greater than zero")),
    Filter("negative", "{x} < 0", ("negative {n}", "negative {n}", "{n} that are negative", "{n} below zero", "{n} less than zero"), ("negative", "less than zero")),
    Filter("greater", "{x} > {k}", ("{n} greater than {k}", "{n} above {k}", "{n} larger than {k}", "{n} bigger than {k}", "{n} that are greater than {k}", "{n} over {k}", "{n} exceeding {k}"), ("greater than {k}", "larger than {k}", "above {k}", "bigger than {k}"), "number"),
    Filter("less", "{x} < {k}", ("{n} less than {k}", "{n} below {k}", "{n} smaller than {k}", "{n} that are less than {k}", "{n} under {k}"), ("less than {k}", "smaller than {k}", "below {k}"), "number"),
    Filter("at_least", "{x} >= {k}", ("{n} that are at least {k}", "{n} of at least {k}"), ("at least {k}",), "number"),
    Filter("at_most", "{x} <= {k}", ("{n} that are at most {k}", "{n} of at most {k}"), ("at most {k}",), "number"),
    Filter("multiple", "{x} % {k} == 0", ("multiples of {k}", "{n} divisible by {k}", "{n} that are multiples of {k}", "{n} that are divisible by {k}"), ("a multiple of {k}", "divisible by {k}"), "small"),
    Filter("not_multiple", "{x} % {k} != 0", ("{n} not divisible by {k}", "{n} that are not multiples of {k}", "{n} that are not divisible by {k}"), ("not divisible by {k}", "not a multiple of {k}"), "small"),
    Filter("nonzero", "{x} != 0", ("nonzero {n}", "{n} that are not zero", "{n} other than zero"), ("not zero",)),
    Filter("all", None, ("{n}",)),
)

NUMBER_MAPS = (
    Map("square", ("{x} * {x}", "{x} ** 2"), ("the squares of {np}", "the square of each of {np}", "{np} squared", "{np}, each squared", "the squared {bare}", "{np} after squaring each", "the square of every one of {np}"), "square each one"),
    Map("double", ("{x} * 2", "2 * {x}"), ("the doubles of {np}", "twice each of {np}", "{np} doubled", "{np}, each doubled", "the doubled {bare}", "{np} after doubling each", "the double of each of {np}"), "double each one"),
    Map("absolute", ("abs({x})",), ("the absolute values of {np}", "the absolute value of each of {np}", "the magnitudes of {np}"), "take absolute values"),
    Map("negate", ("-{x}",), ("the negatives of {np}", "the negative of each of {np}", "{np} negated", "{np}, each negated", "the negated {bare}", "{np} with the sign flipped"), "negate each one"),
    Map("cube", ("{x} ** 3", "{x} * {x} * {x}"), ("the cubes of {np}", "the cube of each of {np}", "{np} cubed", "{np}, each cubed", "the cubed {bare}", "{np} after cubing each"), "cube each one"),
    Map("plus", ("{x} + {k}",), ("{np} plus {k}", "{np} each plus {k}", "{np}, each plus {k}", "{np} with {k} added to each", "{np} increased by {k}", "{np}, each increased by {k}", "{np} after adding {k} to each", "{k} plus each of {np}"), "add {k} to each one", "small"),
    Map("minus", ("{x} - {k}",), ("{np} minus {k}", "{np} with {k} subtracted from each", "{np} decreased by {k}", "{np}, each minus {k}", "{np} after subtracting {k} from each"), "subtract {k} from each one", "small"),
    Map("times", ("{x} * {k}",), ("{np} times {k}", "{np} multiplied by {k}", "{np}, each multiplied by {k}", "{k} times each of {np}"), "multiply each one by {k}", "small"),
    Map("same", ("{x}",), ("{np}",), ""),
)

NUMBER_REDUCTIONS = (
    Reduction("sum", ("the sum of {mp}", "the sum of {mp}", "the total of {mp}", "the sum over {mp}", "the sum total of {mp}"), "add them up"),
    Reduction("largest", ("the largest of {mp}", "the maximum of {mp}", "the biggest of {mp}", "the highest of {mp}"), "take the largest"),
    Reduction("smallest", ("the smallest of {mp}", "the minimum of {mp}", "the lowest of {mp}"), "take the smallest"),
    Reduction("count", ("the number of {bare}", "the count of {bare}", "how many {bare} there are", "how many {bare} are in the list"), "count them", maps=False),
    Reduction("list", ("a list of {mp}", "the list of {mp}", "{mp}", "{mp} as a list", "a list with {mp}", "a new list of {mp}"), "collect them in a list"),
    Reduction("ascending", ("{mp} sorted", "{mp} sorted ascending", "{mp}, sorted in ascending order", "a list of {mp} in ascending order", "{mp} from smallest to largest", "{mp} in ascending order", "{mp} sorted in ascending order", "{mp} sorted from smallest to largest", "{mp} in increasing order", "a sorted list of {mp}"), "sort them in ascending order"),
    Reduction("descending", ("{mp} sorted descending", "{mp}, sorted in descending order", "a list of {mp} in descending order", "{mp} from largest to smallest", "{mp} in descending order", "{mp} sorted in descending order", "{mp} sorted from largest to smallest", "{mp} in decreasing order"), "sort them in descending order"),
    Reduction("distinct", ("the distinct values of {mp}, sorted", "the distinct values among {mp} in ascending order", "{mp} without duplicates, sorted", "the distinct {mapped}, sorted", "the unique values of {mp} as a sorted list", "a list of the distinct {mapped}", "the sorted distinct {mapped}", "the unique {mapped} in ascending order", "a sorted list of the unique {mapped}", "{mp} sorted and without duplicates"), "drop duplicates and sort"),
    Reduction("any", ("whether any number is {clause}", "whether there is a number that is {clause}", "True if any number is {clause}, otherwise False", "True if at least one number is {clause} and False otherwise", "whether the list contains a number that is {clause}", "whether any of the numbers is {clause}", "whether at least one number is {clause}", "True if there is a number that is {clause}", "whether there are any {bare}", "whether the list has any {bare}"), "check whether there is one", maps=False, needs_filter=True),
    Reduction("every", ("whether all numbers are {clause}", "whether every number is {clause}", "True if all numbers are {clause}, otherwise False", "True if every number in the list is {clause} and False otherwise"), "check whether all are", maps=False, needs_filter=True),
    Reduction("second", ("the second largest of {mp}", "the second highest of {mp}", "the second biggest of {mp}"), "take the second largest"),
    Reduction("span", ("the difference between the largest and the smallest of {mp}", "the range of {mp}", "the maximum minus the minimum of {mp}"), "subtract the smallest from the largest"),
    Reduction("top", ("the {j} largest of {mp}", "the {j} highest of {mp}, largest first", "a list of the {j} largest of {mp}"), "take the {j} largest", counted=True),
    Reduction("bottom", ("the {j} smallest of {mp}", "the {j} lowest of {mp}, smallest first", "a list of the {j} smallest of {mp}"), "take the {j} smallest", counted=True),
    Reduction("first", ("the first of {mp}", "only the first of {mp}"), "take the first"),
    Reduction("last", ("the last of {mp}", "only the last of {mp}"), "take the last"),
    Reduction("text", ("{mp} as a string separated by commas", "a comma-separated string of {mp}", "{mp} joined with commas"), "join them with commas"),
    Reduction("average", ("the average of {mp}", "the mean of {mp}"), "take the average"),
    Reduction("product", ("the product of {mp}",), "multiply them together"),
)

WORD_FILTERS = (
    Filter("longer", "len({x}) > {k}", ("{n} longer than {k} letters", "{n} longer than {k} characters", "{n} with more than {k} letters", "{n} longer than {k}"), ("longer than {k} letters", "longer than {k} characters"), "small"),
    Filter("shorter", "len({x}) < {k}", ("{n} shorter than {k} letters", "{n} shorter than {k} characters", "{n} with fewer than {k} letters", "{n} shorter than {k}"), ("shorter than {k} letters", "shorter than {k} characters"), "small"),
    Filter("length", "len({x}) == {k}", ("{n} of {k} letters", "{n} with exactly {k} letters", "{n} of length {k}"), ("{k} letters long",), "small"),
    Filter("starts", "{x}.startswith('{k}')", ("{n} starting with '{k}'", "{n} that start with '{k}'", "{n} beginning with '{k}'"), (), "letter"),
    Filter("ends", "{x}.endswith('{k}')", ("{n} ending with '{k}'", "{n} that end with '{k}'", "{n} ending in '{k}'"), (), "letter"),
    Filter("contains", "'{k}' in {x}", ("{n} containing '{k}'", "{n} that contain '{k}'", "{n} with the letter '{k}'"), (), "letter"),
    Filter("all", None, ("{n}",)),
)

WORD_MAPS = (
    Map("upper", ("{x}.upper()",), ("{np} in uppercase", "{np} in upper case", "{np} converted to uppercase", "the uppercase versions of {np}"), "turn each into uppercase"),
    Map("lower", ("{x}.lower()",), ("{np} in lowercase", "{np} in lower case", "{np} converted to lowercase"), "turn each into lowercase"),
    Map("capital", ("{x}.capitalize()",), ("{np} capitalized", "{np} with a capital first letter"), "capitalize each one"),
    Map("reverse", ("{x}[::-1]",), ("{np} reversed", "{np}, each reversed", "{np} spelled backwards"), "reverse each one"),
    Map("first", ("{x}[:1]",), ("the first letters of {np}", "the first letter of each of {np}"), "take the first letter of each"),
    Map("last", ("{x}[-1:]",), ("the last letters of {np}", "the last letter of each of {np}"), "take the last letter of each"),
    Map("size", ("len({x})",), ("the lengths of {np}", "the length of each of {np}"), "take the length of each", returns="number"),
    Map("same", ("{x}",), ("{np}",), ""),
)

WORD_REDUCTIONS = (
    Reduction("list", ("a list of {mp}", "the list of {mp}", "{mp}", "{mp} as a list"), "collect them in a list"),
    Reduction("count", ("the number of {bare}", "the count of {bare}", "how many {bare} there are"), "count them", maps=False),
    Reduction("spaced", ("{mp} joined with spaces", "{mp} joined by spaces", "a string of {mp} separated by spaces"), "join them with spaces", ("text",)),
    Reduction("commas", ("{mp} joined with commas", "{mp} joined by commas", "a string of {mp} separated by commas"), "join them with commas", ("text",)),
    Reduction("ascending", ("{mp} in alphabetical order", "{mp} sorted alphabetically", "a sorted list of {mp}"), "sort them", ("text",)),
    Reduction("descending", ("{mp} in reverse alphabetical order", "{mp} sorted in descending order"), "sort them in descending order", ("text",)),
    Reduction("longest", ("the longest of {mp}",), "take the longest", ("text",), maps=False),
    Reduction("shortest", ("the shortest of {mp}",), "take the shortest", ("text",), maps=False),
    Reduction("distinct", ("{mp} without duplicates, sorted", "the distinct values of {mp}, sorted", "the unique values of {mp} as a sorted list"), "drop duplicates and sort"),
    Reduction("sum", ("the sum of {mp}", "the total of {mp}"), "add them up", ("number",)),
    Reduction("largest", ("the largest of {mp}", "the maximum of {mp}"), "take the largest", ("number",)),
    Reduction("smallest", ("the smallest of {mp}", "the minimum of {mp}"), "take the smallest", ("number",)),
    Reduction("any", ("whether there are any {bare}", "True if there are {bare}, otherwise False", "whether the list has any {bare}"), "check whether there is one", maps=False, needs_filter=True),
)

KEY_FILTERS = (
    Filter("key_starts", "{key}.startswith('{k}')", ("{n} whose key starts with '{k}'", "{n} with keys starting with '{k}'"), (), "letter"),
    Filter("key_longer", "len({key}) > {k}", ("{n} whose key is longer than {k} letters", "{n} with keys longer than {k} characters"), (), "small"),
)

ENTRY_REDUCTIONS = (
    Reduction("dict", ("a dictionary of {entries}", "a new dictionary with {entries}", "a dict with {entries}"), "collect them in a dictionary"),
    Reduction("sum", ("the sum of {mp}", "the total of {mp}"), "add up the values"),
    Reduction("largest", ("the largest of {mp}", "the maximum of {mp}"), "take the largest value"),
    Reduction("smallest", ("the smallest of {mp}", "the minimum of {mp}"), "take the smallest value"),
    Reduction("count", ("the number of {bare_entries}", "how many {bare_entries} there are"), "count them", maps=False),
    Reduction("values", ("a list of {mp}", "{mp} as a list"), "collect the values in a list"),
    Reduction("keys", ("the keys of {entries}", "a list of the keys of {entries}"), "collect the keys in a list", maps=False),
    Reduction("sorted_keys", ("the sorted keys of {entries}", "the keys of {entries} in alphabetical order"), "sort the keys", maps=False),
    Reduction("best_key", ("the key with the largest value among {entries}", "the key with the highest value among {entries}"), "take the key with the largest value", maps=False),
    Reduction("swapped", ("a dictionary with keys and values swapped for {entries}", "{entries} with keys and values swapped"), "swap keys and values", maps=False),
    Reduction("any", ("whether there are any {bare_entries}", "True if there are {bare_entries}, otherwise False"), "check whether there is one", maps=False, needs_filter=True),
)

CHARACTER_FILTERS = (
    Filter("vowels", "{x}.lower() in 'aeiou'", ("vowels",)),
    Filter("consonants", "{x}.isalpha() and {x}.lower() not in 'aeiou'", ("consonants",)),
    Filter("digits", "{x}.isdigit()", ("digits",)),
    Filter("letters", "{x}.isalpha()", ("letters",)),
    Filter("upper", "{x}.isupper()", ("uppercase letters", "capital letters")),
    Filter("lower", "{x}.islower()", ("lowercase letters",)),
    Filter("spaces", "{x} == ' '", ("spaces",)),
    Filter("nonspaces", "{x} != ' '", ("characters that are not spaces", "non-space characters")),
    Filter("letter", "{x} == '{k}'", ("'{k}' characters", "occurrences of '{k}'"), (), "letter"),
    Filter("all", None, ("characters",)),
)

CHARACTER_MAPS = (
    Map("upper", ("{x}.upper()",), ("{np} in uppercase", "{np} converted to uppercase"), "turn each into uppercase"),
    Map("lower", ("{x}.lower()",), ("{np} in lowercase", "{np} converted to lowercase"), "turn each into lowercase"),
    Map("twice", ("{x} * 2",), ("{np}, each repeated twice", "{np} doubled"), "write each one twice"),
    Map("same", ("{x}",), ("{np}",), ""),
)

CHARACTER_REDUCTIONS = (
    Reduction("count", ("the number of {bare} in the text", "how many {bare} the text has", "how many {bare} there are"), "count them", maps=False),
    Reduction("string", ("a string of {mp}", "{mp} as a string", "the text with only {mp}"), "join them into a string"),
    Reduction("list", ("a list of {mp}", "{mp} as a list"), "collect them in a list"),
    Reduction("distinct", ("the distinct values of {mp}, sorted", "{mp} without duplicates, sorted"), "drop duplicates and sort"),
    Reduction("reversed", ("{mp} in reverse order as a string", "a string of {mp} in reverse order"), "join them backwards"),
    Reduction("any", ("whether there are any {bare}", "whether the text has any {bare}", "True if the text has {bare}, otherwise False"), "check whether there is one", maps=False, needs_filter=True),
)

PAIR_OPERATIONS = (
    ("sum", "a + b", ("the sum of a and b", "a plus b")),
    ("difference", "a - b", ("the difference of a and b", "a minus b")),
    ("product", "a * b", ("the product of a and b", "a times b")),
    ("larger", "max(a, b)", ("the larger of a and b", "the maximum of a and b")),
    ("smaller", "min(a, b)", ("the smaller of a and b", "the minimum of a and b")),
    ("remainder", "a % b", ("the remainder of a divided by b", "a modulo b")),
)

PAIR_MAPS = (
    ("square", "({x}) ** 2", "the square of {np}"),
    ("double", "2 * ({x})", "twice {np}"),
    ("absolute", "abs({x})", "the absolute value of {np}"),
    ("negate", "-({x})", "the negative of {np}"),
    ("plus", "{x} + {k}", "{np}, plus {k}"),
    ("even", "({x}) % 2 == 0", "whether {np} is even"),
    ("positive", "{x} > 0", "whether {np} is positive"),
    ("same", "{x}", "{np}"),
)
