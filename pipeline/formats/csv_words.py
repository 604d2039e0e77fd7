"""Texts that a CSV file read by pandas does not bring back."""

# pandas._libs.parsers.STR_NA_VALUES: cells of a CSV file that ``read_csv`` reads as missing
MISSING_WORDS = frozenset(
    {
        "",
        "#N/A",
        "#N/A N/A",
        "#NA",
        "-1.#IND",
        "-1.#QNAN",
        "-NaN",
        "-nan",
        "1.#IND",
        "1.#QNAN",
        "<NA>",
        "N/A",
        "NA",
        "NULL",
        "NaN",
        "None",
        "n/a",
        "nan",
        "null",
    }
)


def csv_fault(text: str) -> str | None:
    """Why a text cannot stand in a CSV cell that pandas reads, as a noun; None where it can."""
    if text in MISSING_WORDS:
        return "a word that pandas reads as missing"
    if "\r" in text or "\0" in text:
        return "a carriage return or a zero byte, which a CSV file does not keep"
    return None
