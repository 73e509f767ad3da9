/* model.c - what differs between models of one dialect: ids taken apart, and held against a table. */
#include "chat/model.h"

#include "base/array.h"

/* Which dialects' upstreams a row is about. */
enum { AT_A = 1, AT_G = 2, AT_O = 4 };

/* The word of an id that says whose it is. */
enum name {
    NAME_NOBODY,
    NAME_CLAUDE,
    NAME_GPT,
    NAME_O_SERIES,
    NAME_CODEX,
    NAME_COMPUTER,
    NAME_GEMINI,
    NAME_GEMMA,
    NAME_DEEPSEEK,
    NAME_MISTRAL,
    NAME_KIMI,
    NAME_GLM,
    NAME_MIMO,
    NAME_QWEN,
    NAME_MINIMAX,
    NAME_LLAMA,
    NAME_GROK,
};

static const struct {
    struct slice prefix; // of a word of the id
    enum name name;
} names[] = {
    {SLICE_INIT("claude"),    NAME_CLAUDE  },
    {SLICE_INIT("gpt"),       NAME_GPT     },
    {SLICE_INIT("chatgpt"),   NAME_GPT     },
    {SLICE_INIT("codex"),     NAME_CODEX   },
    {SLICE_INIT("computer"),  NAME_COMPUTER},
    {SLICE_INIT("gemini"),    NAME_GEMINI  },
    {SLICE_INIT("gemma"),     NAME_GEMMA   },
    {SLICE_INIT("deepseek"),  NAME_DEEPSEEK},
    {SLICE_INIT("mistral"),   NAME_MISTRAL },
    {SLICE_INIT("mixtral"),   NAME_MISTRAL },
    {SLICE_INIT("ministral"), NAME_MISTRAL },
    {SLICE_INIT("magistral"), NAME_MISTRAL },
    {SLICE_INIT("codestral"), NAME_MISTRAL },
    {SLICE_INIT("devstral"),  NAME_MISTRAL },
    {SLICE_INIT("pixtral"),   NAME_MISTRAL },
    {SLICE_INIT("kimi"),      NAME_KIMI    },
    {SLICE_INIT("moonshot"),  NAME_KIMI    },
    {SLICE_INIT("glm"),       NAME_GLM     },
    {SLICE_INIT("mimo"),      NAME_MIMO    },
    {SLICE_INIT("qwen"),      NAME_QWEN    },
    {SLICE_INIT("qwq"),       NAME_QWEN    },
    {SLICE_INIT("minimax"),   NAME_MINIMAX },
    {SLICE_INIT("llama"),     NAME_LLAMA   },
    {SLICE_INIT("grok"),      NAME_GROK    },
};

enum word {
    W_OPUS = 1 << 0,
    W_SONNET = 1 << 1,
    W_HAIKU = 1 << 2,
    W_FABLE = 1 << 3,
    W_PRO = 1 << 4,
    W_FLASH = 1 << 5,
    W_LITE = 1 << 6,
    W_MINI = 1 << 7,
    W_CODEX = 1 << 8,
    W_CHAT = 1 << 9,
    W_RESEARCH = 1 << 10,
    W_OSS = 1 << 11,
    W_IMAGE = 1 << 12,
    W_THINKING = 1 << 13,
    W_TURBO = 1 << 14,
    W_AUDIO = 1 << 15,
    W_MAX = 1 << 16,
    W_NON = 1 << 17,
    W_USE = 1 << 18,
    W_OMNI = 1 << 19, // the "o" of 4o
};

static const struct {
    struct slice text;
    enum word word;
} words[] = {
    {SLICE_INIT("opus"),     W_OPUS    },
    {SLICE_INIT("sonnet"),   W_SONNET  },
    {SLICE_INIT("haiku"),    W_HAIKU   },
    {SLICE_INIT("fable"),    W_FABLE   },
    {SLICE_INIT("pro"),      W_PRO     },
    {SLICE_INIT("flash"),    W_FLASH   },
    {SLICE_INIT("lite"),     W_LITE    },
    {SLICE_INIT("mini"),     W_MINI    },
    {SLICE_INIT("codex"),    W_CODEX   },
    {SLICE_INIT("chat"),     W_CHAT    },
    {SLICE_INIT("research"), W_RESEARCH},
    {SLICE_INIT("oss"),      W_OSS     },
    {SLICE_INIT("image"),    W_IMAGE   },
    {SLICE_INIT("thinking"), W_THINKING},
    {SLICE_INIT("turbo"),    W_TURBO   },
    {SLICE_INIT("audio"),    W_AUDIO   },
    {SLICE_INIT("max"),      W_MAX     },
    {SLICE_INIT("non"),      W_NON     },
    {SLICE_INIT("use"),      W_USE     },
};

