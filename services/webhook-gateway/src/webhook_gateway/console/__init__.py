"""The console: the web pages for people who look after the sync. Webhooks are received without it."""
