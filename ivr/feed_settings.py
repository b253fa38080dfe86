"""The settings of feeds and traces: HL7, the watched folder, FHIR, and OpenTelemetry."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field

_DAY = "(mon|tue|wed|thu|fri|sat|sun)"
_DAYS = f"{_DAY}(-{_DAY})?"
_EXPECTED_BY = rf"^(?i:({_DAYS}(,{_DAYS})* )?([01][0-9]|2[0-3]):[0-5][0-9])?$"


class FeedSettings(BaseModel):
    """hl7_certificate, hl7_key, hl7_client_ca: PEM files; with the first two, connections are TLS, and with the third,
    senders need a certificate. watch_quiet_seconds: how long a complete file has not changed.
    watch_expected_by: an hour like 07:00, or with days like mon-fri 07:00. fhir_key: a PEM file of a private key."""

    hl7_host: str = "127.0.0.1"
    hl7_port: int = Field(default=2575, ge=1, le=65535)
    hl7_certificate: Path | None = None
    hl7_key: Path | None = None
    hl7_client_ca: Path | None = None
    watch_folder: Path | None = None
    watch_quiet_seconds: float = Field(default=30, ge=0, le=3600)
    watch_strict: bool = False
    watch_expected_by: str = Field(default="", pattern=_EXPECTED_BY)
    fhir_url: str = ""
    fhir_client_id: str = ""
    fhir_key: Path | None = None
    fhir_key_id: str = ""
    otel_exporter_otlp_endpoint: str = ""
    fhir_seconds: float = Field(default=300, ge=10)
