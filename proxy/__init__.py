"""telnyx-openai-proxy: any OpenAI app on Telnyx AI inference, by changing two environment variables."""

__version__ = "0.1.0"
