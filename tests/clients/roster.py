"""Which clients there are, with the versions that are driven."""

from dataclasses import dataclass
from typing import Literal

CHECKS = (
    "whole", "stream", "tools", "structured", "error", "turns", "responses", "responses_stream", "embeddings",
    "completions", "audio",
)  # fmt: skip
"""What is tried, in the order of the table. A client that has no such thing has no such check."""


@dataclass(frozen=True, slots=True)
class Client:
    """One row of the matrix.

    Attributes:
        name: in the table and on the command line.
        kind: what runs it: `python` in a virtual environment, `node` below a `node_modules`.
        packages: what is installed, pinned; the first one names the version in the table.
        script: the file in `scripts/`.
        environment: which environment it runs in, where several share one; the name by default.
    """

    name: str
    kind: Literal["python", "node"]
    packages: tuple[str, ...]
    script: str
    environment: str = ""

    @property
    def home(self) -> str:
        """The name of its environment."""
        return self.environment or self.name


_OPENAI_NODE = ("openai@6.49.0", "zod@4.1.12")
_AI_6 = ("ai@6.0.326", "@ai-sdk/openai@3.0.141", "@ai-sdk/openai-compatible@2.0.87", "zod@4.1.12")
_AI_7 = ("ai@7.0.173", "@ai-sdk/openai@4.0.118", "zod@4.1.12", "node@22")

# fmt: off
ROSTER = (
    Client("openai-python 3", "python", ("openai==3.54.0",), "openai_python.py"),
    Client("openai-python 2", "python", ("openai==2.54.0",), "openai_python.py"),
    Client("openai-python 1", "python", ("openai==1.109.1",), "openai_python.py"),
    Client("openai-python 0", "python", ("openai==0.28.1", "numpy<3"), "openai_legacy.py"),
    Client("openai-node 6", "node", _OPENAI_NODE, "openai_node.mjs"),
    Client("openai-node 7", "node", ("openai@7.55.0", "zod@4.1.12", "node@22"), "openai_node.mjs"),
    Client("LangChain, Python", "python", ("langchain-openai==1.7.3",), "langchain_python.py"),
    Client("LangChain, JS", "node", ("@langchain/openai@1.5.8", "@langchain/core", "zod@4.1.12"), "langchain_js.mjs"),
    Client("OpenAI Agents SDK, Python", "python", ("openai-agents==0.24.0",), "agents_python.py"),
    Client("OpenAI Agents SDK, JS", "node", ("@openai/agents@0.20.0", "zod@4.1.12"), "agents_js.mjs"),
    Client("pydantic-ai", "python", ("pydantic-ai-slim[openai]==2.68.0",), "pydantic_ai_python.py"),
    Client("instructor", "python", ("instructor==1.17.0",), "instructor_python.py"),
    Client("LlamaIndex", "python", ("llama-index-llms-openai==0.8.3", "llama-index-embeddings-openai==0.7.0"),
           "llamaindex_python.py"),
    Client("LiteLLM", "python", ("litellm==1.106.2", "mcp"), "litellm_python.py"),
    Client("llm", "python", ("llm==0.36",), "llm_command.py"),
    Client("aider", "python", ("aider-chat==0.86.2",), "aider_command.py"),
    Client("Vercel AI SDK 6", "node", _AI_6, "ai_sdk.mjs"),
    Client("Vercel AI SDK 7", "node", _AI_7, "ai_sdk.mjs"),
    Client("@ai-sdk/openai-compatible", "node", _AI_6, "ai_sdk_compatible.mjs", "Vercel AI SDK 6"),
    Client("Codex CLI", "node", ("@openai/codex@0.169.0",), "codex.mjs"),
    Client("opencode", "node", ("opencode-ai@1.18.33",), "opencode.mjs"),
    Client("anthropic-python", "python", ("anthropic==2.12.0",), "anthropic_python.py"),
)
# fmt: on
