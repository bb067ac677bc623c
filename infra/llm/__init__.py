"""Model calls: the catalogue that an operator writes, and the gateway that calls what it names."""

from infra.llm.catalogue import Catalogue, CatalogueError, load_catalogue
from infra.llm.gateway import LitellmGateway, Retries
from infra.llm.port import Chat, Delta, ModelFailed, Models, Reply

__all__ = [
    "Catalogue",
    "CatalogueError",
    "Chat",
    "Delta",
    "LitellmGateway",
    "ModelFailed",
    "Models",
    "Reply",
    "Retries",
    "load_catalogue",
]
