"""What every request passes before the API or the page sees it: `stack.py` lists the rules in their order.

Each rule is a small ASGI middleware in a file of its own. It passes a request on, or raises a `FrontDoorRefusal`.
"""

from llm_hub.serving.front_door.stack import FrontDoor

__all__ = ["FrontDoor"]
