"""The one error that the front door's rules raise."""

from __future__ import annotations

from starlette.exceptions import HTTPException


class FrontDoorRefusal(HTTPException):
    """A request is refused with this status and sentence.

    `wait`: seconds until it is worth another try; 0: it never is.

    It is an `HTTPException` since a body is also refused while the application reads it: Starlette and FastAPI, which
    is Gradio's, answer that with its status, where any other error would be a 500.
    """

    def __init__(self, status: int, text: str, wait: float = 0.0) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text
        self.wait = wait
