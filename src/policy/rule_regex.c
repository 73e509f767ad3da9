/* rule_regex.c - regular expressions over text that strangers send. */
#include "policy/rule_regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "base/panic.h"

#define STEPS_GRANTED     32000000 // of those, for all texts of a body: about a quarter of a second
#define STEPS_LEAST       1000000  // however short the texts
#define STEPS_PER_BYTE    8
#define BYTES_PER_STEP    32 // that a loop over single characters runs on
#define MATCH_LIMIT       1000000
#define HEAP_LIMIT_KIB    8192
#define JIT_STACK_BYTES   ((size_t)32 << 10)
#define JIT_STACK_LIMIT   ((size_t)512 << 10)
#define REPLACEMENT_PARTS 256
#define NAME_ROOM         33 // PCRE2's names have at most 32 characters

/* Of a replacement: either text, or what a group holds. */
struct part {
    struct slice text; // a NULL pointer: a group
    uint32_t group;
};

struct rule_regex {
    pcre2_code *code;
    struct part *parts;
    size_t part_count;
};

struct rule_matcher {
    const struct rule_regex *regex;
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    int64_t steps;   // that are left
    int64_t granted; // beside the first ones
    size_t start, furthest;
};

/* ---- compiling ---- */

static void free_code(void *code)
{
    pcre2_code_free(code);
}

static enum err compile_pattern(struct slice pattern, struct arena *a, struct rule_regex *r,
                                struct err_info *e)
{
    PCRE2_UCHAR why[128];
    PCRE2_SIZE at;
    int code;

    if (pattern.len > RULE_PATTERN_BYTES)
        return err_set(e, ERR_BAD_REQUEST, "pattern: must be at most %d bytes", RULE_PATTERN_BYTES);
    r->code =
        pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len,
                      PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_AUTO_CALLOUT, &code, &at, NULL);
    if (!r->code) {
        if (pcre2_get_error_message(code, why, sizeof(why)) < 0)
            why[0] = '\0';
        return err_set(e, ERR_BAD_REQUEST, "pattern: character %zu: %s", at + 1, (const char *)why);
    }
    arena_defer(a, free_code, r->code);
    (void)pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE); // where not: interpreted
    return ERR_NONE;
}

static enum err bad_replacement(size_t at, const char *what, struct err_info *e)
{
    return err_set(e, ERR_BAD_REQUEST, "replacement: character %zu: %s", at + 1, what);
}

/* The group that is called so; false when there is none, or more than one. */
static bool find_group(const struct rule_regex *r, struct slice name, uint32_t *out)
{
    uint32_t count = 0;
    char text[NAME_ROOM];
    uint64_t number;
    int found;

    pcre2_pattern_info(r->code, PCRE2_INFO_CAPTURECOUNT, &count);
    if (slice_to_u64(name, &number)) {
        *out = (uint32_t)number;
        return number <= count;
    }
    if (name.len == 0 || name.len >= sizeof(text))
        return false;
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    found = pcre2_substring_number_from_name(r->code, (PCRE2_SPTR)text);
    *out = found > 0 ? (uint32_t)found : 0;
    return found > 0;
}

/* What stands behind a '$' at `*at`, which moves behind it. */
static enum err read_group(struct rule_regex *r, struct slice text, size_t *at, struct part *out,
                           struct err_info *e)
{
    size_t from = *at, digits = from;
    struct slice name;

    if (from < text.len && text.ptr[from] == '$') {
        *out = (struct part){.text = slice_sub(text, from, 1)};
        *at = from + 1;
        return ERR_NONE;
    }
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    if (digits > from) {
        name = slice_sub(text, from, digits - from);
        *at = digits;
    } else if (from < text.len && text.ptr[from] == '{') {
        size_t len = slice_find(slice_after(text, from + 1), '}');
        if (len == SIZE_MAX)
            return bad_replacement(from, "expected '}'", e);
        name = slice_sub(text, from + 1, len);
        *at = from + len + 2;
    } else {
        return bad_replacement(from, "expected a number, {name} or another $", e);
    }
    *out = (struct part){
        .text = {NULL, 0}
    };
    return find_group(r, name, &out->group) ? ERR_NONE
                                            : bad_replacement(from, "there is no such group", e);
}

