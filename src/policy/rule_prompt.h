/* rule_prompt.h - the blocks of an Anthropic prompt, and which of them are marked for caching. */
#ifndef POLICY_RULE_PROMPT_H
#define POLICY_RULE_PROMPT_H

#include "policy/rule_inside.h"

/*
 * A prompt is tools, system, messages, in this order; a mark stands on a block of it and means
 * all up to there.  The vendor takes four at most, and none of an hour behind one of five
 * minutes (platform.claude.com/docs/en/build-with-claude/prompt-caching, read 2026-11).  The
 * mark of the request itself is a fifth place: it stands for the last block.
 */
#define PROMPT_MARKS_MAX 4

struct prompt_block {
    struct slice item; // an item of a list, or a string that stands for a list of one text
    struct slice text; // the literal, of a block of text
    struct slice mark; // the value of cache_control; null is none
    enum rule_target target;
    enum rule_ttl ttl; // of the mark, also of one that is only planned
    bool is_string, is_planned;
    bool is_inside; // of a tool's result: it may be marked already, not by us
    bool carries;   // may be marked
    bool is_cut;    // is to be taken out
};

struct prompt {
    struct rule_work *w;
    struct slice tools, system, messages; // as they stand in the request
    struct prompt_block *blocks;          // in the order of the prompt; the last is the request
    size_t count, cap;
    size_t marks;
};

/** Reads all of it. */
void prompt_read(struct prompt *p, struct rule_work *w);

/** Plans a mark there; why it cannot be, or NULL. */
const char *prompt_mark(struct prompt *p, size_t at, enum rule_ttl ttl);

/** Makes the changes for all marks that were planned. */
void prompt_write(struct prompt *p);

#endif
