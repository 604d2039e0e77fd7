"""Why a reply holds no answer: the judge declined, a provider's filter spoke, or nothing was said."""

import re

from schemas import Reason

# Closed lists of plain phrases: only a reply without an answer is held against them.
_DECLINES = re.compile(
    r"\b(?:(?:i|we)(?:\s+am|\s+are|['’]m)?\s+(?:cannot|can['’]?t|can\s+not|won['’]?t|will\s+not|unable\s+to|"
    r"not\s+able\s+to|must\s+decline|(?:have\s+to\s+)?decline|do(?:\s+not|n['’]t)\s+feel\s+comfortable)"
    r"|i['’]?\s?a?m\s+(?:very\s+)?sorry|as\s+an\s+ai\b|sorry,\s+(?:but\s+)?i\b|unable\s+to\s+(?:assist|comply|help)"
    r"|no\s+puedo\b|lo\s+siento\b|je\s+ne\s+peux\s+pas\b|désolée?\b|ich\s+kann\b[^.\n]{0,60}\bnicht\b"
    r"|tut\s+mir\s+leid\b|n[ãa]o\s+posso\b|desculpe\b|non\s+posso\b|mi\s+dispiace\b"
    r"|ik\s+kan\b[^.\n]{0,60}\b(?:niet|geen)\b|не\s+могу|извините)",
    re.IGNORECASE,
)
_DECLINES_ELSEWHERE = re.compile(  # scripts without capitals
    r"抱歉|无法|無法|不能|申し訳|できません|죄송|수\s*없습니다|لا\s+أستطيع|عذر|माफ़\s+कीजिए|नहीं\s+कर\s+सकता"
)
_FILTERED = re.compile(
    r"\bblock_?reason\b|\bcontent[_ -]?filter(?:ed|ing)?\b|\bcontent\s+management\s+policy\b|"
    r"\bresponsibleaipolicyviolation\b|\bprohibited_content\b|\bfinish_?reason\W{1,4}(?:safety|recitation|\d)|"
    r"\bblocked\s+(?:by|due\s+to|for)\s+(?:our\s+|the\s+)?(?:safety|content|policy)|"
    r"\b(?:response|output|prompt|request)\s+(?:was|has\s+been|is)\s+(?:blocked|filtered|flagged)|"
    r"\bdata_inspection_failed\b|\bflagged\s+as\s+potentially\b",
    re.IGNORECASE,
)
# Whoever saw nothing has nothing to say about it, whatever number stands beside it.
_BLIND = re.compile(
    r"\b(?:i|we)(?:\s+am|['’]m|\s+was|\s+were)?\s+(?:currently\s+)?(?:cannot|can['’]?t|can\s+not|could\s+not|"
    r"couldn['’]t|unable\s+to|not\s+able\s+to)\s+(?:directly\s+|actually\s+)?"
    r"(?:view|see|watch|access|open|load|process|analy[sz]e)(?:\s+or\s+\w+)?\s+"
    r"(?:(?:the|any|this|these|your|attached|provided|actual)\s+){0,3}"
    r"(?:images?|videos?|frames?|clips?|pictures?|files?|attachments?)(?=\s*(?:[.,;:!)\"]|\Z)"
    r"|\s+(?:directly|or|and|because|so|that\s+(?:you|were|was)|you|content|files?|since|but|as)\b)"
    r"|\b(?:no|there\s+(?:are|were|is)\s+no)\s+(?:images?|videos?|frames?|clips?)\s+"
    r"(?:(?:was|were|are|is|have\s+been|has\s+been)\s+)?(?:provided|attached|supplied|visible\s+to\s+me|included)\b",
    re.IGNORECASE,
)
_LONGEST = 20_000


def saw_nothing(text: str) -> bool:
    """Whether the judge itself says that it could not look at what it was asked about."""
    return _BLIND.search(text[:_LONGEST]) is not None


def why_silent(text: str) -> tuple[Reason, str]:
    """The reason and a message for a reply in which no answer was found."""
    if _FILTERED.search(text[:_LONGEST]):
        return Reason.CONTENT_FILTER, f"the provider's filter spoke instead: {short(text)}"
    if _DECLINES.search(text[:_LONGEST]) or _DECLINES_ELSEWHERE.search(text[:_LONGEST]):
        return Reason.REFUSAL, f"the judge declined: {short(text)}"
    return Reason.NO_ANSWER, f"no answer in the reply: {short(text)}"


def short(text: str) -> str:
    """The beginning of a text, for a message."""
    words = " ".join(text[:400].split())
    return repr(words if len(words) <= 120 else words[:117] + "...")
