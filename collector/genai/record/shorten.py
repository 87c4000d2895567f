"""What is kept of what coding agents send. They send much: every step of theirs, and their system prompts."""

LONGEST = 200  # of a text, in characters
LEFT_OUT = ("process.", "host.", "os.")  # of the resource: the recording machine
TOLD = ("usage", "token", "model")  # in a key: the span or the event has to do with a call


def shorten(sent):
    """Keeps, in place, the spans and the events that tell of models, and cuts long texts."""
    for resource in sent.get("resourceSpans", []):
        for scope in resource["scopeSpans"]:
            scope["spans"] = [s for s in scope["spans"] if tells(s)]
            for span in scope["spans"]:
                span.pop("events", None)
                span["attributes"] = [a for a in span["attributes"] if a["key"] != "cwd"]
    for resource in sent.get("resourceLogs", []):
        for scope in resource["scopeLogs"]:
            scope["logRecords"] = [r for r in scope["logRecords"] if tells(r)]
    for list_, inner, items in (("resourceSpans", "scopeSpans", "spans"), ("resourceLogs", "scopeLogs", "logRecords")):
        if list_ in sent:
            for resource in sent[list_]:
                resource[inner] = [s for s in resource[inner] if s[items]]
            sent[list_] = [r for r in sent[list_] if r[inner]]
    for resource in sent.get("resourceSpans", []) + sent.get("resourceLogs", []):
        resource["resource"]["attributes"] = [a for a in resource["resource"]["attributes"] if not a["key"].startswith(LEFT_OUT)]
    cut(sent)


def tells(item):
    return any(word in a["key"] for a in item.get("attributes", []) for word in TOLD)


def cut(node):
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        if isinstance(value, str) and len(value) > LONGEST:
            node[key] = f"{value[:20]}… ({len(value)} characters)"
        elif isinstance(value, (dict, list)):
            cut(value)
