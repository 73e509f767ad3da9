/* journal_words.c - what the numbers in a journal's records mean. */
#include "store/journal_words.h"

#include <assert.h>

#include "base/err.h"
#include "policy/record.h"

static const char *operation_word(unsigned i)
{
    return operation_name((enum operation)i);
}

static const char *dialect_word(unsigned i)
{
    return dialect_name((enum dialect)i);
}

static const char *outcome_word(unsigned i)
{
    return outcome_name((enum outcome)i);
}

static const char *source_word(unsigned i)
{
    return usage_source_name((enum usage_source)i);
}

static const char *err_word(unsigned i)
{
    return err_name((enum err)i);
}

static const char *kind_word(unsigned i)
{
    return usage_kind_name((enum usage_kind)i);
}

static const char *tier_word(unsigned i)
{
    return service_tier_name((enum service_tier)i);
}

static const struct {
    unsigned count;
    const char *(*name)(unsigned i);
} groups[WORD_GROUP_COUNT] = {
    [WORD_OPERATION] = {OP_COUNT,            operation_word},
    [WORD_DIALECT] = {DIALECT_COUNT,       dialect_word  },
    [WORD_OUTCOME] = {OUTCOME_UNKNOWN + 1, outcome_word  },
    [WORD_SOURCE] = {USAGE_LOCAL + 1,     source_word   },
    [WORD_ERR] = {ERR_COUNT,           err_word      },
    [WORD_KIND] = {USAGE_KIND_COUNT,    kind_word     },
    [WORD_TIER] = {SERVICE_TIER_COUNT,  tier_word     },
};

static_assert(ERR_COUNT <= JOURNAL_WORDS_MOST && USAGE_KIND_COUNT <= 16, "room for every name");

static size_t put(char *out, size_t at, const char *text)
{
    size_t len = strlen(text);

    assert(at + len + 2 < JOURNAL_WORDS_BYTES);
    memcpy(out + at, text, len);
    out[at + len] = '\n';
    return at + len + 1;
}

void journal_words_write(char out[JOURNAL_WORDS_BYTES])
{
    size_t at = 0;

    memset(out, 0, JOURNAL_WORDS_BYTES);
    for (size_t g = 0; g < WORD_GROUP_COUNT; g++) {
        for (unsigned i = 0; i < groups[g].count; i++)
            at = put(out, at, groups[g].name(i));
        at = put(out, at, "");
    }
}

void journal_words_same(struct journal_words *w)
{
    for (size_t g = 0; g < WORD_GROUP_COUNT; g++) {
        w->count[g] = (uint8_t)groups[g].count;
        for (unsigned i = 0; i < groups[g].count; i++)
            w->ours[g][i] = (uint8_t)i;
    }
}

static bool find(size_t group, struct slice name, uint8_t *ours)
{
    for (unsigned i = 0; i < groups[group].count; i++) {
        if (slice_eq(name, slice_str(groups[group].name(i)))) {
            *ours = (uint8_t)i;
            return true;
        }
    }
    return false;
}

bool journal_words_read(struct slice text, struct journal_words *w, struct slice *unknown)
{
    *w = (struct journal_words){.count = {0}};
    for (size_t g = 0; g < WORD_GROUP_COUNT; g++) {
        struct slice name;

        while ((name = slice_cut(text, '\n', &text)).len) {
            if (w->count[g] == JOURNAL_WORDS_MOST || !find(g, name, &w->ours[g][w->count[g]])) {
                *unknown = name;
                return false;
            }
            w->count[g]++;
        }
    }
    return true;
}
