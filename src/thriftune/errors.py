"""The tree of errors. All faults a user can mend derive from `UserError` and end the command with exit code 2.

    ThriftuneError
    └── UserError               one message that names the place and the mend; no traceback
        ├── RecipeError         the recipe has problems (all of them at once)
        ├── InputError          a file, line or field of the input is wrong
        ├── MissingPackage      an optional package is needed; the message has the command
        ├── EngineError         the search engine cannot be started, reached or used
        ├── StudentError        the student's model cannot be loaded
        ├── TeacherError        the teacher refuses the key or the model, or cannot be reached
        ├── RunError            the run folder cannot be used
        ├── ExportError         the model cannot be exported, or the export is not the model that was trained
        ├── DoesNotFit          the plan says that training needs more memory than there is
        └── OutOfMemoryError    training ran out of memory, also with the smallest micro-batches

A bug is any other exception: it keeps its traceback. What a teacher or a student writes is data, never an exception.
"""


class ThriftuneError(Exception):
    """The root of all errors raised on purpose."""


class UserError(ThriftuneError):
    """A fault that the user can mend; its text is the whole message."""


class RecipeError(UserError):
    """The recipe is wrong; the text lists every problem in the user's spelling."""


class InputError(UserError):
    """An input file is wrong; the text names file, line or field."""


class MissingPackage(UserError):
    """A package is needed that is not installed.

    Args:
        package: name on the package index, or `thriftune[extra]`.
        why: what it is needed for, completing "X is needed".
        options: options of the install command, such as `--no-deps`.
    """

    def __init__(self, package: str, why: str, options: str = "") -> None:
        command = " ".join(part for part in ("pip install", options, f"'{package}'") if part)
        super().__init__(f"{package} is needed: {why}. Install it with: {command}")


class EngineError(UserError):
    """The search engine cannot be started, reached or used."""


class StudentError(UserError):
    """The student's model cannot be loaded or saved."""


class TeacherError(UserError):
    """The teacher refuses the key or the model, or cannot be reached."""


class RunError(UserError):
    """The run folder cannot be read or written."""


class ExportError(UserError):
    """The model cannot be exported in this form, or what was exported is not the model that was trained."""


class DoesNotFit(UserError):
    """The plan says that training needs more memory than there is; the text has the table and what would fit."""


class OutOfMemoryError(UserError):
    """Training ran out of memory, also with the smallest micro-batches."""
