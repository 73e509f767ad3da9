/* request.h - what a client asks for, in no dialect's words. */
#ifndef CHAT_REQUEST_H
#define CHAT_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"
#include "base/slice.h"
#include "base/table.h"
#include "chat/dialect.h"
#include "chat/text.h"

/*
 * The vocabulary of protocols/mapping.md, 1.  A codec reads its dialect into it, chat/shape.h
 * makes of it what one upstream takes, another codec writes that down.
 *
 * Everything lives in one arena and borrows the client's body.  Lists are of the structs'
 * own links.  Raw JSON (schemas, arguments, metadata) is carried as it was written.
 * Numbers of sampling fields stay raw literals: nothing is lost in a double.
 */

/* Whose a thing is that only its maker can use: secrets of reasoning, file ids, tool items. */
enum chat_vendor { VENDOR_NONE, VENDOR_OPENAI, VENDOR_ANTHROPIC, VENDOR_GEMINI };

enum chat_role { CHAT_USER, CHAT_ASSISTANT, CHAT_SYSTEM };

enum chat_flag { CHAT_UNSET, CHAT_NO, CHAT_YES };

enum chat_item_kind {
    CHAT_TEXT,
    CHAT_REFUSAL, // text by which an assistant refused
    CHAT_IMAGE,
    CHAT_FILE,
    CHAT_AUDIO,
    CHAT_VIDEO,
    CHAT_REASONING,
    CHAT_CALL,   // by an assistant, of a client's tool
    CHAT_RESULT, // of a call; in user turns
    CHAT_SERVER, // something of a vendor's own tools, opaque
};

/* A breakpoint of prompt caching behind this item. */
enum chat_cache { CACHE_NONE, CACHE_5M, CACHE_30M, CACHE_1H, CACHE_12H };

enum chat_source { SOURCE_BASE64, SOURCE_URL, SOURCE_FILE_ID, SOURCE_TEXT };

enum chat_detail { DETAIL_UNSET, DETAIL_AUTO, DETAIL_LOW, DETAIL_HIGH, DETAIL_ORIGINAL };

struct chat_media {
    enum chat_source source;
    struct chat_text data; // base64, URL, id or text; a data URL has been taken apart
    struct slice mime;     // "image/png"; empty: not said
    struct chat_text name; // of the file, or its title; absent: not said
    enum chat_detail detail;
    enum chat_vendor vendor; // SOURCE_FILE_ID: whose
};

enum chat_reasoning_kind { REASONING_SUMMARY, REASONING_RAW, REASONING_REDACTED };

/* What a model thought.  The secret proves it to its maker, who may demand it back. */
struct chat_reasoning {
    enum chat_reasoning_kind kind;
    struct chat_text text;   // absent or empty: the secret alone
    struct slice secret;     // as its maker gave it, out of any envelope; empty: none
    enum chat_vendor vendor; // the secret's maker
    struct slice id;         // Responses: of the item ("rs_..."); belongs to the secret
    struct slice model;      // which made the secret; empty: not known
};

struct chat_call {
    struct slice id; // empty only between reader and shape: Gemini may give none
    struct slice name;
    struct chat_text arguments; // JSON text; free text when `custom`; absent: none
    bool custom;                // OpenAI's custom tools: free text instead of arguments
    struct slice item_id;       // Responses: "fc_...", behind reasoning that keeps its own id
};

struct chat_result {
    struct slice call_id;
    struct slice name; // of the tool; shape fills it in where it is empty
    struct list items; // of struct chat_item: TEXT, IMAGE, FILE
    bool is_error;
    bool custom;
    struct slice object; // Gemini: the raw response object, when it is more than {"output": text}
};

struct chat_item {
    struct list link;
    enum chat_item_kind kind;
    enum chat_cache cache;
    union {
        struct chat_text text;   // TEXT, REFUSAL
        struct chat_media media; // IMAGE, FILE, AUDIO, VIDEO
        struct chat_reasoning reasoning;
        struct chat_call call;
        struct chat_result result;
        struct {
            enum chat_vendor vendor;
            struct slice raw; // JSON object
        } server;
    };
};

struct chat_turn {
    struct list link;
    enum chat_role role;
    struct list items;  // of struct chat_item
    struct slice phase; // Responses: of an assistant's message; empty: none
};

