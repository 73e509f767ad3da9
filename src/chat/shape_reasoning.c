/* shape_reasoning.c - how much to think, in the upstream's words (protocols/mapping.md 2.8). */
#include "base/array.h"
#include "chat/field.h"
#include "chat/shape_inside.h"
#include "json/raw.h"

#define LEAST_CLAUDE_BUDGET 1024
#define LEAST_TOP_P         0.95 // that Claude takes beside thinking

/* Budgets of the ladder's steps, and the largest budget that still is that step. */
/* clang-format off */
static const struct {
    int64_t claude, gemini, most;
} steps[EFFORT_COUNT] = {
    [EFFORT_MINIMAL] = {1024,      512,       512},
    [EFFORT_LOW]     = {1024,      1024,      1024},
    [EFFORT_MEDIUM]  = {8192,      8192,      8192},
    [EFFORT_HIGH]    = {24576,     24576,     24576},
    [EFFORT_XHIGH]   = {32768,     32768,     INT64_MAX},
    [EFFORT_MAX]     = {INT64_MAX, INT64_MAX, INT64_MAX},
};
/* clang-format on */

static void note(struct chat_request *r)
{
    chat_note(r, chat_field_name(r->dialect, FIELD_REASONING));
}

static void note_degraded(struct chat_request *r)
{
    chat_note_degraded(r, chat_field_name(r->dialect, FIELD_REASONING));
}

static bool is_off(const struct chat_request *r)
{
    return r->reasoning.off || r->reasoning.effort == EFFORT_NONE || r->reasoning.budget == 0;
}

/* UNSET: nothing was asked for, or to think as the model sees fit. */
static enum chat_effort wanted(const struct chat_request *r)
{
    if (is_off(r))
        return EFFORT_NONE;
    if (r->reasoning.effort != EFFORT_UNSET || r->reasoning.budget < 0)
        return r->reasoning.effort;
    for (int e = EFFORT_MINIMAL; e < EFFORT_XHIGH; e++) {
        if (r->reasoning.budget <= steps[e].most)
            return (enum chat_effort)e;
    }
    return EFFORT_XHIGH;
}

static void say(struct chat_request *r, enum chat_thinking how, enum chat_effort effort)
{
    r->reasoning.sent = how;
    r->reasoning.sent_effort = effort;
}

static void say_budget(struct chat_request *r, int64_t budget)
{
    r->reasoning.sent = THINKING_BUDGET;
    r->reasoning.sent_budget = budget;
}

/* The step that is asked for, or the nearest that the model has. */
static void say_step(struct chat_request *r, const struct chat_target *t, enum chat_thinking how)
{
    enum chat_effort step = wanted(r), has = chat_model_effort(t->gates, step);

    if (step == EFFORT_UNSET)
        return;
    /* Claude 4.6 has a step above high, under the other name. */
    if (how == THINKING_ADAPTIVE && step == EFFORT_XHIGH && has == EFFORT_HIGH)
        has = chat_model_effort(t->gates, EFFORT_MAX);
    say(r, how, has);
    if (has != step)
        note_degraded(r);
}

static int64_t clamp(int64_t budget, const struct chat_model *m)
{
    if (budget < m->budget_min)
        return m->budget_min;
    return m->budget_max && budget > m->budget_max ? m->budget_max : budget;
}

static bool is_forced(const struct chat_request *r)
{
    return r->choice == CHOICE_REQUIRED || r->choice == CHOICE_ONE ||
           r->choice == CHOICE_ALLOWED_REQUIRED;
}

/* max_tokens counts thinking too: the client's figure is for what it sees, so it grows. */
static void fit_budget(struct chat_request *r, const struct chat_model *m)
{
    int64_t *budget = &r->reasoning.sent_budget;

    if (r->max_output <= 0)
        return;
    if (r->max_output <= *budget) {
        r->max_output += *budget;
        if (m->max_output && r->max_output > m->max_output)
            r->max_output = m->max_output;
    }
    if (*budget < r->max_output)
        return;
    *budget = r->max_output - 1;
    if (*budget >= LEAST_CLAUDE_BUDGET)
        return;
    say(r, THINKING_UNSAID, EFFORT_UNSET);
    note_degraded(r);
}

static void claude_budget(struct chat_request *r, const struct chat_target *t)
{
    const struct chat_model *m = t->gates;
    enum chat_effort step = wanted(r);
    int64_t budget = r->reasoning.budget;

    if (step == EFFORT_UNSET || step == EFFORT_NONE)
        return; // such models think only when they are told to
    /* Both would be refused: thinking behind a forced call, and calls whose thoughts are gone. */
    if (is_forced(r) || !shape_thought_before_calls(r, t)) {
        note_degraded(r);
        return;
    }
    if (budget <= 0)
        budget = step == EFFORT_MAX && m->max_output ? m->max_output - 4096 : steps[step].claude;
    say_budget(r, clamp(budget, m));
    fit_budget(r, m);
}

static void claude_off(struct chat_request *r, const struct chat_target *t)
{
    if (!chat_model_has(t->gates, TRAIT_ALWAYS_THINKS)) {
        say(r, THINKING_DISABLED, EFFORT_UNSET);
        return;
    }
    if (chat_model_has(t->gates, TRAIT_BETWEEN_TOOLS))
        say(r, THINKING_BETWEEN_TOOLS, EFFORT_UNSET);
    else
        say(r, THINKING_ADAPTIVE, EFFORT_LOW);
    note_degraded(r);
}

/*
 * Without a step it is said where the client asked for thinking as such or to see some.
 * The newest ones also put the text between calls into it, which a stream would not show.
 */
