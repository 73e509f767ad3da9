/* rule.h - changes that operators make to requests on their way (spec.md 9). */
#ifndef POLICY_RULE_H
#define POLICY_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"
#include "chat/dialect.h"
#include "policy/row.h"
#include "json/splice.h"

/*
 * A rule is compiled once, into the snapshot.  A request passes two places where rules may
 * change its body: inbound, in the client's dialect, and outbound, in the upstream's.  At each
 * of them rules_find() says which rules match and rules_apply() does what they say:
 *
 *     m = rules_find(lists, &request, a);
 *     m.magic_strings = provider->magic_strings;      outbound only
 *     if (m.count || m.magic_strings)
 *         rules_apply(&m, dialect, operation, body, &splice, a, &result, e);
 */
enum rule_phase { RULE_INBOUND, RULE_OUTBOUND };

struct rule;      // one, compiled
struct rule_list; // those of one scope, with an index over their filters

struct rule_request {
    enum rule_phase phase;
    enum operation operation;
    enum dialect client, upstream; // `upstream` counts in the outbound phase only
    struct slice model;            // as the client sent it
    struct slice user;             // its name
};

struct rule_matches {
    size_t count;
    const struct rule *const *rules; // [count]
    bool magic_strings;              // the caller's: rules_apply() begins with them
    size_t considered;               // how many filters had to be looked at
};

/**
 * Those that match, of up to three lists (NULL ones are fine), in order of `order`, then
 * scope (global, provider, alias), then id.  `magic_strings` is left false.  Rules that name
 * models or users cost nothing where others are asked for (policy/pattern.h).
 */
struct rule_matches rules_find(const struct rule_list *const lists[3],
                               const struct rule_request *request, struct arena *a);

struct rule_header {
    struct slice name;
    struct slice value; // NULL pointer: the header is taken out
};

/* What became of a rule that matched. */
struct rule_outcome {
    const struct rule *rule; // NULL: the magic strings
    bool changed;
    const char *why; // what it could not do, in a few words; NULL: nothing to say
};

struct rule_result {
    struct slice body;  // in the arena, when it had to be written anew; else a NULL pointer
    bool changed;       // the body is another
    struct slice model; // what an inbound rule made of the name; else a NULL pointer
    struct rule_header *headers; // of outbound rules, each name once
    size_t header_count;
    struct rule_outcome *outcomes; // in the order in which they ran
    size_t outcome_count;
};

/**
 * Applies them to `body`, an object that json_scan() has accepted, of that dialect.  `splice`
 * is over `body` and holds no edits yet; afterwards it always says what the new body is: by edits
 * over `body`, or, where a rule had to see what another had made, over `out->body`, in which
 * case whatever was found in `body` must be looked for again.  What an edit borrows lives in
 * `a` and in the rules, that is, in the snapshot.
 *
 * A rule that does not fit the body does nothing and says why in its outcome.  ERR_BAD_REQUEST
 * is the client's fault alone: a key that is to be changed stands there twice.
 */
enum err rules_apply(const struct rule_matches *m, enum dialect dialect, enum operation op,
                     struct slice body, struct json_splice *splice, struct arena *a,
                     struct rule_result *out, struct err_info *e);

/** For people: "rule 12 (strict mode): set reasoning.effort"; NULL: "magic strings". */
struct slice rule_describe(const struct rule *r, struct arena *a);

int64_t rule_id(const struct rule *r);

/** What can be said of a rule by itself: ERR_BAD_REQUEST, and names the field. */
enum err rule_check(const struct rule_row *row, struct err_info *e);

/**
 * Compiles the row into `a`, which keeps all that the rule needs; `row` may go.  What cannot
 * be compiled is ERR_BAD_REQUEST, as above, and leaves nothing that is wrong behind.
 */
enum err rule_compile(const struct rule_row *row, struct arena *a, const struct rule **out,
                      struct err_info *e);

/** A list of compiled rules of one scope, in any order; it lives in `a`.  NULL for none. */
const struct rule_list *rule_list_new(const struct rule *const *rules, size_t count, uint64_t seed,
                                      struct arena *a);

#endif