enum chat_tool_kind {
    TOOL_FUNCTION,
    TOOL_CUSTOM,     // free text, perhaps held to a grammar
    TOOL_WEB_SEARCH, // the ones that more than one vendor has (mapping.md 2.15):
    TOOL_WEB_FETCH,
    TOOL_CODE_EXECUTION,
    TOOL_SERVER, // one vendor's own; `raw` says which
};

struct chat_tool {
    struct list link;
    enum chat_tool_kind kind;
    struct slice name; // as the client knows it; namespaces are flattened to "ns__name"
    struct chat_text description;
    struct slice schema; // raw JSON; empty: none was given
    enum chat_flag strict;
    enum chat_cache cache;
    struct slice raw;        // the whole tool as the client wrote it (TOOL_SERVER and search)
    enum chat_vendor vendor; // whose words `raw` is in
    struct slice type;       // TOOL_SERVER: "bash_20250124"; empty elsewhere
    struct slice space;      // Responses: the namespace that `name` begins with; empty: none
    struct {
        struct slice syntax; // CUSTOM: "lark", "regex"; empty: any text
        struct chat_text definition;
    } grammar;
    struct {
        struct slice allowed_domains, blocked_domains; // raw arrays
        struct slice user_location; // raw object: city, country, region, timezone
        struct slice context_size;  // "low", "medium", "high"
        int64_t max_uses;           // 0: not said
    } search;

    /* Set by shape: how it goes upstream, and how its calls come back (chat/restore.h). */
    struct slice sent_name;   // empty: as `name`
    struct slice sent_schema; // empty: as `schema`
    bool as_function;         // CUSTOM sent as a function of {"input": text}
    bool wrapped;             // its schema was no object and is sent as {"value": schema}
    bool is_format;           // stands for a structured answer: its arguments are the text
    bool withheld;            // not sent: tool_choice leaves it out
};

/* tool_choice */
enum chat_choice {
    CHOICE_UNSET,
    CHOICE_AUTO,
    CHOICE_NONE,
    CHOICE_REQUIRED,
    CHOICE_ONE,              // choice_names[0]
    CHOICE_ALLOWED_AUTO,     // among choice_names
    CHOICE_ALLOWED_REQUIRED, // among choice_names
};

enum chat_format { FORMAT_UNSET, FORMAT_TEXT, FORMAT_JSON, FORMAT_SCHEMA };

/* How much to think, least first. */
enum chat_effort {
    EFFORT_UNSET,
    EFFORT_NONE,
    EFFORT_MINIMAL,
    EFFORT_LOW,
    EFFORT_MEDIUM,
    EFFORT_HIGH,
    EFFORT_XHIGH,
    EFFORT_MAX,
    EFFORT_COUNT
};

#define BUDGET_UNSET   ((int64_t)-2)
#define BUDGET_DYNAMIC ((int64_t)-1)

/* What to send about reasoning, in the words of the upstream's own dialect; shape fills it in. */
enum chat_thinking {
    THINKING_UNSAID,   // nothing is sent: the model's default
    THINKING_EFFORT,   // Chat, Responses: `effort`
    THINKING_LEVEL,    // Gemini 3 and later: `effort` of minimal, low, medium, high
    THINKING_BUDGET,   // Gemini 2.5, Anthropic "enabled": `budget`
    THINKING_ADAPTIVE, // Anthropic; `effort` goes into output_config, unless it is unset
    THINKING_BETWEEN_TOOLS,
    THINKING_DISABLED, // Anthropic
};

enum chat_tier { TIER_UNSET, TIER_AUTO, TIER_DEFAULT, TIER_FLEX, TIER_PRIORITY, TIER_SCALE };

/* A field that only its own dialect has; it comes out again in that dialect alone. */
struct chat_ext {
    struct list link;
    enum dialect dialect;
    struct slice key; // "metadata", "generationConfig.imageConfig"
    struct slice raw;
};

struct chat_note {
    struct list link;
    struct slice field; // in the client's words: "seed", "tools[2].cache_control"
    bool degraded;      // carried in another form; else it was dropped
};

struct chat_request {
    struct arena *arena;
    enum dialect dialect; // the client's
    bool stream;
    bool include_usage; // Chat: the client wants the usage chunk