/* Text stands in `r` only where there is some. */
static enum err compile_replacement(struct slice text, struct arena *a, struct rule_regex *r,
                                    struct err_info *e)
{
    struct part parts[REPLACEMENT_PARTS];

    if (text.len > RULE_REPLACEMENT_BYTES)
        return err_set(e, ERR_BAD_REQUEST, "replacement: must be at most %d bytes",
                       RULE_REPLACEMENT_BYTES);
    text = arena_dup(a, text);
    for (size_t at = 0; at < text.len;) {
        size_t len = slice_find(slice_after(text, at), '$');
        struct part *part = &parts[r->part_count++];
        if (r->part_count == REPLACEMENT_PARTS)
            return bad_replacement(at, "there are too many groups", e);
        if (len) {
            *part = (struct part){.text = slice_sub(text, at, len)};
            at += part->text.len;
            continue;
        }
        at++;
        if (read_group(r, text, &at, part, e))
            return e->code;
    }
    r->parts = arena_array(a, struct part, r->part_count + 1);
    memcpy(r->parts, parts, r->part_count * sizeof(parts[0]));
    return ERR_NONE;
}

enum err rule_regex_compile(struct slice pattern, struct slice replacement, struct arena *a,
                            const struct rule_regex **out, struct err_info *e)
{
    struct rule_regex *r = arena_new(a, struct rule_regex);

    if (compile_pattern(pattern, a, r, e) || compile_replacement(replacement, a, r, e))
        return e->code;
    *out = r;
    return ERR_NONE;
}

/* ---- matching ---- */

/*
 * Runs before every item of the pattern, at every place where it is tried.  A loop over single
 * characters is one item: what it has run on since the last start is charged here.
 */
static int count_step(pcre2_callout_block *at, void *arg)
{
    struct rule_matcher *m = arg;

    if (at->start_match != m->start) {
        m->start = at->start_match;
        m->furthest = at->start_match;
    }
    m->steps--;
    if (at->current_position > m->furthest) {
        m->steps -= (int64_t)((at->current_position - m->furthest) / BYTES_PER_STEP);
        m->furthest = at->current_position;
    }
    return m->steps < 0 ? PCRE2_ERROR_CALLOUT : 0;
}

struct rule_matcher *rule_matcher_new(const struct rule_regex *r)
{
    struct rule_matcher *m = calloc(1, sizeof(*m));

    if (!m)
        panic("out of memory: matcher");
    m->regex = r;
    m->steps = STEPS_LEAST;
    m->data = pcre2_match_data_create_from_pattern(r->code, NULL);
    m->context = pcre2_match_context_create(NULL);
    m->stack = pcre2_jit_stack_create(JIT_STACK_BYTES, JIT_STACK_LIMIT, NULL);
    if (!m->data || !m->context)
        panic("out of memory: matcher");
    pcre2_set_callout(m->context, count_step, m);
    pcre2_set_match_limit(m->context, MATCH_LIMIT);
    pcre2_set_depth_limit(m->context, MATCH_LIMIT);
    pcre2_set_heap_limit(m->context, HEAP_LIMIT_KIB);
    if (m->stack)
        pcre2_jit_stack_assign(m->context, NULL, m->stack);
    return m;
}

void rule_matcher_free(struct rule_matcher *m)
{
    if (!m)
        return;
    pcre2_match_data_free(m->data);
    pcre2_match_context_free(m->context);
    pcre2_jit_stack_free(m->stack);
    free(m);
}

/*
 * The next match from `from` on: PCRE2's count of groups, or its error.  What is too deep for
 * the compiled code's stack is interpreted, which has a heap.
 */
