"""Facts of judge models: what they cost, what an image counts, what they accept, when they end."""

from annotators.models.capabilities import Asked, Capabilities
from annotators.models.estimate import request_tokens, text_tokens
from annotators.models.images import ImageRule
from annotators.models.load import load_models
from annotators.models.price import Price, price_line
from annotators.models.support import unknown, unsupported
from annotators.models.table import ModelFacts, ModelTable, retired, retires_soon

__all__ = [
    "Asked",
    "Capabilities",
    "ImageRule",
    "ModelFacts",
    "ModelTable",
    "Price",
    "load_models",
    "price_line",
    "request_tokens",
    "retired",
    "retires_soon",
    "text_tokens",
    "unknown",
    "unsupported",
]
