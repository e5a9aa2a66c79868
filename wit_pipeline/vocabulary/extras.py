"""What the base install lacks: modules that come with an extra, and how to install it."""

from importlib import import_module

from wit_pipeline.vocabulary.errors import UserError

MODULES = {  # extra -> what it brings
    "detector": ("onnxruntime",),
    "train": ("onnx", "safetensors", "tensorboard", "tokenizers", "torch"),
    "sevenzip": ("py7zr",),
    "pdq": ("pdqhash",),
    "c2pa": ("c2pa",),
    "gcp": ("google.cloud.storage",),
    "aws": ("boto3",),
}


def install(module: str) -> str:
    """How to get a module of the table."""
    extra = next(extra for extra, modules in MODULES.items() if module in modules)
    return f"pip install 'webimagetext[{extra}]'"


def needs(module: str, what: str) -> None:
    """A `UserError` where a module of the table is not installed; `what` needs it."""
    try:
        import_module(module)
    except ModuleNotFoundError as error:
        if not missing(error):
            raise
        raise UserError(f"{what} needs {module}, which is not installed: {install(module)}") from None


def missing(error: ModuleNotFoundError) -> str:
    """What to say where an import failed for want of an extra; "" where anything else is amiss.

    A part that is missing of a module that is there is no want of an extra.
    """
    for module in (module for modules in MODULES.values() for module in modules):
        if error.name and f"{module}.".startswith(f"{error.name}."):
            return f"{module} is not installed: {install(module)}"
    return ""