static int match(struct rule_matcher *m, struct slice text, size_t from, uint32_t options)
{
    int groups;

    options |= PCRE2_NO_UTF_CHECK;
    m->start = m->furthest = from;
    groups = pcre2_match(m->regex->code, (PCRE2_SPTR)text.ptr, text.len, from, options, m->data,
                         m->context);
    if (groups == PCRE2_ERROR_JIT_STACKLIMIT)
        groups = pcre2_match(m->regex->code, (PCRE2_SPTR)text.ptr, text.len, from,
                             options | PCRE2_NO_JIT, m->data, m->context);
    return groups;
}

static void put_replacement(const struct rule_matcher *m, struct slice text, int groups,
                            struct buf *out)
{
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(m->data);

    for (size_t i = 0; i < m->regex->part_count; i++) {
        const struct part *p = &m->regex->parts[i];
        size_t start, end;
        if (p->text.ptr) {
            buf_append(out, p->text);
            continue;
        }
        if (p->group >= (uint32_t)groups)
            continue; // it took no part
        start = at[2 * (size_t)p->group];
        end = at[2 * (size_t)p->group + 1];
        if (start != PCRE2_UNSET && start <= end)
            buf_append(out, slice_sub(text, start, end - start));
    }
}

static enum rule_match failure(int code)
{
    switch (code) {
    case PCRE2_ERROR_NOMATCH: return RULE_MATCH_NONE;
    case PCRE2_ERROR_CALLOUT:
    case PCRE2_ERROR_MATCHLIMIT:
    case PCRE2_ERROR_DEPTHLIMIT:
    case PCRE2_ERROR_HEAPLIMIT: return RULE_MATCH_STEPS;
    default: return RULE_MATCH_ERROR;
    }
}

/* Behind the character at `at`. */
static size_t step_over(struct slice text, size_t at)
{
    at++;
    while (at < text.len && ((unsigned char)text.ptr[at] & 0xc0) == 0x80)
        at++;
    return at;
}

/* A longer text may take longer, up to what a worker can be kept from its other requests. */
static void grant(struct rule_matcher *m, size_t len)
{
    int64_t more = STEPS_PER_BYTE * (int64_t)len;

    if (more > STEPS_GRANTED - m->granted)
        more = STEPS_GRANTED - m->granted;
    m->granted += more;
    m->steps += more;
}

/*
 * As everywhere: after an empty match the same place is asked again for one that is not, and
 * where there is none, a character is passed over.
 */
enum rule_match rule_matcher_replace(struct rule_matcher *m, struct slice text, size_t limit,
                                     struct buf *out)
{
    const PCRE2_SIZE *span = pcre2_get_ovector_pointer(m->data);
    size_t from = 0, copied = 0;
    bool was_empty = false, any = false;

    buf_clear(out);
    if (text.len > RULE_TEXT_BYTES)
        return RULE_MATCH_LONG;
    if (!text.ptr)
        text.ptr = "";
    grant(m, text.len);
    while (from <= text.len) {
        uint32_t options = was_empty ? PCRE2_NOTEMPTY_ATSTART | PCRE2_ANCHORED : 0;
        int groups = match(m, text, from, options);
        if (groups == PCRE2_ERROR_NOMATCH && was_empty) {
            from = step_over(text, from);
            was_empty = false;
            continue;
        }
        if (groups == PCRE2_ERROR_NOMATCH)
            break;
        if (groups <= 0)
            return groups < 0 ? failure(groups) : RULE_MATCH_ERROR;
        if (span[0] < copied || span[1] < span[0])
            return RULE_MATCH_ERROR; // \K in a lookaround
        buf_append(out, slice_sub(text, copied, span[0] - copied));
        put_replacement(m, text, groups, out);
        any = true;
        copied = from = span[1];
        was_empty = span[0] == span[1];
        if (buf_len(out) > limit)
            return RULE_MATCH_LONG;
    }
    if (!any)
        return RULE_MATCH_NONE;
    buf_append(out, slice_after(text, copied));
    return buf_len(out) > limit ? RULE_MATCH_LONG : RULE_MATCH_SOME;
}
