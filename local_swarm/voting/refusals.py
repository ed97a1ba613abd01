"""A reply and its question in, whether it refuses or tells of an error instead of answering out. Pure and linear.

A refusal says of the assistant that it can't or won't do what was asked, at the beginning and of its own accord, and
then says nothing else of substance. Whoever says "I don't know", or that there is no solution, has answered.
"""

from __future__ import annotations

import re

from local_swarm.voting.answer import ExtractedAnswer
from local_swarm.voting.asked import CODE_KINDS
from local_swarm.voting.asking.sentences import any_of
from local_swarm.voting.markup import ReplyDocument
from local_swarm.voting.question import Question

LONGEST_REFUSAL = 3_000  # characters: whoever says more has more to say than no
QUOTES = '"“”„«'
MOST_BESIDE = 12  # words of substance beside a refusal that do not make it an answer yet

SAID = re.compile(r"(?:[^.!?\n。！？]++|[.!?](?!\s|$))++[.!?。！？]*+")
WORD = re.compile(r"\w+")
CANNOT = (
    r"(?:can ?not|can'?t|could ?n[o']t|won'?t|will not|wouldn'?t|am unable to|'m unable to|unable to"
    r"|(?:am|'m|is|are) not (?:able|allowed|permitted|programmed|designed|going) to|refuse to|decline to"
    r"|have to decline to)"
)
HELPS = (
    r"(?:help(?! but)|assist|provide|do (?:that|this|it|so|what)|answer|write|create|generate|fulfil\w*|comply"
    r"|complete|continue"
    r"|discuss|give|offer|say any\w*|share|engage|support|process|produce|perform|participate|respond|tell (?:you"
    r"|stories)"
    r"|make|comment|fulfill|satisfy|execute|run|browse|search|access|open|view|read (?:the|your|this|files)"
    r"|see (?:the|your|any"
    r"|images?|attach)|translate|summarize|accept|proceed|advise|talk about|compose|carry out|handle|meet|act|look up)"
)
FIRST_PERSON_NO = any_of(
    [
        rf"\bI(?: am sorry,? (?:but )?I)? ?(?:really |simply |just |also |currently |\w+ly )?{CANNOT}(?: \w+ly"
        rf"| be able to)? {HELPS}\b",
        rf"\bI {CANNOT}[.!]?$",
        r"\bI (?:must|have to|need to|will have to|would have to|respectfully) (?:respectfully |politely )?(?:decline"
        r"|refuse)\b",
        r"\bI(?: do not|'m| am| don'?t)? (?:not |currently |\w+ly )?(?:have|lack|without) (?:direct |real-time |any |the )?"
        r"(?:access|ability|capabilit\w+|permission|authorization)\b",
        r"\bI(?: am|'m) (?:really |not )?(?:not )?(?:comfortable|allowed|permitted)\b",
        r"\b(?:that'?s|this is|that is|it'?s) (?:not )?(?:something|a request|a topic)[^.]{0,20} I (?:can'?t|cannot"
        r"|won'?t|can|am)\b",
        rf"^(?:sorry|unfortunately|apologies|my apologies)\b[^.]{{0,40}}\b{CANNOT} (?:{HELPS}|that|this)\b",
    ]
)
SORRY_ONLY = any_of(
    [r"^(?:i'?m |i am )?(?:very |so |terribly )?sorry[.!,]?(?: about that[.!]?)?$", r"^no[,.]? i (?:can'?t|won'?t)\b"]
)
MACHINE = (
    r"(?:as|i'm|i am|being|since i'm)\s+(?:just |only |merely )?(?:an?|your) (?:\w+[ -]){0,3}?"
    r"(?:ai|a\.i\.|language model|llm|assistant|chatbot|bot)\b"
)
MACHINE_NO = any_of([rf"{MACHINE}[^.]*?\b(?:{CANNOT}|don'?t|do not|lack|not)\b"])
BLOCKED = any_of(
    [
        r"^(?:this|your) (?:request|content|prompt|response|message|question|topic|input)\b[^.]{0,60}\b(?:violat\w+"
        r"|blocked|filtered"
        r"|declined|rejected|against|denied|not allowed|not permitted|flagged|inappropriate|could not be processed)\b",
        r"^(?:request|access|permission) (?:denied|declined|refused|blocked|rejected)(?=[.!:,;]|$)",
        r"^(?:we|i) (?:are|am|were) (?:unable|not able) to process\b|^unable to (?:process|complete|fulfil\w*"
        r"|generate|answer|help)\b",
    ]
)
# Other languages: an apology or an "as an AI", and in the same breath that it can't be done.
FOREIGN_NO = any_of(
    [
        r"\b(?:tut mir (?:sehr )?leid|entschuldig\w*|leider|als (?:eine? )?(?:ki|sprachmodell|ai))\b[^.]*\b(?:kann"
        r"|darf|werde|habe) (?:ich|wir)\b[^.]*\b(?:nicht|keine[nrs]?)\b",
        r"\b(?:tut mir (?:sehr )?leid|entschuldig\w*)\b[^.]*\bich\b[^.]*\b(?:nicht|keine[nrs]?)\b",
        r"^ich (?:kann|darf|werde) (?:dir |ihnen |das |dabei |dazu |diese\w* ){0,3}\w* ?nicht (?:helfen|beantworten"
        r"|weiterhelfen|erstellen)",
        r"\b(?:désolée?|navrée?|excusez|malheureusement|en tant qu'\s?(?:ia|ai|assistant"
        r"|modèle)\b)[^.]*\b(?:ne (?:peux|puis|suis|peut)|n'ai)\b",
        r"^je ne (?:peux|puis) (?:pas )?(?:vous |t'|répondre|aider|fournir|écrire)",
        r"\b(?:lo siento|lamento|disculp\w*|perdón|lamentablemente|como (?:una? )?(?:ia|modelo"
        r"|asistente))\b[^.]*\bno (?:puedo|me es|tengo|soy)\b",
        r"^no puedo (?:ayudar|proporcionar|responder|cumplir|escribir)",
        r"\b(?:mi dispiace|purtroppo|in quanto (?:ia|ai|modello))\b[^.]*\bnon (?:posso|sono|ho)\b",
        r"\b(?:desculpe|sinto muito|lamento|infelizmente|como (?:uma? )?(?:ia|modelo))\b[^.]*\bnão (?:posso|consigo"
        r"|tenho|sou)\b",
        r"(?:извините|простите|к сожалению|как (?:ии|языковая модель))[^.]*не (?:могу|имею|способен)",
        r"(?:抱歉|对不起|對不起|很遗憾|作为(?:一个|一名)?(?:ai|人工智能|语言模型|大型语言模型))[^。]*(?:不能|无法|無法|没有办法|不可以|没法)",
        r"^我(?:不能|无法|無法)(?:回答|提供|帮助|协助|满足|完成|处理)",
        r"(?:申し訳|すみません|恐れ入りますが|aiとして)[^。]*(?:できません|できかねます|いたしかねます|お答えできない)|お手伝いできません",
        r"(?:죄송|미안|유감|ai로서)[^.]*(?:수 없|못합니다|못해요|어렵습니다)|(?:도와드릴|답변할|답변드릴|제공할|작성할) 수 없",
    ]
)
GOES_ON = any_of(
    [
        r"\bhere(?:'s| is| are)\b|\bthe following\b|\bas follows\b|\bbelow\b|\bhowever,? (?:the|a|it|you)\b"
        r"|\bbut (?:the|it|here|you)\b"
    ]
)
# What comes with a refusal and is no answer: offers, reasons, good advice of the most general kind.
BESIDE = any_of(
    [
        r"^(?:but |however,? |instead,? |perhaps |maybe |though )?(?:if|please|let me know|feel free|is there"
        r"|would you|could you|can i|can you"
        r"|do you|how (?:can|about|may)|what (?:else|would)|i'?(?:d|ll|m|ve)?\b|we\b|my\b|thank|thanks|sorry|apolog"
        r"|as an?\b|this|that"
        r"|such|it'?s?\b|these|you (?:can|could|may|might|should) (?:try|contact|consult|check|reach|ask|want|find"
        r"|instead|also)"
        r"|try |consider |unfortunately|no\b|for (?:more|further|help)|wenn|falls|bitte|gerne|si |por favor|veuillez"
        r"|n'hésitez|如果|请|もし)"
    ]
)
ANSWERED = any_of(
    [r"\\boxed\{|^####\s*\d|\b(?:the |my |final )(?:final |best )?answer (?:is|would be)\b(?! (?:not|that i))|<answer>"]
)
SERVICE = (
    r"(?:API|APIStatus|APIConnection|RateLimit|Timeout|Connection|BadRequest|Authentication|PermissionDenied"
    r"|InternalServer"
    r"|ServiceUnavailable|HTTP|HTTPStatus|Http|ReadTimeout|Request|Server|Quota|ContextLength|OutOfMemory|Network"
    r"|Stream)"
)
ERROR_TEXT = any_of(
    [
        r"^traceback \(most recent call last\):",
        r"^(?:\[?(?:fatal |internal |server |api |http |runtime |request )?error\]?)(?: (?:code )?\d{3})?\s*[:\-–\]]",
        rf"^(?:[\w.]+\.)?{SERVICE}(?:Error|Exception|Expired|Exceeded)\b",
        r"^(?:http(?:/\d(?:\.\d)?)? |error |status |code:? ?)*[45]\d\d[: ,–-]+(?:bad|un|internal|service|gateway"
        r"|too many|not |forbidden|request|payment|conflict"
        r"|server|error)",
        r"^(?:internal server error|bad gateway|service (?:temporarily )?unavailable|gateway time-?out"
        r"|too many requests|unauthorized|forbidden"
        r"|rate limit|quota exceeded|request (?:timed out|failed|too large)|connection (?:refused|reset|error"
        r"|timed out)|invalid api key"
        r"|out of memory|cuda (?:error|out of memory)|segmentation fault|model .{0,60}not found|no response"
        r"|upstream connect error"
        r"|something went wrong|an (?:unexpected )?error (?:has )?occurred|failed to (?:generate|fetch|load|connect)"
        r"|generation failed"
        r"|(?:oops|sorry)[,!.]? (?:something went wrong|an error))",
        r"\b(?:maximum context length|context (?:length|window|size) (?:was |is |has been )?exceeded"
        r"|exceeds? the (?:maximum |model's )?(?:context|token))",
        r"^<(?:!doctype html|html)[^`]{0,400}?(?:[45]\d\d|error|denied|unavailable|captcha|just a moment)",
        r"^\s*\{\s*\"(?:error|errors|detail|status|message|code|object|type)\"\s*:[^`]{0,200}?(?:error|exceeded"
        r"|invalid|not found|denied|limit|unauthor"
        r"|overload|[45]\d\d)",
    ]
)
# Questions to which an error or a refusal may be the very answer.
WANTS_ERROR = any_of(
    [
        r"\b(?:what|which|show|tell|give|return|write|draft|name|example)\b[^.?!\n]{0,80}\b(?:errors?|exceptions?|raises?"
        r"|raised|traceback|prints?|printed"
        r"|outputs?|happens?|wrong|returns?|logs?|status|http|html)\b",
        r"\bübersetz\w+|\btranslate\b|\b(?:fehler\w*|erreur|error) (?:meldung|message)|报错|翻译",
    ]
)
WANTS_REFUSAL = any_of(
    [
        r"\b(?:refus\w+|declin\w+|reject\w*|apolog\w+|excuse|translat\w+|paraphrase|rephrase|rewrite|proofread|quote"
        r"|dialogue|role-?play"
        r"|übersetz\w+|tradui\w+|traduc\w+|absage\w*)\b|翻译"
    ]
)