static void claude_adaptive(struct chat_request *r, const struct chat_target *t)
{
    bool asked = r->reasoning.adaptive || r->reasoning.budget == BUDGET_DYNAMIC ||
                 r->reasoning.show == CHAT_YES;

    if (is_off(r)) {
        claude_off(r, t);
        return;
    }
    say_step(r, t, THINKING_ADAPTIVE);
    if (r->reasoning.sent != THINKING_UNSAID)
        return;
    if (!asked && chat_model_has(t->gates, TRAIT_BOUND_THINKING) && r->stream &&
        r->reasoning.show == CHAT_UNSET) {
        r->reasoning.show = CHAT_YES;
        asked = true;
    }
    if (asked)
        say(r, THINKING_ADAPTIVE, EFFORT_UNSET);
}

static void gemini_budget(struct chat_request *r, const struct chat_model *m)
{
    bool always = chat_model_has(m, TRAIT_ALWAYS_THINKS);
    enum chat_effort step = wanted(r);

    if (step == EFFORT_NONE) {
        say_budget(r, always ? m->budget_min : 0);
        if (always)
            note_degraded(r);
    } else if (r->reasoning.budget > 0) {
        say_budget(r, clamp(r->reasoning.budget, m));
    } else if (step != EFFORT_UNSET) {
        say_budget(r, clamp(steps[step].gemini, m));
    } else if (r->reasoning.adaptive || r->reasoning.budget == BUDGET_DYNAMIC) {
        say_budget(r, BUDGET_DYNAMIC);
    }
}

/* Their tools and thinking go together on Responses alone, where the router could not go. */
static bool must_not_think(const struct chat_request *r, const struct chat_target *t)
{
    return t->dialect == DIALECT_OPENAI_CHAT && t->host == HOST_VENDOR &&
           chat_model_has(t->gates, TRAIT_RESPONSES_TOOLS) && !list_is_empty(&r->tools);
}

static void openai_effort(struct chat_request *r, const struct chat_target *t)
{
    if (must_not_think(r, t)) {
        say(r, THINKING_EFFORT, EFFORT_NONE);
        if (!is_off(r))
            note_degraded(r);
    } else if (is_off(r) && t->gates->family == FAMILY_DEEPSEEK) {
        say(r, THINKING_DISABLED, EFFORT_UNSET); // its ladder has no such step
    } else {
        say_step(r, t, THINKING_EFFORT);
    }
}

/* No ladder: some can be told not to think, nobody how much. */
static void no_control(struct chat_request *r, const struct chat_target *t)
{
    enum chat_effort step = wanted(r);

    if (step == EFFORT_NONE && t->gates->family == FAMILY_MOONSHOT &&
        chat_model_has(t->gates, TRAIT_REASONING_BACK)) {
        if (chat_model_has(t->gates, TRAIT_ALWAYS_THINKS))
            note_degraded(r);
        else
            say(r, THINKING_DISABLED, EFFORT_UNSET);
    } else if (step != EFFORT_NONE && step != EFFORT_UNSET) {
        note(r);
    }
}

static void say_how_much(struct chat_request *r, const struct chat_target *t)
{
    switch (t->gates->control) {
    case CONTROL_NONE: no_control(r, t); return;
    case CONTROL_EFFORT: openai_effort(r, t); return;
    case CONTROL_LEVEL: say_step(r, t, THINKING_LEVEL); return;
    case CONTROL_BOTH:
    case CONTROL_ADAPTIVE: claude_adaptive(r, t); return;
    case CONTROL_BUDGET:
        if (t->dialect == DIALECT_GEMINI)
            gemini_budget(r, t->gates);
        else
            claude_budget(r, t);
        return;
    }
}

/* May there be something to show? */
static bool may_think(const struct chat_request *r, const struct chat_model *m)
{
    switch (r->reasoning.sent) {
    case THINKING_UNSAID: return m->control != CONTROL_NONE;
    case THINKING_EFFORT: return r->reasoning.sent_effort != EFFORT_NONE;
    case THINKING_BUDGET: return r->reasoning.sent_budget != 0;
    case THINKING_LEVEL:
    case THINKING_ADAPTIVE:
    case THINKING_BETWEEN_TOOLS: return true;
    case THINKING_DISABLED: return false;
    }
    return false;
}

static bool claude_thinks(const struct chat_request *r)
{
    return r->reasoning.sent == THINKING_BUDGET || r->reasoning.sent == THINKING_ADAPTIVE ||
           r->reasoning.sent == THINKING_BETWEEN_TOOLS;
}

/* What could not be decided without knowing whether it thinks. */
static void shape_sampling(struct chat_request *r, const struct chat_target *t)
{
    struct slice kept = {0};
    double value;

    if (t->dialect == DIALECT_ANTHROPIC && claude_thinks(r)) {
        if (json_double(r->top_p, &value) && value >= LEAST_TOP_P) {
            kept = r->top_p;
            r->top_p = (struct slice){0};
        }
        shape_drop_sampling(r, t);
        r->top_p = kept;
    } else if (chat_model_has(t->gates, TRAIT_IDLE_SAMPLING) &&
               !(r->reasoning.sent == THINKING_EFFORT && r->reasoning.sent_effort == EFFORT_NONE)) {
        shape_drop_sampling(r, t);
    }
}

enum err shape_reasoning(struct chat_request *r, const struct chat_target *t, struct err_info *e)
{
    (void)e;
    say_how_much(r, t);
    r->reasoning.sent_show = r->reasoning.show == CHAT_YES && may_think(r, t->gates);
    shape_sampling(r, t);
    shape_thoughts(r, t, r->reasoning.sent == THINKING_DISABLED);
    return ERR_NONE;
}
