"""Why a number cannot be texted. Apart from `phones`, whose library takes longer to import than most files to read."""

from __future__ import annotations

from enum import StrEnum


class PhoneFault(StrEnum):
    """Why a string is not a number that can be texted."""

    EMPTY = "phone_missing"
    EXCEL = "phone_excel"
    TWO = "phone_two"
    FOREIGN = "phone_foreign"
    SPECIAL = "phone_special"
    INVALID = "phone_invalid"
