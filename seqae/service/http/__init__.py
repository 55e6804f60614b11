"""`seqae serve`: detectors over HTTP and WebSocket."""

from seqae._extras import require

require("starlette", extra="serve", purpose="serving detectors")
