/* load_body.c - the requests that the load generator makes itself. */
#include "load_body.h"

#include <string.h>

#define CHAT_BYTES     1536
#define AGENT_BYTES    (200 * 1024)
#define AGENT_MESSAGES 40
#define AGENT_TOOLS    20

static const char prose[] =
    "The gateway reads a request, finds out who asks and what for, and passes it on. "
    "What comes back is counted before its last byte leaves the house.\\n";
static const char code[] =
    "static int add(int a, int b)\\n{\\n\\tif (!a)\\n\\t\\treturn b; // \\\"caf\xC3\xA9\\\"\\n"
    "\\treturn a + b;\\n}\\n";

/* At least `size` bytes of a string's inside, in whole pieces of `from`. */
static void add_text(struct text *t, const char *from, size_t size)
{
    for (size_t end = t->len + size; t->len < end;)
        text_add(t, from, strlen(from));
}

/* Exactly up to `size` bytes with what is still to come; then `tail`. */
static void fill_up(struct text *t, size_t size, const char *tail)
{
    while (t->len + strlen(tail) < size)
        text_add(t, ".", 1);
    text_add(t, tail, strlen(tail));
}

static void add_stream(struct text *t, bool stream, bool with_usage)
{
    if (stream)
        text_printf(t, "\"stream\":true,");
    if (stream && with_usage)
        text_printf(t, "\"stream_options\":{\"include_usage\":true},");
}

static void body_chat(struct text *t, const char *model, bool stream)
{
    text_printf(t, "{\"model\":\"%s\",", model);
    add_stream(t, stream, true);
    text_printf(t, "\"temperature\":0.7,\"max_tokens\":256,\"messages\":[{\"role\":\"system\","
                   "\"content\":\"You are a helpful assistant. ");
    add_text(t, prose, 300);
    text_printf(t, "\"},{\"role\":\"user\",\"content\":\"");
    add_text(t, code, 400);
    text_printf(t, "\"},{\"role\":\"assistant\",\"content\":\"I see.\"},{\"role\":\"user\","
                   "\"content\":\"");
    add_text(t, prose, 200);
    fill_up(t, CHAT_BYTES, "\"}]}");
}

static void add_tool(struct text *t, unsigned i)
{
    text_printf(t, "%s{\"type\":\"function\",\"function\":{\"name\":\"tool_%u\",\"description\":\"",
                i ? "," : "", i);
    add_text(t, prose, 700);
    text_printf(t, "\",\"parameters\":{\"type\":\"object\",\"properties\":{");
    for (unsigned p = 0; p < 6; p++) {
        text_printf(t, "%s\"field_%u\":{\"type\":\"%s\",\"description\":\"", p ? "," : "", p,
                    p % 2 ? "string" : "integer");
        add_text(t, prose, 60);
        text_printf(t, "\"}");
    }
    text_printf(t, "},\"required\":[\"field_0\",\"field_1\"],\"additionalProperties\":false}}}");
}

/* A user's word, then calls of tools and what they answered, by turns. */
static void add_turn(struct text *t, unsigned i, size_t size)
{
    if (i % 2) {
        text_printf(t,
                    ",{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":"
                    "\"call_%u\",\"type\":\"function\",\"function\":{\"name\":\"tool_%u\","
                    "\"arguments\":\"{\\\"field_0\\\":%u,\\\"field_1\\\":\\\"src/main.c\\\"}\"}}"
                    "]}",
                    i, i % AGENT_TOOLS, i);
        return;
    }
    if (i == 0)
        text_printf(t, "{\"role\":\"user\",\"content\":\"");
    else
        text_printf(t, ",{\"role\":\"tool\",\"tool_call_id\":\"call_%u\",\"content\":\"", i - 1);
    add_text(t, i % 4 ? code : prose, size);
    text_printf(t, "\"}");
}

static void body_agent(struct text *t, const char *model, bool stream)
{
    size_t each;

    text_printf(t, "{\"model\":\"%s\",", model);
    add_stream(t, stream, true);
    text_printf(t, "\"tools\":[");
    for (unsigned i = 0; i < AGENT_TOOLS; i++)
        add_tool(t, i);
    text_printf(t, "],\"messages\":[");
    each = (AGENT_BYTES - t->len) / (AGENT_MESSAGES / 2) - 400;
    for (unsigned i = 0; i < AGENT_MESSAGES - 1; i++)
        add_turn(t, i, each);
    text_printf(t, ",{\"role\":\"user\",\"content\":\"Go on");
    fill_up(t, AGENT_BYTES, "\"}]}");
}

static void body_messages(struct text *t, const char *model, bool stream)
{
    text_printf(t, "{\"model\":\"%s\",\"max_tokens\":256,", model);
    add_stream(t, stream, false);
    text_printf(t, "\"system\":\"You are a helpful assistant.\",\"messages\":[{\"role\":\"user\","
                   "\"content\":\"");
    add_text(t, prose, 1000);
    fill_up(t, CHAT_BYTES, "\"}]}");
}

static void body_gemini(struct text *t, const char *model, bool stream)
{
    (void)model;
    (void)stream;
    text_printf(t, "{\"generationConfig\":{\"maxOutputTokens\":256},\"contents\":[{\"role\":"
                   "\"user\",\"parts\":[{\"text\":\"");
    add_text(t, prose, 1000);
    fill_up(t, CHAT_BYTES, "\"}]}]}");
}

static const struct load_kind kinds[] = {
    {"chat",     "/v1/chat/completions",              NULL, "data: [DONE]",              "\"usage\"", body_chat    },
    {"agent",    "/v1/chat/completions",              NULL, "data: [DONE]",              "\"usage\"", body_agent   },
    {"messages", "/v1/messages",                      NULL, "message_stop",              "\"usage\"", body_messages},
    {"gemini",   "/v1beta/models/%s:generateContent",
     "/v1beta/models/%s:streamGenerateContent?alt=sse",     "\"finishReason\":\"STOP\"",
     "\"usageMetadata\"",                                                                             body_gemini  },
    {"get",      "/healthz",                          NULL, "",                          "",          NULL         },
};

const struct load_kind *load_kind_find(const char *name)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!strcmp(kinds[i].name, name))
            return &kinds[i];
    }
    return NULL;
}