struct row {
    int where;
    enum name name;
    uint32_t with, without; // words
    uint32_t from, to;      // versions
    struct chat_model model;
};

#define ANY UINT32_MAX

/* Rungs of the ladder, and traits that go together. */
#define NONE        (1u << EFFORT_NONE)
#define MINIMAL     (1u << EFFORT_MINIMAL)
#define MEDIUM      (1u << EFFORT_MEDIUM)
#define HIGH        (1u << EFFORT_HIGH)
#define XHIGH       (1u << EFFORT_XHIGH)
#define MAX         (1u << EFFORT_MAX)
#define LOW_TO_HIGH (1u << EFFORT_LOW | MEDIUM | HIGH)
#define LOW_TO_MAX  (LOW_TO_HIGH | XHIGH | MAX)
#define CLAUDE_45   (TRAIT_SCHEMA | TRAIT_STRICT_TOOLS | TRAIT_ONE_SAMPLER)
#define CLAUDE_46   (CLAUDE_45 | TRAIT_NO_PREFILL)
#define CLAUDE_47   (TRAIT_SCHEMA | TRAIT_STRICT_TOOLS | TRAIT_NO_PREFILL | TRAIT_NO_SAMPLING)
#define CLAUDE_55                                                                \
    (CLAUDE_47 | TRAIT_MID_SYSTEM | TRAIT_ALWAYS_THINKS | TRAIT_NO_FORCED_TOOL | \
     TRAIT_BOUND_THINKING)
#define CLAUDE_NEW (TRAIT_SCHEMA | TRAIT_STRICT_TOOLS | TRAIT_MID_SYSTEM)
#define GEMINI_25  (TRAIT_SCHEMA | TRAIT_FILE_URLS | TRAIT_NO_PENALTIES)
#define GEMINI_3                                                                                  \
    (TRAIT_SCHEMA | TRAIT_FILE_URLS | TRAIT_SIGNED_CALLS | TRAIT_TOOL_MEDIA | TRAIT_MIXED_TOOLS | \
     TRAIT_ALWAYS_THINKS)
#define GEMINI_4 \
    (GEMINI_3 | TRAIT_NO_SAMPLING | TRAIT_NO_PENALTIES | TRAIT_NO_CANDIDATES | TRAIT_NO_PREFILL)
#define GPT_5 \
    (TRAIT_REASONING | TRAIT_SCHEMA | TRAIT_NO_SAMPLING | TRAIT_NO_PENALTIES | TRAIT_NO_STOP)
#define GPT_54        (GPT_5 | TRAIT_RESPONSES_TOOLS)
#define OPENAI_O      (GPT_5 | TRAIT_ALWAYS_THINKS)
#define KIMI_THINKING (TRAIT_SCHEMA | TRAIT_REASONING_BACK)

/* clang-format off */
static const struct row rows[] = {
#define MODEL(where, name, with, without, from, to, family, control, efforts, traits, out, min, max) \
    {where, NAME_##name, with, without, from, to,                                                    \
     {family, control, efforts, (uint32_t)(traits), out, min, max}},
#include "chat/model.def"
#undef MODEL
};
/* clang-format on */

