"""What the text encoder reads."""

from ..errors import UserError
from .checkpoints import Defaults


def compose_prompt(
    prompt: str, caption: str, has_appearance: bool, defaults: Defaults, first: str = ""
) -> str:
    """The whole prompt from the user's words and the avatar's own description.

    Args:
        prompt: the user's words; may be empty.
        caption: the avatar's description; may be empty.
        has_appearance: whether an image guides the painting as well.
        defaults: of the checkpoint; they say when the caption is used.
        first: words that a LoRA listens to.

    Raises:
        UserError: nothing at all says what the signer looks like.
    """
    prompt, caption = prompt.strip(), caption.strip()
    words = [first] if first else []
    if caption and (defaults.caption == "always" or not (prompt or has_appearance or first)):
        words.append(caption)
    if prompt and prompt not in words:
        words.append(prompt)
    if not words and not has_appearance:
        raise UserError(
            "Nothing says what the signer looks like: give --appearance IMAGE or --prompt TEXT."
        )
    suffix = defaults.prompt_suffix.strip()
    return ", ".join([*words, suffix] if suffix else words)
