"""A value as models write it in, in Markdown, LaTeX or Unicode, one plain notation out. Pure and linear."""

from __future__ import annotations

import re
import unicodedata

FONT = r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mathit|mathsf|operatorname|mbox|bm|boldsymbol|boxed|fbox)\s*+"
FONTS = re.compile(FONT + r"\{([^{}]*+)\}|" + FONT + r"(?=\{)|\\(?:rm|bf)\b")
SIZES = re.compile(r"\\(?:left|right|big|Big|bigg|Bigg|displaystyle|limits|quad|qquad)(?![A-Za-z])|(?<!\\)\\[,;:!> ]|~")
DOLLARS = re.compile(r"\\\(|\\\)|\\\[|\\\]|\$\$")
PAIRED = re.compile(r"(?<![\\\w$])\$(?!\s)([^$\n]++)(?<!\s)\$(?!\d)")
FRACTION = re.compile(r"\\[dtc]?frac(?![a-zA-Z])")
SIGNS = {
    r"\%": "%",
    r"\$": "$",
    r"\{": "⟨",
    r"\}": "⟩",
    r"\lbrace": "⟨",
    r"\rbrace": "⟩",
    r"\#": "#",
    r"\&": "&",
    r"\_": "_",
    "{,}": ",",
    "^{\\circ}": "°",
    "^\\circ": "°",
    "\\degree": "°",
    "\\pm": "±",
    "+/-": "±",
    "\\infty": "∞",
    "\\times": "×",
    "\\cdot": "·",
    "\\emptyset": "∅",
    "\\varnothing": "∅",
    "\\leq": "<=",
    "\\geq": ">=",
    "\\neq": "≠",
    "\\le": "<=",
    "\\ge": ">=",
    "\\div": "÷",
    "\\cup": "∪",
    "\\in": "∈",
    "\\pi": "π",
    "\\sqrt": "√",
    "\\to": "→",
    "\\approx": "≈",
    "\\euro": "€",
    "\\pounds": "£",
}
COMMANDS = re.compile("|".join(re.escape(sign) + ("(?![A-Za-z])" if sign[-1].isalpha() else "") for sign in SIGNS))
NAMES = re.compile(
    r"\\(log|ln|lg|exp|sin|cos|tan|cot|sec|csc|arcsin|arccos|arctan|sinh|cosh|tanh|min|max|gcd|mod)(?![A-Za-z])\s?"
)
DASHES = str.maketrans("−–—‐‑‒﹣－", "-" * 8)
POWERS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
POWER = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺]++")
VULGAR = re.compile(r"(\d?)\s?([¼-¾⅐-⅞])")
EMPHASIS = re.compile(r"\*\*|__|`|(?<![\w*])\*(?=[^\s*])|(?<=[^\s*])\*(?![\w*(])")
BLANKS = re.compile(r"\s++")
ONE = re.compile(r"\s*+(\\?[A-Za-z]++|.)", re.DOTALL)
SPELLED = re.compile(r"(?<![A-Za-z])([A-Za-z])(?![A-Za-z])")
MOST_FRACTIONS = 40


def plain_notation(text: str) -> str:
    """Without dollars, fonts, emphasis and spacing; fractions as `(a)/(b)`, digits and dashes as ASCII has them; what
    stood in escaped braces within ⟨ and ⟩, since other braces only group."""
    text = PAIRED.sub(r"\1", DOLLARS.sub("", text))
    text = SIZES.sub(" ", EMPHASIS.sub("", text))
    text = NAMES.sub(r"\1 ", text)
    text = COMMANDS.sub(lambda found: SIGNS[found[0]], FONTS.sub(lambda found: found[1] or "", text))
    text = fractions(POWER.sub(lambda found: "^" + found[0].translate(POWERS), text))
    text = VULGAR.sub(lambda found: f"{found[1]} {unicodedata.normalize('NFKC', found[2])}", text)
    text = "".join(map(as_ascii, text.translate(DASHES))).replace("⁄", "/")
    return BLANKS.sub(" ", text).strip()


def as_ascii(sign: str) -> str:
    if sign.isascii():
        return sign
    if sign == "\u066b":
        return "."
    if sign == "\u066c":
        return ","
    digit = unicodedata.digit(sign, None) if sign.isdigit() else None
    return str(digit) if digit is not None else unicodedata.normalize("NFKC", sign)


def fractions(text: str) -> str:
    r"""`\frac{a}{b}` and `\frac12` as `(a)/(b)`, the innermost first; a whole number before them stays apart."""
    for _ in range(MOST_FRACTIONS):
        at = next(
            (found for found in [text.rfind("\\frac"), text.rfind("\\dfrac"), text.rfind("\\tfrac")] if found >= 0), -1
        )
        head = FRACTION.match(text, at) if at >= 0 else None
        if not head:
            break
        above, middle = group(text, head.end())
        below, end = group(text, middle)
        apart = " " if text[:at].rstrip()[-1:].isdigit() else ""
        text = f"{text[:at]}{apart}({above})/({below}){text[end:]}"
    return text


def group(text: str, at: int) -> tuple[str, int]:
    """What a command takes at a place: a group in braces or one sign."""
    while text[at : at + 1] == " ":
        at += 1
    if text[at : at + 1] == "{":
        end = closing_brace(text, at)
        return text[at + 1 : end - 1], end
    found = ONE.match(text, at)
    return (
        (found[1][:1] if found[1][0] != "\\" else found[1], at + (1 if found[1][0] != "\\" else len(found[1])))
        if found
        else ("", at)
    )


def closing_brace(text: str, opening: int) -> int:
    """The place after the brace that closes the one there; the end of the text where none does."""
    depth, at = 0, opening
    while at < len(text):
        sign = text[at]
        if sign == "\\":
            at += 1
        elif sign in "{}":
            depth += 1 if sign == "{" else -1
            if depth == 0:
                return at + 1
        at += 1
    return len(text) + 1
