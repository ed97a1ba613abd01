"""Sentences in, whether they ask for a number, yes or no, a fact in a word or two, or for prose out. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from local_swarm.voting.asking.sentences import Sentence, any_of, words_of

MEASURES = words_of(
    "total sum number average mean median product quotient remainder cost price value percent percentage age length distance"
    " amount profit probability area volume ratio perimeter circumference speed height width weight mass temperature"
    " population count square cube root logarithm factorial determinant radius diameter angle gcd lcm fraction increase"
    " decrease chance odds score balance salary discount interest"
)
BETWEEN_WHAT = words_of("of for in that when if to between which where with from is and or by on at")
AMOUNTS = words_of("old long far tall fast big large high deep heavy wide")
ASKING = (
    "what is",
    "what was",
    "what are",
    "what will",
    "what were",
    "what's the",
    "find the",
    "give the",
    "determine the",
)
ORDERS = words_of("calculate compute berechne berechnen calcule calculez calculer calcula calcular calcola")
SUMS = re.compile(r"[\d(√∫∑\\$]|\b(?:integral|limit|sum|expression|determinant|product|derivative)\b")
HASHES = words_of("sha hash checksum md5 digest closure hashes crc path")
HOW_MANY = any_of(
    [
        r"\bhow (?:many|much)\b|\bwhat (?:percentage|percent|fraction|proportion) of\b",
        r"\b(?:wie ?viele?|combien|cu[aá]nt[oa]s?|quant[ieoa]s?)\b",
        r"多少|[几幾](?:个|個|只|天|人|次|种|年|本|条|张|块|岁)|いくつ|何[個人本枚回]|كم ",
    ]
)
ONLY_NUMBER = any_of(
    [
        r"\b(?:answer|respond|reply|output|return|give|state|write|provide|end|finish)\b[^.?!\n]{0,40}?"
        r"\b(?:number|integer|numeric|digits?|numerical)\b",
        r"\b(?:antworte|gib|réponds|répondez|donne|responde|da)\b[^.?!\n]{0,40}?\b(?:zahl|nombre|chiffre|número)\b",
    ]
)
DIFFERENCE = re.compile(r"\bdifference\s+between\b")
NUMERIC_PAIR = re.compile(r"\bdifference\s+between\s+(?:the )?[-−+$€£]?\d[\d.,]*+\S*+\s+and\s+[-−+$€£]?\d")
MEASURED = any_of(
    [
        r"\b(?:cost|price|age|height|weight|speed|temperature|score|distance|salary|profit|time)s? difference\b",
        r"\bdifference between (?:the (?:two|largest|smallest|sum|number|total|oldest|highest)|their|his|her)\b",
        r"\bdifference between the (?:\w+ ){0,2}(?:ages|prices|costs|heights|weights|totals|numbers|amounts|averages|scores)\b",
    ]
)
WHAT_IS_SUM = re.compile(
    r"\b(?:what is|what's|what does|how much is|was ist|cuánto es|combien font)\s+[-−+(√]?\s*+[$€£]?\\?[\d(][^?]{0,200}"
)
OPERATION = re.compile(r"[-+*/×÷^%=−]|\b(?:plus|minus|times|divided|mod|percent|squared|cubed|of|power)\b")
YES_NO = any_of(
    [
        r"\b(?:yes\s*(?:or|/)\s*no|true\s*(?:or|/)\s*false|t/f|y/n)\b",
        r"\b(?:ja oder nein|wahr oder falsch|oui ou non|vrai ou faux|s[ií] o no|verdadero o falso|vero o falso|sim ou não)\b",
        "是否|对还是错|是还是不是|はいかいいえ",
    ]
)
WHETHER = words_of(
    "is are was were am does do did has have had can could will would should may might must isn't aren't doesn't don't"
    " ist sind hat haben kann können darf est-ce es está 是否"
)
PRAISES = words_of(
    "good bad better worse best worth ok okay fine recommended safe wise advisable any way possible there"
)
SHORT_WORD = any_of(
    [
        r"\bin (?:exactly )?(?:a|one|a single|two|three|1|2|3) words?\b",
        r"\b(?:single word|one[- ]word|only the name|just the name)\b",
        r"\b(?:answer|reply|respond) (?:briefly|shortly|concisely)\b",
        r"\b(?:nur (?:ein|mit einem) wort|en un mot|en una palabra)\b",
    ]
)
COURTESY = r"^(?:and |so |then |tell me |please |can you tell me |¿)*+"
FACT = any_of(
    [
        COURTESY + r"(?:who (?!should|would|can|could|do |does )\w|whose |whom )",
        COURTESY + r"when (?:is|was|did|were|does)(?! (?:it|i|you|we|one|should|to)\b)",
        COURTESY + r"(?:in|on|at|during|to|from|by) (?:which|what) \w",
        COURTESY + r"where (?:is|was|did|are|were) (?!i |my |the best)",
        COURTESY
        + r"(?:which|what) (?:year|date|day|city|country|planet|element|colou?r|language|continent|river|ocean|animal"
        r"|person|author|month|word|letter|state|president|company|team|metal|gas|organ|currency|protocol|port|time|name)\b",
        COURTESY
        + r"(?:what|which)(?: is|'s| was| are) (?:the )?(?:full |official |first |last |current |common |chemical "
        r"|atomic |default |time )?(?:name|capital|author|symbol|formula|currency|largest|smallest|highest|longest|tallest"
        r"|deepest|oldest|biggest|fastest|language|inventor|birthplace|opposite|plural|past tense|synonym|antonym"
        r"|abbreviation|colou?r|port|date|day|address|complexity|answer|output|nationality|title|dimensions)\b",
        COURTESY + r"(?:name (?:the|a|an|one)|find (?:all|the|x|both)) ",
        COURTESY + r"(?:expand|simplify|factor|factori[sz]e|differentiate|integrate|solve)\b[^?]*[\d=^]",
        COURTESY + r"(?:was|welche[sr]?|wie) (?:ist|heißt|war) (?:die|der|das)?\s?(?:hauptstadt|name|symbol|\w*stadt)",
        COURTESY
        + r"(?:wer (?:hat|ist|war|schrieb|malte)|wann (?:war|ist|wurde|begann|fiel|endete)|in welche[mr] |wo (?:liegt|ist))",
        COURTESY
        + r"(?:quelle est la (?:capitale|date)|quel est le (?:nom|symbole)|qui (?:a|est|était)|en quelle année)",
        COURTESY + r"(?:quién |en qué |cuál es |cuándo (?:fue|nació|terminó))",
        "首都|是谁|哪一年|哪年|誰",
    ]
)
TELLS = words_of(
    "explain describe compare discuss summarize summarise outline elaborate evaluate review critique analyze analyse argue"
    " contrast justify translate paraphrase rephrase rewrite proofread brainstorm suggest recommend advise tell teach"
    " introduce comment assess list erkläre erklären beschreibe vergleiche explique expliquez décris explica describe compara"
    " 解释 描述 比较"
)
HOW_TO = any_of(
    [
        r"^(?:please |and |so )?how (?:do|does|did|can|could|should|would|to|is|are|come|often|might|will)\b",
        r"^(?:how's|why)\b|^what (?:should|do|does|can|could|would|happens|causes|if)\b|^when (?:do|should|to|would|can|could)\b",
        r"^what (?:is|are) (?:the )?(?:\w+ ){0,2}(?:differences?|purpose|meaning|advantages?|disadvantages?|benefits?|pros|best"
        r"|point|reasons?|role|use|idea|steps|main|key|ways?|effects?)\b",
        r"^¿?(?:wie (?:kann|mache|macht|geht|soll|funktioniert|backe)|warum|wieso|comment|pourquoi|c[oó]mo|por qué|perché|come )",
        "^(?:为什么|怎么|如何|请解释)",
    ]
)
WHAT_COMES_OUT = any_of(
    [r"^what (?:does|do|will|would|is) [^?]{0,80}\b(?:prints?|printed|outputs?|returns?|displayed|evaluate to)\b"]
)
EXPLAINS_ITSELF = any_of(
    [
        r"\byour (?:reasoning|answer|work|steps|thinking|choice)\b",
        r"\b(?:step[- ]by[- ]step|briefly why|show (?:all )?(?:your )?work|explain why)\b",
    ]
)


@dataclass(frozen=True, slots=True)
class PlainWish:
    kind: str
    sure: bool


def plain_wish(said: Sequence[Sentence]) -> PlainWish | None:
    """What the strongest of the sentences asks for: a form of answer that is told in words, prose, a number, a fact."""
    text = "\n".join(one.text for one in said)
    if YES_NO.search(text) and not any(is_how_to(one) for one in said if one.asks):
        return PlainWish("yes_no", True)
    if ONLY_NUMBER.search(text):
        return PlainWish("number", True)
    kinds = [kind for one in said if (kind := kind_of(one))]
    for kind in ("prose", "number", "short"):
        if kind in kinds:
            return PlainWish(kind, kind == "prose" or any(HOW_MANY.search(one.text) for one in said))
    if SHORT_WORD.search(text):
        return PlainWish("short", True)
    asking = [one for one in said if one.asks]
    if len(asking) == 1 and asking[0] is said[-1] and is_whether(asking[0]):
        return PlainWish("yes_no", False)
    return None


def kind_of(sentence: Sentence) -> str | None:
    low = sentence.low
    if is_how_to(sentence) or tells(sentence):
        return "prose"
    if is_quantity(sentence):
        return "number"
    if (FACT.search(sentence.text) or WHAT_COMES_OUT.match(sentence.text)) and len(low) < 60:
        return "short"
    return None


def is_how_to(sentence: Sentence) -> bool:
    words = sentence.text.lower()
    if DIFFERENCE.search(words):
        return not NUMERIC_PAIR.search(words) and not MEASURED.search(words)
    return bool(HOW_TO.match(words)) and not HOW_MANY.search(words) and not WHAT_COMES_OUT.match(words)


def tells(sentence: Sentence) -> bool:
    """Whether it orders an account in words; to explain an answer beside it is another thing."""
    low = [word for word in sentence.low[:4] if word not in ("please", "can", "could", "you", "me")]
    if not low or low[0] not in TELLS or EXPLAINS_ITSELF.search(sentence.text):
        return False
    return low[0] != "evaluate" or not SUMS.search(sentence.text)


def is_quantity(sentence: Sentence) -> bool:
    words = sentence.text.lower()
    low = sentence.low
    if HOW_MANY.search(words) and not asks_about_how_many(low):
        return True
    if any(pair[0] == "how" and pair[1] in AMOUNTS for pair in pairwise(low)):
        return sentence.asks
    if NUMERIC_PAIR.search(words) or ((found := WHAT_IS_SUM.search(words)) and OPERATION.search(found[0])):
        return True
    start = [word for word in low[:3] if word not in ("please", "then", "now", "and")]
    if (start[:1] and start[0] in ORDERS) or any(pair[0] == "," and pair[1] in ORDERS for pair in pairwise(low)):
        return not HASHES & {*low}
    if start[:1] == ["evaluate"]:
        return bool(SUMS.search(sentence.text))
    return asks_for_measure(words)


def asks_about_how_many(low: Sequence[str]) -> bool:
    """ "Explain how many ...", "Write about how much ...": no question of its own."""
    return bool(low) and (low[0] in TELLS or low[0] in ("write", "implement", "create"))


def asks_for_measure(words: str) -> bool:
    """ "What is the total ...", with the measure before the first word that goes into detail."""
    for phrase in ASKING:
        at = words.find(phrase)
        if at < 0 or (at and words[at - 1].isalnum()):
            continue
        for word in re.findall(r"\w+|\S", words[at + len(phrase) : at + len(phrase) + 80])[:6]:
            if word in BETWEEN_WHAT:
                break
            if word in MEASURES or word.removesuffix("s") in MEASURES:
                return True
    return False


def is_whether(sentence: Sentence) -> bool:
    """ "Is 91 a prime number?", and neither a request ("Can you ...?") nor a choice ("... or ...?") nor one of taste."""
    low = sentence.low
    if len(low) < 3 or low[0] not in WHETHER or low[1] in ("you", "i", "we", "there", "anyone", "someone"):
        return False
    return "or" not in low and not PRAISES & {*low}