def refusal(said: ReplyDocument, question: Question) -> ExtractedAnswer | None:
    """A reply with code in it is an answer, whatever its words say."""
    text = without_quotes(said.text.strip().strip("*_ "))
    if said.blocks or not text or len(text) > LONGEST_REFUSAL or text[0] in QUOTES:
        return None
    if tells_of_error(text, question) or refuses(text, question):
        return ExtractedAnswer("refusal", said.text.strip(), complaint="refuses")
    return None


def without_quotes(text: str) -> str:
    """Without marks around all of it; who begins with a quotation and goes on tells a story."""
    ends = len(text) > 2 and text[0] in QUOTES and text[-1] in QUOTES
    return text[1:-1] if ends and not any(mark in text[1:-1] for mark in QUOTES) else text


def tells_of_error(text: str, question: Question) -> bool:
    wanted = question.asked.kind not in CODE_KINDS and WANTS_ERROR.search(question.text)
    return not wanted and bool(ERROR_TEXT.search(text))


def refuses(text: str, question: Question) -> bool:
    """Whether one of its first two sentences says no, and the others say nothing else."""
    text = text.replace("’", "'")
    said = [one for found in SAID.findall(text) if (one := found.strip(" \t-*•>"))]
    no = next((at for at, one in enumerate(said[:2]) if says_no(one)), None)
    if no is None or ANSWERED.search(text) or WANTS_REFUSAL.search(question.text):
        return False
    if GOES_ON.search(said[no]) or any(GOES_ON.search(one) and not says_no(one) for one in said[no + 1 : no + 3]):
        return False
    beside = [one for one in said if not BESIDE.search(one) and not says_no(one)]
    return len(WORD.findall(" ".join(beside))) <= MOST_BESIDE


def says_no(sentence: str) -> bool:
    return any(way.search(sentence) for way in (FIRST_PERSON_NO, SORRY_ONLY, MACHINE_NO, BLOCKED, FOREIGN_NO))