/* An id taken apart. */
struct id {
    enum name name;
    uint32_t words;
    uint32_t numbers[2]; // of the version: "4-6", "5.6"
    int number_count;
    bool numbered; // the version is over: what follows is a date, a size, a revision
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

static size_t leading_digits(struct slice s)
{
    size_t n = 0;

    while (n < s.len && is_digit(s.ptr[n]))
        n++;
    return n;
}

static void add_number(struct id *id, struct slice digits)
{
    uint64_t value = 0;

    if (id->numbered || digits.len > 2 || id->number_count == 2) {
        id->numbered = true; // a date: 20250514, 2025, 0613
        return;
    }
    slice_to_u64(digits, &value);
    id->numbers[id->number_count++] = (uint32_t)value;
}

/* Until there is a name, each word may be one; "o3" and "qwen3" name and number at once. */
static void take_name(struct id *id, struct slice word)
{
    if (word.len == 2 && word.ptr[0] == 'o' && is_digit(word.ptr[1])) {
        id->name = NAME_O_SERIES;
        add_number(id, slice_after(word, 1));
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct slice rest;
        if (word.ptr[0] != names[i].prefix.ptr[0] || !slice_starts(word, names[i].prefix))
            continue; // most differ in the first letter
        id->name = names[i].name;
        rest = slice_after(word, names[i].prefix.len);
        if (rest.len && leading_digits(rest) == rest.len)
            add_number(id, rest);
        return;
    }
}

/* Behind the name: numbers, "v4" and "k2", "4o", "opus", "20250514", "27b". */
static void take_word(struct id *id, struct slice word)
{
    size_t digits = leading_digits(word);

    if (digits == word.len) {
        add_number(id, word);
    } else if (digits == 1 && word.len == 2 && word.ptr[1] == 'o' && !id->number_count) {
        add_number(id, slice_sub(word, 0, 1));
        id->words |= W_OMNI;
    } else if (!digits && word.len > 1 && !id->number_count &&
               leading_digits(slice_after(word, 1)) == word.len - 1) {
        add_number(id, slice_after(word, 1));
    } else {
        id->numbered = id->numbered || id->number_count;
        for (size_t i = 0; i < ARRAY_LEN(words); i++) {
            if (slice_eq(word, words[i].text)) {
                id->words |= words[i].word;
                break;
            }
        }
    }
}

/* Whatever stands before the name ("us.anthropic.", "models/") is looked through. */
static void take_apart(struct slice model, struct id *id)
{
    char lower[96];
    size_t slash = slice_find_last(model, '/'), start = 0;
    struct slice text = slice_sub(model, slash == SIZE_MAX ? 0 : slash + 1, sizeof(lower) - 1);

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    lower[text.len] = '-';
    for (size_t i = 0; i <= text.len; i++) {
        struct slice word = slice_of(lower + start, i - start);
        if (is_digit(lower[i]) || is_letter(lower[i]))
            continue;
        start = i + 1;
        if (word.len && id->name != NAME_NOBODY)
            take_word(id, word);
        else if (word.len)
            take_name(id, word);
    }
}

static int where_of(enum dialect upstream)
{
    switch (upstream) {
    case DIALECT_ANTHROPIC: return AT_A;
    case DIALECT_GEMINI: return AT_G;
    case DIALECT_OPENAI_CHAT:
    case DIALECT_OPENAI_RESPONSES:
    case DIALECT_OPENAI:
    case DIALECT_COUNT: break;
    }
    return AT_O;
}

const struct chat_model *chat_model_find(enum dialect upstream, struct slice model)
{
    struct id id = {0};
    uint32_t version;
    int at = where_of(upstream);
    size_t i;

    take_apart(model, &id);
    version = id.numbers[0] * 100 + id.numbers[1];
    for (i = 0; i < ARRAY_LEN(rows) - 1; i++) {
        const struct row *r = &rows[i];
        if (r->where != at || (r->name != id.name && r->name != NAME_NOBODY))
            continue;
        if (version >= r->from && version < r->to && (id.words & r->with) == r->with &&
            !(id.words & r->without))
            break;
    }
    return &rows[i].model; // the last row takes everything that came so far
}

enum chat_effort chat_model_effort(const struct chat_model *m, enum chat_effort wanted)
{
    /* From thinking little to not at all is no small step: NONE is only for who asks for it. */
    int lowest = wanted == EFFORT_NONE ? EFFORT_NONE : EFFORT_MINIMAL;

    if (wanted == EFFORT_UNSET)
        return EFFORT_UNSET;
    for (int e = (int)wanted; e >= lowest; e--) {
        if (m->efforts & 1u << e)
            return (enum chat_effort)e;
    }
    for (int e = (int)wanted + 1; e < EFFORT_COUNT; e++) {
        if (m->efforts & 1u << e)
            return (enum chat_effort)e;
    }
    return EFFORT_UNSET;
}
