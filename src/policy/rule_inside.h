/* rule_inside.h - what the parts of rules share.  Private to this room. */
#ifndef POLICY_RULE_INSIDE_H
#define POLICY_RULE_INSIDE_H

#include "policy/rule.h"
#include "policy/rule_path.h"
#include "policy/rule_regex.h"

enum rule_action {
    RULE_SET,
    RULE_DEFAULT,
    RULE_REMOVE,
    RULE_APPEND,
    RULE_REPLACE,
    RULE_HEADER,
    RULE_SYSTEM,
    RULE_CACHE,
    RULE_ACTION_COUNT
};

enum rule_scope { RULE_GLOBAL, RULE_OF_PROVIDER, RULE_OF_ALIAS };

/* What must be so for a rule to match; all of them.  What is not given always holds. */
struct rule_filter {
    const struct slice *models; // globs
    size_t model_count;
    const struct slice *users; // globs
    size_t user_count;
    unsigned operations, clients, upstreams; // a bit for each; 0: any
};

/* Where a breakpoint goes, in the order of the prompt, which is what is cached. */
enum rule_target { RULE_TOOLS, RULE_SYSTEM_BLOCKS, RULE_MESSAGES, RULE_TOP_LEVEL };
enum rule_ttl { RULE_TTL_NONE, RULE_TTL_AUTO, RULE_TTL_5M, RULE_TTL_1H };

struct rule {
    int64_t id, ordinal;
    struct slice label;
    enum rule_scope scope;
    enum rule_phase phase;
    enum rule_action action;
    struct rule_filter filter;
    struct slice path_text;         // as it was written
    struct rule_path path;          // SET, DEFAULT, REMOVE, APPEND
    struct slice value;             // of those, JSON
    bool is_done;                   // of those: gproxy does so by itself
    const struct rule_regex *regex; // REPLACE
    struct slice name;              // HEADER
    struct slice text;              // HEADER: its value, or a NULL pointer; SYSTEM
    bool is_prepend;                // SYSTEM
    enum rule_target target;        // CACHE, and the three below
    bool is_from_end;
    size_t nth; // from 1
    enum rule_ttl ttl;
};

/** What `filter` says, checked for that phase.  NULL pointer: nothing. */
enum err rule_filter_compile(struct slice json, enum rule_phase phase, struct arena *a,
                             struct rule_filter *out, struct err_info *e);

bool rule_filter_admits(const struct rule_filter *f, const struct rule_request *r);

/*
 * Changes that one rule makes to one text.  They are gathered first, and only then made: a rule
 * that gives up half way has done nothing.  All spans are in `text`; no two changes overlap.
 */
#define RULE_GROWTH_BYTES ((size_t)16 << 20) // that all rules together may add to a body

enum rule_change_kind { CHANGE_PUT, CHANGE_DROP, CHANGE_BYTES };

struct rule_change {
    enum rule_change_kind kind;
    struct json_span object, value; // PUT and DROP: as in json/splice.h; BYTES: `value` goes
    struct slice key, raw;
    size_t turn; // in which it was gathered
};

struct rule_work {
    struct slice text; // a JSON object,
    struct slice top;  // and the same without whitespace around it
    enum dialect dialect;
    enum operation operation;
    struct arena *arena;
    struct rule_change *changes;
    size_t count, cap;
    size_t room;     // bytes that may still be added
    bool is_over;    // the rule has given up: it does nothing
    const char *why; // the rule does nothing, or not all; the first reason stays
    enum err err;    // the client's fault: it ends here
    struct err_info *e;
};

/** A member is given a value; `value` is absent (a NULL pointer) where it has none yet. */
void rule_put(struct rule_work *w, struct slice object, struct slice value, struct slice key,
              struct slice raw);

/** The member that has this value goes. */
void rule_drop(struct rule_work *w, struct slice value);

/** The bytes of `old` become `raw`; an empty `old` says where. */
void rule_bytes(struct rule_work *w, struct slice old, struct slice raw);

/** Before the closing bracket of an array that has `count` items. */
void rule_push(struct rule_work *w, struct slice array, size_t count, struct slice raw);

/** Behind its opening bracket. */
void rule_push_front(struct rule_work *w, struct slice array, size_t count, struct slice raw);

/** The member's value, a NULL pointer for none; sets `err` where there are two. */
struct slice rule_member(struct rule_work *w, struct slice object, struct slice key);

/** Whether a key, raw and without its quotes, is `name`. */
bool rule_key_is(struct slice raw, struct slice name);

/** Why this and not all of the rule is done, if nothing was said yet. */
void rule_say(struct rule_work *w, const char *why);

/** Whether what is asked is a conversation, with texts in places that are known. */
bool rule_is_talk(const struct rule_work *w);

/**
 * Each says what it changes in `w`.  Breakpoints that stand next to each other are done at
 * one go, so that the text is read once; `outcomes[count]` are theirs.
 */
void rule_work_path(struct rule_work *w, const struct rule *r);
void rule_work_text(struct rule_work *w, const struct rule *r);
void rule_work_system(struct rule_work *w, const struct rule *r);

void rule_work_cache(struct rule_work *w, const struct rule *const *rules, size_t count,
                     struct rule_outcome *outcomes);
void rule_work_magic(struct rule_work *w);

/** Whether there is anything for rule_work_magic() to do. */
bool rule_magic_occurs(struct slice text);

#endif
