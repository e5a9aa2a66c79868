"""A trained copy detector: pictures in, unit vectors out. `wit-clip detector` trains one."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wit_pipeline.vocabulary import extras
from wit_pipeline.vocabulary.errors import UserError

METADATA = "wit.detector"  # the key of the model's metadata: a JSON object
BATCH = 64  # squares that the model sees at once, filled up with zeros: a descriptor depends on no other's


class Detector:
    """A detector.onnx. The same picture has the same descriptor, whatever it is described with."""

    def __init__(self, path: Path) -> None:
        """A `UserError` where `path` is no detector, or nothing is installed that could run it."""
        extras.needs("onnxruntime", f"{path}: running it")
        import onnxruntime

        try:
            content = path.read_bytes()
        except OSError as error:
            raise UserError(f"{path}: no detector can be read there: {error.strerror}") from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # workers are processes
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
            told = json.loads(self._session.get_modelmeta().custom_metadata_map[METADATA])
            self.size, self.dims = int(told["size"]), int(told["dims"])  # pixels a side; of a descriptor
            self.trusted = float(told["trusted"])  # cosine: chance is expected to reach it once in 1e9 pairs
        except Exception as error:  # noqa: BLE001 - the runtime's errors have no common class
            raise UserError(
                f"{path}: is no detector that `wit-clip detector` wrote: {str(error)[:200]}"
            ) from None
        self.digest = sha256(content).hexdigest()
        self.metadata = told

    def prepare(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A picture (rows, columns, 3) as the detector sees it, (size, size, 3)."""
        return square(rgb, self.size)

    def describe(self, squares: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The descriptors [n, dims], each of length 1, of squares [n, size, size, 3]."""
        found = np.zeros((len(squares), self.dims), np.float32)
        for first in range(0, len(squares), BATCH):
            some = squares[first : first + BATCH]
            batch = np.zeros((BATCH, self.size, self.size, 3), np.uint8)
            batch[: len(some)] = some
            found[first : first + BATCH] = self._session.run(None, {"squares": batch})[0][: len(some)]
        return found


def square(rgb: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A picture (rows, columns, 3) squashed to (side, side, 3): its shape is not part of what it shows."""
    if rgb.shape[:2] == (side, side):
        return rgb
    small = Image.fromarray(rgb).resize((side, side), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(small)