    struct list system; // of struct chat_item: TEXT
    struct list turns;  // of struct chat_turn
    struct list tools;  // of struct chat_tool

    enum chat_choice choice;
    struct slice *choice_names; // [choice_count]
    size_t choice_count;
    enum chat_flag parallel;

    int64_t max_output;                                                          // 0: not said
    struct slice temperature, top_p, top_k, presence_penalty, frequency_penalty; // raw numbers
    struct slice seed;                                                           // raw number
    struct chat_text *stops;                                                     // [stop_count]
    size_t stop_count;
    int64_t n; // 0: not said
    enum chat_flag logprobs;
    int64_t top_logprobs; // 0: not said

    struct {
        enum chat_format kind;
        struct slice name;
        struct chat_text description;
        struct slice schema; // raw
        enum chat_flag strict;
        /* set by shape: */
        struct slice sent_schema; // empty: as `schema`
        bool wrapped;             // the schema is no object's and is sent as {"value": schema}
    } format;

    struct {
        enum chat_effort effort;
        int64_t budget;      // tokens; BUDGET_UNSET, BUDGET_DYNAMIC
        bool adaptive;       // Anthropic's "adaptive"
        bool off;            // Anthropic's "disabled"; also effort none, budget 0
        enum chat_flag show; // does the client want to see it?
        /* set by shape: */
        enum chat_thinking sent;
        enum chat_effort sent_effort;
        int64_t sent_budget;
        bool sent_show;
    } reasoning;

    struct slice verbosity; // "low", "medium", "high"
    struct chat_text user_id;
    struct slice metadata; // raw object
    enum chat_tier tier;
    struct chat_text cache_key; // OpenAI's prompt_cache_key
    enum chat_cache auto_cache; // Anthropic's cache_control at the top
    struct slice modalities;    // raw array, where it asks for more than text
    struct slice store;         // raw; only Responses gets it

    /* State at one upstream (mapping.md 2.18); a NULL pointer: none. */
    struct slice previous_response_id, conversation; // decoded; raw JSON

    struct list exts;   // of struct chat_ext
    struct list echoes; // of struct chat_ext: what the client's own answer repeats, for nobody else
    struct list notes;  // of struct chat_note
    size_t note_count;
};

/** Zeroed but for the lists and the arena. */
void chat_request_init(struct chat_request *r, struct arena *a, enum dialect client);

/* Each new one stands at the end of the list; where that is NULL, on none. */
struct chat_turn *chat_turn_new(struct chat_request *r, enum chat_role role);
struct chat_item *chat_item_new(struct arena *a, struct list *items, enum chat_item_kind kind);
struct chat_item *chat_item_text(struct arena *a, struct list *items, struct chat_text text);
struct chat_tool *chat_tool_new(struct chat_request *r, enum chat_tool_kind kind);

/** The tool that the client calls so, or NULL. */
struct chat_tool *chat_tool_find(const struct chat_request *r, struct slice name);

/**
 * All tools, for many look-ups: by the name that the client calls them, of equal ones the first.
 * The table borrows the request; table_release() when done.
 */
void chat_tool_table(const struct chat_request *r, struct table *out);

/* Notes that are kept; a last one, CHAT_NOTES_MORE, stands for all others. */
#define CHAT_NOTES_MAX  64
#define CHAT_NOTES_MORE "..."

/** A field left out (or changed) on the way, said once however often it is noted. */
void chat_note(struct chat_request *r, const char *field);
void chat_note_degraded(struct chat_request *r, const char *field);

void chat_ext_add(struct chat_request *r, enum dialect d, struct slice key, struct slice raw);
struct slice chat_ext_get(const struct chat_request *r, enum dialect d, struct slice key);

const char *chat_effort_name(enum chat_effort e); // "xhigh"; NULL for EFFORT_UNSET
bool chat_effort_parse(struct slice name, enum chat_effort *out);

/** Taken apart: "data:image/png;base64,..." gives base64 and mime, anything else is a URL. */
void chat_media_from_url(struct arena *a, struct chat_text url, struct chat_media *out);

/** "image/png" of base64's first bytes: png, jpeg, gif, webp, pdf; empty: something else. */
struct slice chat_media_sniff(struct slice base64);

#endif
