"""Well-known small functions that people try first: how they are asked for and their code. Learned by heart."""

from __future__ import annotations

# Tables: one row, one line.
# fmt: off

# (name, argument list, ways to ask, code)
SPECIALS: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("is_prime", "n", ("checks whether a number is prime", "returns True if n is a prime number", "tests if n is prime"),
     "if n < 2:\n    return False\nfor i in range(2, int(n ** 0.5) + 1):\n    if n % i == 0:\n        return False\nreturn True"),
    ("factorial", "n", ("computes the factorial of n", "returns the factorial of a number", "calculates n factorial"),
     "result = 1\nfor i in range(2, n + 1):\n    result *= i\nreturn result"),
    ("fibonacci", "n", ("returns the nth Fibonacci number", "computes the n-th fibonacci number", "calculates fibonacci numbers"),
     "a, b = 0, 1\nfor _ in range(n):\n    a, b = b, a + b\nreturn a"),
    ("gcd", "a, b", ("computes the greatest common divisor of a and b", "returns the gcd of two numbers"),
     "while b:\n    a, b = b, a % b\nreturn a"),
    ("is_palindrome", "text", ("checks whether a string is a palindrome", "returns True if the text is a palindrome", "tests if a word is a palindrome"),
     "return text == text[::-1]"),
    ("reverse", "text", ("reverses a string", "returns the string reversed", "returns the text backwards"),
     "return text[::-1]"),
    ("fizzbuzz", "n", ("returns the FizzBuzz list up to n", "plays fizzbuzz from 1 to n", "solves FizzBuzz"),
     "result = []\nfor i in range(1, n + 1):\n    word = 'Fizz' * (i % 3 == 0) + 'Buzz' * (i % 5 == 0)\n    result.append(word or str(i))\nreturn result"),
    ("to_fahrenheit", "celsius", ("converts Celsius to Fahrenheit", "converts a temperature from Celsius to Fahrenheit"),
     "return celsius * 9 / 5 + 32"),
    ("to_celsius", "fahrenheit", ("converts Fahrenheit to Celsius", "converts a temperature from Fahrenheit to Celsius"),
     "return (fahrenheit - 32) * 5 / 9"),
    ("hello", "name", ("greets somebody by name", "says hello to a name", "returns a greeting for a name"),
     "return f'Hello, {name}!'"),
    ("word_count", "text", ("counts how often each word occurs in a text", "returns a dictionary of word counts", "counts the words in a text by word"),
     "counts = {}\nfor word in text.split():\n    counts[word] = counts.get(word, 0) + 1\nreturn counts"),
    ("flatten", "lists", ("flattens a list of lists", "turns a list of lists into one list"),
     "return [item for inner in lists for item in inner]"),
    ("merge", "a, b", ("merges two dictionaries", "combines two dicts into one"),
     "return {**a, **b}"),
    ("clamp", "value, low, high", ("limits a value to the range from low to high", "clamps a number between low and high"),
     "return max(low, min(value, high))"),
    ("is_leap_year", "year", ("checks whether a year is a leap year", "returns True for leap years"),
     "return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)"),
    ("digit_sum", "n", ("returns the sum of the digits of n", "adds up the digits of a number"),
     "return sum(int(digit) for digit in str(abs(n)))"),
    ("is_anagram", "a, b", ("checks whether two words are anagrams", "returns True if a and b are anagrams"),
     "return sorted(a) == sorted(b)"),
    ("binary_search", "numbers, target", ("finds a target in a sorted list by binary search", "does a binary search and returns the index or -1"),
     "low, high = 0, len(numbers) - 1\nwhile low <= high:\n    middle = (low + high) // 2\n    if numbers[middle] == target:\n        return middle\n    if numbers[middle] < target:\n        low = middle + 1\n    else:\n        high = middle - 1\nreturn -1"),
    ("second_largest", "numbers", ("returns the second largest number of a list", "finds the second largest distinct value"),
     "values = sorted(set(numbers))\nreturn values[-2] if len(values) > 1 else None"),
    ("add", "a, b", ("adds two numbers", "returns the sum of two numbers"), "return a + b"),
)
