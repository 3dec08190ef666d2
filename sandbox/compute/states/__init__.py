"""Step Functions: moto keeps state machines and interprets them; what their tasks call runs in this sandbox."""

from sandbox.compute.states.interpreter import Interpreter

__all__ = ["Interpreter"]
