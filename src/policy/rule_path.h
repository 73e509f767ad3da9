/* rule_path.h - where in a JSON document: a.b[0].c, a[*].b. */
#ifndef POLICY_RULE_PATH_H
#define POLICY_RULE_PATH_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

/*
 *   path = key { "." key | "[" digits "]" | "[*]" | "[" string "]" }
 *   key  = letters, digits, '_', '-', '$', and what is not ASCII
 *
 * A string in brackets is JSON's, for keys of any characters: a["x.y"].  It may stand first.
 */
#define RULE_PATH_BYTES 512
#define RULE_PATH_STEPS 32
#define RULE_PATH_ITEM  99999 // the highest index

enum rule_step_kind { RULE_STEP_KEY, RULE_STEP_ITEM, RULE_STEP_ALL };

struct rule_step {
    enum rule_step_kind kind;
    struct slice key; // RULE_STEP_KEY, unescaped
    size_t item;      // RULE_STEP_ITEM
};

struct rule_path {
    const struct rule_step *steps; // the first is a key
    size_t count;
};

/** What is wrong, and at which character from 1: ERR_BAD_REQUEST.  Keys are copied to `a`. */
enum err rule_path_parse(struct slice text, struct arena *a, struct rule_path *out,
                         struct err_info *e);

#endif
