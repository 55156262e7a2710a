"""The worker seen from outside: documents go in, faults and sets come out; it is started again when it was killed."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

from thriftune.errors import EngineError, InputError
from thriftune.tasks.json_schema.document import Fault

_MODULE = "thriftune.tasks.json_schema.worker"
Place = tuple[str | int, ...]


@dataclass
class Validator:
    """Validates texts against named schemas, given as JSON texts, in a process of its own (see `worker`).

    Attributes:
        schemas: `{name: text of the schema}`.
        seconds: the processor time that one answer may take.
    """

    schemas: dict[str, str]
    seconds: float = 10.0
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    def start(self) -> None:
        """Start the process and load the schemas.

        Raises:
            InputError: a schema cannot be used; the text names it and says why.
        """
        command = [sys.executable, "-P", "-m", _MODULE, str(self.seconds)]
        # what can be imported here can be imported there, also where the path was changed since the start
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, start_new_session=True
        )
        for name, schema in self.schemas.items():
            reply = self._ask({"name": name, "schema": schema})
            if isinstance(reply, Fault):
                self.close()
                raise InputError(f"task.schemas.{name}: the schema {reply.detail}")

    def sets(self, name: str, text: str) -> frozenset[Place] | Fault:
        """Return the places of a valid document's arrays whose order is free, or what is wrong with the document."""
        if self._process is None or self._process.poll() is not None:
            self.start()
        reply = self._ask({"name": name, "text": text})
        return reply if isinstance(reply, Fault) else frozenset(tuple(place) for place in reply["sets"])

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _ask(self, request: dict[str, Any]) -> dict[str, Any] | Fault:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise EngineError("the process that validates JSON is not running")
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            return self._end(process)
        line = process.stdout.readline()
        if not line.endswith(b"\n"):
            return self._end(process)
        reply: dict[str, Any] = json.loads(line)
        return Fault(reply["kind"], reply["detail"]) if "kind" in reply else reply

    def _end(self, process: "subprocess.Popen[bytes]") -> Fault:
        """Tell from how the process ended what the request did.

        Raises:
            EngineError: it did not end by a limit, but could not work at all.
        """
        code = process.wait()
        self.close()
        if code == -signal.SIGPROF:
            return Fault("limit:time", f"takes more than {self.seconds:g} seconds to validate")
        if code in (-signal.SIGKILL, -signal.SIGSEGV, -signal.SIGABRT):
            return Fault("limit:memory", "takes more memory to validate than there is")
        raise EngineError(f"the process that validates JSON ended with code {code}; what it printed stands above")
