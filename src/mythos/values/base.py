"""What every boundary type shares: frozen, and no unknown keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from mythos.values.in_words import DIGEST, NAME

Name = Annotated[str, Field(min_length=1, max_length=150, pattern=NAME)]
Digest = Annotated[str, Field(pattern=DIGEST)]
Version = Annotated[int, Field(ge=1, le=2**31 - 1)]
Count = Annotated[int, Field(ge=0, le=2**53)]
StrictCount = Annotated[int, Field(strict=True, ge=0, le=2**53)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Value(BaseModel):
    """A boundary type of our own formats: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Foreign(BaseModel):
    """A boundary type of a format that others write too: unknown keys kept out, not refused."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)
