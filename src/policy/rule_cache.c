/* rule_cache.c - cache_breakpoint: marks on the prompts of Anthropic's upstreams. */
#include "policy/rule_prompt.h"

/* The block that the rule speaks of; `count` when there is none. */
static size_t find(const struct prompt *p, const struct rule *r)
{
    size_t passed = 0;

    for (size_t i = 0; i < p->count; i++) {
        size_t at = r->is_from_end ? p->count - 1 - i : i;
        if (p->blocks[at].target == r->target && !p->blocks[at].is_inside && ++passed == r->nth)
            return at;
    }
    return p->count;
}

void rule_work_cache(struct rule_work *w, const struct rule *const *rules, size_t count,
                     struct rule_outcome *outcomes)
{
    bool is_meant = w->dialect == DIALECT_ANTHROPIC && rule_is_talk(w);
    struct prompt p;

    if (is_meant)
        prompt_read(&p, w);
    for (size_t i = 0; i < count; i++) {
        size_t at = is_meant ? find(&p, rules[i]) : 0;
        outcomes[i].rule = rules[i];
        if (!is_meant)
            outcomes[i].why = "the upstream speaks another dialect, or has no prompt";
        else if (at == p.count)
            outcomes[i].why = "there is no such block";
        else
            outcomes[i].why = prompt_mark(&p, at, rules[i]->ttl);
        outcomes[i].changed = !outcomes[i].why;
    }
    if (is_meant)
        prompt_write(&p);
}
